#include "stored_tiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ballast {

status stored_tiles::place(tile_id which, bytes size, std::uint32_t slices) {
  auto first = disk_.allocate(size, slices);
  if (!first) {
    return first.error();
  }
  tiles_[which.value] = {.latest = *first, .current = *first, .placed = true};
  return {};
}

status stored_tiles::renew(tile_id which) {
  generations& of = tiles_[which.value];
  if (of.spare) {
    of.latest = *std::exchange(of.spare, std::nullopt);
    of.renewed = true;
    return {};
  }
  if (!of.homeless && (of.renewed || !is_kept(which, of.current))) {
    return {};
  }
  auto next = disk_.allocate(of.latest.size, of.latest.slices);
  if (!next) {
    return next.error();
  }
  of.latest = *next;
  of.renewed = true;
  of.homeless = false;
  return {};
}

void stored_tiles::written(tile_id which) {
  generations& of = tiles_[which.value];
  of.current = of.latest;
  of.renewed = false;
}

status stored_tiles::move_away(tile_id which, const failure& why) {
  generations& of = tiles_[which.value];
  const bool refused = why.code == errc::io_failure || why.code == errc::no_space;
  if (!refused || !disk_.avoid(of.latest, why)) {
    return why;
  }
  auto next = disk_.allocate(of.latest.size, of.latest.slices);
  if (!next) {
    of.homeless = true;
    return failure{why.code, fmt::format("{}; no other folder takes it: {}", why.message,
                                         next.error().message)};
  }
  of.latest = *next;
  of.renewed = true;
  return {};
}

status stored_tiles::keep_before(tile_id which) {
  generations& of = tiles_[which.value];
  require(!of.before && !of.renewed, "an update that may be undone begins with what is on disk");
  auto next = disk_.allocate(of.current.size, of.current.slices);
  if (!next) {
    return next.error();
  }
  of.spare = *next;
  of.before = of.current;
  return {};
}

void stored_tiles::retire(tile_id which) {
  generations& of = tiles_[which.value];
  const extent before = *std::exchange(of.before, std::nullopt);
  if (before.address != of.current.address && !is_kept(which, before)) {
    disk_.release(before);
  }
}

void stored_tiles::roll_back(tile_id which) {
  generations& of = tiles_[which.value];
  const extent before = *std::exchange(of.before, std::nullopt);
  if (const auto unused = std::exchange(of.spare, std::nullopt)) {
    disk_.release(*unused);
  }
  if (of.renewed && !of.homeless) {
    disk_.release(of.latest);
  }
  if (of.current.address != before.address) {
    disk_.release(of.current);
  }
  of.latest = of.current = before;
  of.renewed = of.homeless = false;
}

void stored_tiles::keep(std::uint64_t checkpoint) {
  kept added{checkpoint, {}};
  added.extents.reserve(tiles_.size());
  for (const generations& each : tiles_) {
    require(!each.renewed, "what a checkpoint keeps is on disk");
    added.extents.push_back(each.current);
  }
  kept_.push_back(std::move(added));
}

void stored_tiles::drop(std::uint64_t checkpoint) {
  const auto found = std::ranges::find(kept_, checkpoint, &kept::checkpoint);
  if (found == kept_.end()) {
    return;
  }
  const kept dropped = std::move(*found);
  kept_.erase(found);
  for (std::uint32_t i = 0; i < tiles_.size(); ++i) {
    const extent& its = dropped.extents[i];
    const bool live = tiles_[i].current.address == its.address;
    if (tiles_[i].placed && !live && !is_kept({i}, its)) {
      disk_.release(its);
    }
  }
}

bool stored_tiles::is_kept(tile_id which, const extent& where) const {
  return std::ranges::any_of(
      kept_, [&](const kept& each) { return each.extents[which.value].address == where.address; });
}

}  // namespace ballast
