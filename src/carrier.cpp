#include "carrier.hpp"

#include <algorithm>

namespace ballast {

bool carrier::choose_to_read(tile_movement moved, const tile_home& home) {
  for (leg& each : legs) {
    const bool wanted = each.array == tile_array::gradient
                            ? moved == tile_movement::update
                            : moved != tile_movement::write_only && !cached;
    each.going = wanted && home.on_nvme(each.array);
  }
  return std::ranges::any_of(legs, &leg::going);
}

bool carrier::choose_to_write(tile_movement moved, const tile_home& home) {
  for (leg& each : legs) {
    const bool work = moved != tile_movement::read_only && home.on_nvme(each.array);
    each.changed = each.array != tile_array::gradient && (each.changed || work);
    each.going = each.changed && !(cached && each.array == tile_array::state);
  }
  return std::ranges::any_of(legs, &leg::going);
}

bool carrier::choose_to_flush() {
  for (leg& each : legs) {
    each.outcome = {};
    each.going = cached && each.changed;
  }
  return std::ranges::any_of(legs, &leg::going);
}

priority carrier::urgency() const {
  if (!reading) {
    return priority::write_back;
  }
  return cached ? priority::prefetch : priority::demand;
}

status carrier::outcome() const {
  const auto failed = std::ranges::find_if(legs, [](const leg& each) { return !each.outcome; });
  return failed == legs.end() ? status() : failed->outcome;
}

}  // namespace ballast
