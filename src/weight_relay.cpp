#include "weight_relay.hpp"

#include <algorithm>
#include <utility>

namespace ballast {

weight_relay::weight_relay(const layout& where, tile_homes& homes, workers& threads)
    : where_(where), homes_(homes), workers_(threads), buffers_(*this, homes.relay()) {}

ticket weight_relay::fetch(tile_id which, bytes first, std::span<std::byte> to, priority urgency) {
  auto whom = std::allocate_shared<arrival>(block_allocator<arrival>(pool_));
  if (buffer* const free = buffers_.admit({which, first, to, urgency, whom}, urgency)) {
    read(*free);
  }
  return ticket(std::move(whom));
}

void weight_relay::read(buffer& with) {
  const extent& stored = homes_.stored(tile_array::weights).latest(with.serves.which);
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->arrived(back, outcome);
                        },
                        &with};
  (void)homes_.read().submit({.address = stored.address,
                              .memory = with.memory.first(stored.size.value),
                              .urgency = with.serves.urgency,
                              .deadline = {},
                              .done = done,
                              .whose = subject::of(with.serves.which)});
}

void weight_relay::arrived(buffer& with, const status& outcome) {
  if (!outcome) {
    finish(with, outcome);
    return;
  }
  workers_.arena().enqueue([this, &with] { check_and_upload(with); });
}

/// On a worker.
void weight_relay::check_and_upload(buffer& with) {
  if (auto same = check(with); !same) {
    finish(with, same);
    return;
  }
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->finish(back, outcome);
                        },
                        &with};
  (void)homes_.upload().submit(
      {.address = address_of(with.serves.to),
       .memory = with.memory.subspan(with.serves.first.value, with.serves.to.size()),
       .urgency = with.serves.urgency,
       .deadline = {},
       .done = done,
       .whose = subject::of(with.serves.which)});
}

status weight_relay::check(const buffer& with) const {
  const active_span busy(homes_.log(), activity::optimizer, "check",
                         subject::of(with.serves.which));
  const tile& of = where_.at(with.serves.which);
  const bytes width = size_of(where_.at(of.layer).arrays().weights);
  const extent& stored = homes_.stored(tile_array::weights).latest(with.serves.which);
  status outcome;
  for (std::uint32_t i = 0; i < stored.slices && outcome; ++i) {
    const elements first = slice_elements * i;
    const elements count = std::min(slice_elements, of.range.count - first);
    outcome = homes_.on_disk()->check(
        stored, i, {with.memory.subspan((width * first.value).value, (width * count.value).value)});
  }
  return outcome;
}

/// The request is over, and the buffer takes the next one or rests.
void weight_relay::finish(buffer& with, const status& outcome) {
  std::exchange(with.serves.whom, nullptr)->set(outcome);
  if (buffers_.next(with)) {
    read(with);
  }
}

}  // namespace ballast
