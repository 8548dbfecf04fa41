#include <nvme/io_transfer.hpp>

namespace ballast::nvme {

std::optional<status> io_transfer::poll() const {
  if (!finished_.load(std::memory_order_acquire)) return std::nullopt;
  return outcome_;
}

status io_transfer::wait() const {
  finished_.wait(false, std::memory_order_acquire);
  return outcome_;
}

void io_transfer::finish() {
  meter_.end(failed() ? bytes{0} : size());
  if (hop_.done.call != nullptr) hop_.done.call(hop_.done.context, outcome_);
  finished_.store(true, std::memory_order_release);
  finished_.notify_all();
}

}  // namespace ballast::nvme
