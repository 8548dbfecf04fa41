#include "weight_exchange.hpp"

#include <algorithm>
#include <utility>

namespace ballast {

weight_exchange::weight_exchange(const model& declared, const layout& where, tile_homes& homes,
                                 peers& ranks)
    : declared_(declared),
      where_(where),
      homes_(homes),
      peers_(ranks),
      needed_(!where.held().replicates() && where.held().holds_all_weights()),
      under_way_(where.layers().size()),
      updates_(where.layers().size()),
      own_(where.layers().size()) {}

void weight_exchange::begin(layer_id which) {
  if (needed_) {
    under_way_[which.value] = gather(which, {});
  }
}

ticket weight_exchange::gather(layer_id which, std::span<const ticket> after) {
  const layer_layout& placed = where_.at(which);
  const bytes width = size_of(placed.arrays().weights);
  const element_range own = placed.shards[peers_.self().value];
  const std::span<std::byte> whole = homes_.whole(placed, tile_array::weights);
  coming_ += width * (placed.size - own.count).value;
  return peers_.all_gather_ahead(
      which, {.shard = whole.subspan(own.begin.value * width.value, own.count.value * width.value),
              .whole = whole,
              .shards = placed.shards,
              .element = width,
              .after = after});
}

void weight_exchange::begin_update() {
  for (std::uint32_t i = 0; i < where_.layers().size() && needed_; ++i) {
    const layer_layout& placed = where_.layers()[i];
    if (!placed.trainable()) {
      continue;
    }
    const auto tiles = std::span(where_.tiles()).subspan(placed.first_tile, placed.tiles);
    const auto owned = static_cast<std::size_t>(std::ranges::count_if(tiles, &tile::owned));
    updates_[i] = std::allocate_shared<arrival>(block_allocator<arrival>(pool_), owned);
    own_[i] = ticket(updates_[i]);
    under_way_[i] = gather({i}, {&own_[i], 1});
  }
}

void weight_exchange::updated(tile_id which) {
  if (const auto& layer = updates_[where_.at(which).layer.value]; layer != nullptr) {
    (void)layer->set({});
  }
}

/// What has not been told by now was not updated.
void weight_exchange::end_update(const status& outcome) {
  for (std::shared_ptr<arrival>& each : updates_) {
    while (each != nullptr && !each->poll()) {
      (void)each->set(outcome);
    }
    each = nullptr;
  }
}

void weight_exchange::begin_all() {
  for (std::uint32_t i = 0; i < where_.layers().size(); ++i) {
    begin({i});
  }
}

status weight_exchange::await_one(layer_id which) {
  const ticket gathered = std::exchange(under_way_[which.value], {});
  return gathered.valid() ? gathered.wait() : status();
}

status weight_exchange::await(layer_id which) {
  status outcome = await_one(which);
  for (const parameter_id tied : declared_.at(which).tied) {
    if (auto arrived = await_one(declared_.at(tied).layer); !arrived && outcome) {
      outcome = arrived;
    }
  }
  return outcome;
}

status weight_exchange::settle() {
  status outcome;
  for (std::uint32_t i = 0; i < under_way_.size(); ++i) {
    if (auto arrived = await_one({i}); !arrived && outcome) {
      outcome = arrived;
    }
  }
  return outcome;
}

}  // namespace ballast
