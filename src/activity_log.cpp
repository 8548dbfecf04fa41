#include "activity_log.hpp"

#include <algorithm>
#include <ballast/assert.hpp>
#include <utility>

namespace ballast {

/// Charges the time up to now to the first class that is active.
time_point activity_log::charge() {
  const time_point now = time_.now();
  const auto first = std::ranges::find_if(active_, [](std::uint32_t count) { return count > 0; });
  const auto at = std::min<std::size_t>(static_cast<std::size_t>(first - active_.begin()),
                                        static_cast<std::size_t>(activity::wait));
  charged_.charged[at] += now - charged_until_;
  charged_until_ = now;
  return now;
}

time_point activity_log::begin(activity what) {
  const std::lock_guard hold(mutex_);
  const time_point now = charge();
  ++active_[static_cast<std::size_t>(what)];
  return now;
}

void activity_log::end(activity what, std::string_view name, subject whose, time_point begun,
                       bytes moved) {
  const std::lock_guard hold(mutex_);
  const time_point now = charge();
  std::uint32_t& active = active_[static_cast<std::size_t>(what)];
  require(active > 0, "an activity ends once");
  --active;
  if (sink_ != nullptr) {
    sink_->record({what, name, whose, begun, now, moved});
  }
}

attribution activity_log::take() {
  const std::lock_guard hold(mutex_);
  charge();
  return std::exchange(charged_, {});
}

void activity_log::listen(trace_sink* sink) {
  const std::lock_guard hold(mutex_);
  sink_ = sink;
}

}  // namespace ballast
