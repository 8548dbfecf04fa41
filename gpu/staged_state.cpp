#include "gpu/staged_state.hpp"

namespace ballast::gpu {

staged_state::staged_state(runtime& calls, const stream& on, encoding stored,
                           const state_view& device)
    : calls_(calls), stream_(on), host_{.count = device.count, .first = device.first} {
  // Widths are the same for every optimizer; which arrays exist, the view says.
  const state_layout widths = layout_of(stored, optimizer::adamw);
  const struct {
    std::byte* state_view::*array;
    bytes size;
  } parts[] = {
      {&state_view::weights, size_of(widths.weights) * device.count.value},
      {&state_view::residual, widths.residual.of(device.count)},
      {&state_view::momentum, widths.momentum.of(device.count)},
      {&state_view::variance, widths.variance.of(device.count)},
      {&state_view::momentum_scale, widths.momentum_scale.of(device.count)},
      {&state_view::variance_scale, widths.variance_scale.of(device.count)},
  };
  bytes all;
  for (const auto& part : parts) {
    all += device.*part.array == nullptr ? bytes{0} : part.size;
  }
  memory_.resize(all.value);
  std::byte* next = memory_.data();
  for (const auto& part : parts) {
    if (device.*part.array != nullptr) {
      host_.*part.array = next;
      arrays_.push_back({{device.*part.array, part.size.value}, {next, part.size.value}});
      next += part.size.value;
    }
  }
}

status staged_state::fetch() {
  if (const status idle = calls_.wait_for_all(); !idle) {
    return idle;
  }
  for (const staged_array& each : arrays_) {
    if (const status done = calls_.download(each.host, each.device, stream_.view()); !done) {
      return done;
    }
  }
  return stream_.wait();
}

status staged_state::put() {
  for (const staged_array& each : arrays_) {
    if (const status done = calls_.upload(each.device, each.host, stream_.view()); !done) {
      return done;
    }
  }
  return stream_.wait();
}

}  // namespace ballast::gpu
