#include <fmt/format.h>

#include <nvme/errno_translator.hpp>
#include <nvme/posix_queue.hpp>
#include <nvme/queue_choice.hpp>
#include <nvme/uring_queue.hpp>

namespace ballast::nvme {

namespace {

/// Another queue with a word about why it serves.
class annotated_queue final : public io_queue {
 public:
  annotated_queue(std::unique_ptr<io_queue> inner, std::string note)
      : inner_(std::move(inner)), note_(std::move(note)) {}

  std::string description() const override { return inner_->description() + note_; }
  void submit(std::span<const io_request> batch) override { inner_->submit(batch); }
  std::size_t reap(std::span<io_completion> into, nanoseconds limit) override {
    return inner_->reap(into, limit);
  }
  void wake() override { inner_->wake(); }

 private:
  std::unique_ptr<io_queue> inner_;
  std::string note_;
};

result<std::unique_ptr<io_queue>> open_best(const queue_setup& setup) {
  auto ring = uring_queue::open(setup);
  if (ring) return ring;
  auto pool = open_posix_queue(setup);
  if (!pool) return pool;
  return std::unique_ptr<io_queue>(std::make_unique<annotated_queue>(
      std::move(pool).value(),
      fmt::format(" (io_uring refused: {})", errno_name(ring.error().system))));
}

}  // namespace

queue_opener choose_queue(io_backend backend) {
  switch (backend) {
    case io_backend::automatic:
    case io_backend::inlined: return open_best;  // for what no worker moves
    case io_backend::uring: return uring_queue::open;
    case io_backend::posix: return open_posix_queue;
  }
  return open_best;
}

}  // namespace ballast::nvme
