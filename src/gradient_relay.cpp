#include "gradient_relay.hpp"

#include <algorithm>
#include <ballast/rounding.hpp>
#include <utility>

namespace ballast {

gradient_relay::gradient_relay(const layout& where, tile_homes& homes, const tile_work& stamps,
                               workers& threads)
    : where_(where),
      homes_(homes),
      stamps_(stamps),
      workers_(threads),
      at_home_(where.tiles().size()),
      buffers_(*this, homes.gradient_relay()) {}

ticket gradient_relay::send(tile_id which, std::span<std::byte> rounded, bytes spacing) {
  at_home_[which.value] = false;
  auto whom = std::allocate_shared<arrival>(block_allocator<arrival>(pool_), chunks_of(which));
  if (buffer* const free = buffers_.admit({which, rounded, spacing, whom}, priority::write_back)) {
    download(*free);
  }
  return ticket(std::move(whom));
}

status gradient_relay::settle() {
  buffers_.wait();
  return failures_.take();
}

std::size_t gradient_relay::chunks_of(tile_id which) const {
  return count_up(where_.at(which).range.count, chunk_elements);
}

/// Each chunk from the beginning of its room to its place in the buffer.
void gradient_relay::download(buffer& with) {
  const request asked = with.serves;  // the last chunk's arrival gives the buffer away
  const tile& of = where_.at(asked.which);
  const std::span<std::byte> into = with.memory;
  const std::uint64_t width = size_of(where_.at(of.layer).arrays().weights).value;
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->downloaded(back, outcome);
                        },
                        &with};
  for (elements first{0}; first < of.range.count; first += chunk_elements) {
    const std::size_t size = std::min(chunk_elements, of.range.count - first).value * width;
    (void)homes_.download().submit(
        {.address = address_of(asked.rounded.subspan(first.value * asked.spacing.value, size)),
         .memory = into.subspan(first.value * width, size),
         .urgency = priority::write_back,
         .deadline = {},
         .done = done,
         .whose = subject::of(asked.which)});
  }
}

void gradient_relay::downloaded(buffer& with, const status& outcome) {
  const auto all = with.serves.whom->set(outcome);
  if (!all) {
    return;
  }
  if (!*all) {
    finish(with, *all);
    return;
  }
  workers_.arena().enqueue([this, &with] { begin_write(with); });
}

void gradient_relay::begin_write(buffer& with) {
  if (auto renewed = homes_.stored(tile_array::gradient).renew(with.serves.which); !renewed) {
    finish(with, renewed);
    return;
  }
  stamp_and_write(with);
}

void gradient_relay::stamp_and_write(buffer& with) {
  const tile_id which = with.serves.which;
  const extent& to = homes_.stored(tile_array::gradient).latest(which);
  const std::span<std::byte> memory = with.memory.first(to.size.value);
  {
    const active_span busy(homes_.log(), activity::optimizer, "stamp", subject::of(which));
    stamps_.stamp(which, tile_array::gradient, {.state = {}, .weights = {}, .gradient = memory});
  }
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->written(back, outcome);
                        },
                        &with};
  (void)homes_.write().submit({.address = to.address,
                               .memory = memory,
                               .urgency = priority::write_back,
                               .deadline = {},
                               .done = done,
                               .whose = subject::of(which)});
}

void gradient_relay::written(buffer& with, const status& outcome) {
  if (outcome) {
    homes_.stored(tile_array::gradient).written(with.serves.which);
    at_home_[with.serves.which.value] = true;
    finish(with, outcome);
    return;
  }
  workers_.arena().enqueue([this, &with, why = outcome.error()] { change_folder(with, why); });
}

/// A write has failed: the gradient goes elsewhere, where there is room.
void gradient_relay::change_folder(buffer& with, const failure& why) {
  if (auto moved = homes_.stored(tile_array::gradient).move_away(with.serves.which, why); !moved) {
    finish(with, moved);
    return;
  }
  stamp_and_write(with);
}

/// The request is over, and the buffer takes the next one or rests.
void gradient_relay::finish(buffer& with, const status& outcome) {
  failures_.note(outcome);
  with.serves.whom.reset();
  if (buffers_.next(with)) {
    download(with);
  }
}

}  // namespace ballast
