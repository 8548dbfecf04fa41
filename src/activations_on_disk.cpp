#include "activations_on_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <utility>

namespace ballast {

result<std::unique_ptr<activations_on_disk>> activations_on_disk::make(std::uint32_t pages,
                                                                       tile_homes& homes,
                                                                       workers& threads) {
  std::unique_ptr<activations_on_disk> made(new activations_on_disk(pages, homes, threads));
  for (const tile_id each : made->free_) {
    if (auto placed = made->pages_.place(each, activation_page, 1); !placed) {
      return placed.error();
    }
  }
  return made;
}

activations_on_disk::activations_on_disk(std::uint32_t pages, tile_homes& homes, workers& threads)
    : homes_(homes),
      workers_(threads),
      pages_(*homes.on_disk(), pages),
      buffers_(*this, homes.activation_relay()) {
  for (std::uint32_t i = pages; i-- > 0;) {
    free_.push_back({i});  // the first one is given out first
  }
}

result<activation_id> activations_on_disk::store(std::span<const std::byte> device_memory,
                                                 stream_ref stream) {
  const bytes size{device_memory.size()};
  const std::size_t pages = count_up(std::max(size, bytes{1}), activation_page);
  if (pages > free_.size()) {
    return failure{errc::exhausted,
                   fmt::format("activations on NVMe: {} pages of {} bytes asked for, {} are free; "
                               "reserve more before seal()",
                               pages, activation_page.value, free_.size())};
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered.error();
  }
  kept of{.pages = {free_.end() - static_cast<std::ptrdiff_t>(pages), free_.end()}, .size = size};
  free_.resize(free_.size() - pages);
  const activation_id named{next_++};
  request each{.whose = named, .left = all_pages(of), .over = all_pages(of)};
  of.left = ticket(each.left);
  of.stored = ticket(each.over);
  // Only read from: the links' ranges are of bytes that may be written.
  submit(of, {const_cast<std::byte*>(device_memory.data()), device_memory.size()}, each);
  kept_.emplace(named.value, std::move(of));
  return named;
}

status activations_on_disk::await_stored(activation_id which, stream_ref stream) {
  const auto found = kept_.find(which.value);
  if (found == kept_.end()) {
    return no_such_activation();
  }
  // A device's queue knows the transfers that were submitted, and later pages wait for a buffer.
  if (auto left = found->second.left.wait(); !left) {
    return left;
  }
  return homes_.on_device().order_after(stream, found->second.left);
}

status activations_on_disk::expect(activation_id which, std::span<std::byte> device_memory,
                                   stream_ref stream) {
  const auto found = find(which, device_memory);
  if (!found) {
    return found.error();
  }
  kept& of = **found;
  const std::optional<status> stored = of.stored.poll();
  if (of.brought.valid() || !stored || !*stored) {
    return {};
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered;
  }
  begin_load(which, of, device_memory, priority::prefetch);
  return {};
}

status activations_on_disk::load(activation_id which, std::span<std::byte> device_memory,
                                 stream_ref stream) {
  const auto found = find(which, device_memory);
  if (!found) {
    return found.error();
  }
  kept& of = **found;
  if (auto stored = of.stored.wait(); !stored) {
    return stored;
  }
  if (!of.brought.valid()) {
    if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
      return ordered;
    }
    begin_load(which, of, device_memory, priority::demand);
  }
  const status arrived = of.brought.wait();  // the pages are free again only then
  const status ordered = homes_.on_device().order_after(stream, of.brought);
  free_.insert(free_.end(), of.pages.begin(), of.pages.end());
  kept_.erase(which.value);
  return arrived ? ordered : arrived;
}

void activations_on_disk::drop() {
  settle();
  for (const auto& [id, each] : kept_) {
    free_.insert(free_.end(), each.pages.begin(), each.pages.end());
  }
  kept_.clear();
}

result<activations_on_disk::kept*> activations_on_disk::find(
    activation_id which, std::span<const std::byte> device_memory) {
  const auto found = kept_.find(which.value);
  if (found == kept_.end()) {
    return no_such_activation();
  }
  kept& of = found->second;
  if (of.size.value != device_memory.size() ||
      (of.brought.valid() && of.to != address_of(device_memory))) {
    return no_such_activation();
  }
  return &of;
}

std::shared_ptr<arrival> activations_on_disk::all_pages(const kept& of) {
  return std::allocate_shared<arrival>(block_allocator<arrival>(pool_), of.pages.size());
}

void activations_on_disk::begin_load(activation_id which, kept& of,
                                     std::span<std::byte> device_memory, priority urgency) {
  request each{.whose = which, .urgency = urgency, .left = nullptr, .over = all_pages(of)};
  of.brought = ticket(each.over);
  of.to = address_of(device_memory);
  submit(of, device_memory, std::move(each));
}

