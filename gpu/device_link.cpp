#include "gpu/device_link.hpp"

#include <ballast/assert.hpp>

namespace ballast::gpu {

ticket device_link::submit(const transfer& hop) {
  require(hop.memory.empty() || parts_.memory.holds(hop.address.value, hop.memory.size()),
          "a transfer stays inside memory that the device gave out");
  auto state = std::allocate_shared<device_transfer>(block_allocator<device_transfer>(pool_), hop,
                                                     counters_);
  const std::lock_guard held(order_);
  state->enqueued = enqueue(hop);
  parts_.completions.hear(state);
  return ticket(std::move(state));
}

result<event> device_link::enqueue(const transfer& hop) {
  result<event> moved = parts_.events.take();
  if (!moved) {
    return moved;
  }
  const std::span device(reinterpret_cast<std::byte*>(hop.address.value), hop.memory.size());
  status done;
  if (hop.memory.empty()) {
    done = status{};
  } else if (stream_.role() == stream_role::upload) {
    done = parts_.calls.upload(device, hop.memory, stream_.view());
  } else {
    done = parts_.calls.download(hop.memory, device, stream_.view());
  }
  if (done) {
    done = moved->record(stream_.view());
  }
  if (!done) {
    parts_.events.give(std::move(*moved));
    return done.error();
  }
  return moved;
}

}  // namespace ballast::gpu
