// What one assignment of tiles to places needs: slots, sizes, and the plan's lines, one consumer
// each. Pure; draw() tries several and keeps the best that fits.
#pragma once

#include "blueprint.hpp"

namespace ballast {

class assignment {
 public:
  assignment(const model& declared, const layout& where, const engine_config& config,
             const std::array<bytes, place_count>& reserved, std::vector<place> tile_places);

  /// Gives what the host budget leaves to the cache; the last thing to be done.
  void use_rest_as_cache();

  bytes total(place of) const { return drawn_.summary.total(of); }
  blueprint take() { return std::move(drawn_); }

 private:
  bool on(std::size_t index, place wanted) const { return drawn_.tile_places[index] == wanted; }
  bytes sum(place wanted, tile_array array) const;
  bytes sum_of_sums(bool on_device) const;
  bytes on_nvme(tile_array array) const;
  bytes kept_by_sums() const;
  void size_slots();
  void size_exchange();
  void size_store();
  bytes slice_of(const tile& which) const;
  void size_checkpoint_staging();
  void size_undo();
  void size_activations();
  void size_spare();
  void line(place of, std::string name, bytes size);
  void list_device();
  void list_host();
  void list_rest();

  const model& declared_;
  const layout& where_;
  const engine_config& config_;
  const std::array<bytes, place_count>& reserved_;
  blueprint drawn_;
};

}  // namespace ballast