/// `each`, for every page of an activation.
void activations_on_disk::submit(const kept& of, std::span<std::byte> device_memory, request each) {
  for (const tile_id page : of.pages) {
    each.page = page;
    each.on_device =
        device_memory.first(std::min<std::size_t>(device_memory.size(), activation_page.value));
    device_memory = device_memory.subspan(each.on_device.size());
    if (buffer* const free = buffers_.admit(each, each.urgency)) {
      begin(*free);
    }
  }
}

/// Whole sectors of what a page holds.
std::span<std::byte> activations_on_disk::moved(const buffer& with) const {
  return with.memory.first(round_up(bytes{with.serves.on_device.size()}, extent_alignment).value);
}

void activations_on_disk::begin(buffer& with) {
  if (with.serves.left != nullptr) {
    download(with);
  } else {
    read(with);
  }
}

void activations_on_disk::download(buffer& with) {
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->downloaded(back, outcome);
                        },
                        &with};
  (void)homes_.download().submit({.address = address_of(with.serves.on_device),
                                  .memory = with.memory.first(with.serves.on_device.size()),
                                  .urgency = priority::write_back,
                                  .deadline = {},
                                  .done = done,
                                  .whose = subject::of(with.serves.whose)});
}

void activations_on_disk::downloaded(buffer& with, const status& outcome) {
  with.serves.left->set(outcome);
  if (!outcome) {
    finish(with, outcome);
    return;
  }
  workers_.arena().enqueue([this, &with] { begin_write(with); });
}

void activations_on_disk::begin_write(buffer& with) {
  if (auto renewed = pages_.renew(with.serves.page); !renewed) {
    finish(with, renewed);
    return;
  }
  std::ranges::fill(moved(with).subspan(with.serves.on_device.size()), std::byte{0});
  stamp_and_write(with);
}

void activations_on_disk::stamp_and_write(buffer& with) {
  const extent& to = pages_.latest(with.serves.page);
  {
    const active_span busy(homes_.log(), activity::optimizer, "stamp",
                           subject::of(with.serves.whose));
    homes_.on_disk()->stamp(to, 0, {moved(with)});
  }
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->written(back, outcome);
                        },
                        &with};
  (void)homes_.write().submit({.address = to.address,
                               .memory = moved(with),
                               .urgency = priority::write_back,
                               .deadline = {},
                               .done = done,
                               .whose = subject::of(with.serves.whose)});
}

void activations_on_disk::written(buffer& with, const status& outcome) {
  if (outcome) {
    pages_.written(with.serves.page);
    finish(with, outcome);
    return;
  }
  workers_.arena().enqueue([this, &with, why = outcome.error()] { change_folder(with, why); });
}

/// A write has failed: the page goes elsewhere, where there is room.
void activations_on_disk::change_folder(buffer& with, const failure& why) {
  if (auto away = pages_.move_away(with.serves.page, why); !away) {
    finish(with, away);
    return;
  }
  stamp_and_write(with);
}

void activations_on_disk::read(buffer& with) {
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->arrived(back, outcome);
                        },
                        &with};
  (void)homes_.read().submit({.address = pages_.latest(with.serves.page).address,
                              .memory = moved(with),
                              .urgency = with.serves.urgency,
                              .deadline = {},
                              .done = done,
                              .whose = subject::of(with.serves.whose)});
}

void activations_on_disk::arrived(buffer& with, const status& outcome) {
  if (!outcome) {
    finish(with, outcome);
    return;
  }
  workers_.arena().enqueue([this, &with] { check_and_upload(with); });
}

void activations_on_disk::check_and_upload(buffer& with) {
  const status same = [&] {
    const active_span busy(homes_.log(), activity::optimizer, "check",
                           subject::of(with.serves.whose));
    return homes_.on_disk()->check(pages_.latest(with.serves.page), 0, {moved(with)});
  }();
  if (!same) {
    finish(with, same);
    return;
  }
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<buffer*>(context);
                          back.owner->finish(back, outcome);
                        },
                        &with};
  (void)homes_.upload().submit({.address = address_of(with.serves.on_device),
                                .memory = with.memory.first(with.serves.on_device.size()),
                                .urgency = with.serves.urgency,
                                .deadline = {},
                                .done = done,
                                .whose = subject::of(with.serves.whose)});
}

/// The request is over, and the buffer takes the next one or rests.
void activations_on_disk::finish(buffer& with, const status& outcome) {
  with.serves.left.reset();
  std::exchange(with.serves.over, nullptr)->set(outcome);
  if (buffers_.next(with)) {
    begin(with);
  }
}

}  // namespace ballast
