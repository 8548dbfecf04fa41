#include "layout.hpp"

#include <fmt/format.h>

#include <ballast/rounding.hpp>
#include <ballast/shard.hpp>
#include <set>
#include <string_view>

namespace ballast {
namespace {

failure refused(errc code, std::string message) { return {code, std::move(message)}; }

/// Places a layer's own parameters; the home ranges of the model are filled on the way.
result<layer_layout> place_own(const model& declared, const layer& source,
                               std::vector<element_range>& home) {
  if (source.parameters.empty()) {
    return refused(errc::invalid_argument,
                   fmt::format("layer \"{}\" has no parameter", source.name));
  }
  layer_layout placed;
  placed.stored = declared.at(source.parameters.front()).options.stored;
  elements next;
  for (const parameter_id which : source.parameters) {
    const parameter& own = declared.at(which);
    if (own.options.stored != placed.stored) {
      return refused(
          errc::unsupported,
          fmt::format("layer \"{}\" mixes encodings {} and {}; give a layer one encoding",
                      source.name, to_string(placed.stored), to_string(own.options.stored)));
    }
    const element_range range{next, own.count};
    home[which.value] = range;
    placed.parameters.push_back({which, range});
    if (own.options.trainable) {
      const optimizer with = kind_of(declared.groups()[own.options.group.value]);
      if (!placed.segments.empty() && with != placed.with) {
        return refused(
            errc::unsupported,
            fmt::format("layer \"{}\" mixes optimizers {} and {}; give a layer one optimizer",
                        source.name, to_string(placed.with), to_string(with)));
      }
      placed.with = with;
      placed.segments.push_back({range, own.options.group});
    }
    next = round_up(range.end(), parameter_alignment);
  }
  placed.own_parameters = placed.parameters.size();
  placed.takes_gradient = placed.trainable();
  placed.size = round_up(next, block_elements);
  placed.buffer = placed.size;
  return placed;
}

result<void> check_names(const model& declared) {
  std::set<std::string_view> names;
  for (const parameter& each : declared.parameters()) {
    if (!names.insert(each.name).second) {
      return refused(errc::invalid_argument,
                     fmt::format("two parameters are named \"{}\"", each.name));
    }
  }
  return {};
}

}  // namespace

bool layout::holds(const tile& which, tile_array array) const {
  switch (array) {
    case tile_array::weights: return which.owned || held_.holds_all_weights();
    case tile_array::state: return which.owned;
    case tile_array::gradient:
      return at(which.layer).trainable() && (which.owned || held_.holds_all_gradients());
  }
  return false;
}

/// Tiles of a shard of a layer, behind those that there are.
void layout::cut(layer_id which, element_range range, bool owned) {
  for (elements at = range.begin; at < range.end(); at += tile_elements_) {
    tiles_.push_back({which, intersect(range, {at, tile_elements_}), owned});
  }
}

result<layout> layout::make(const model& declared, elements tile_elements, const partition& held) {
  if (tile_elements.value == 0 || tile_elements.value % block_elements.value != 0) {
    return refused(
        errc::invalid_argument,
        fmt::format("a tile of {} elements is not a multiple of {}; change --tile-elements",
                    tile_elements.value, block_elements.value));
  }
  if (held.ranks == 0 || held.self.value >= held.ranks || held.stage > 3) {
    return refused(
        errc::invalid_argument,
        fmt::format("rank {} of {} at stage {}: ranks are counted from 0, and --stage is "
                    "0, 1, 2 or 3",
                    held.self.value, held.ranks, held.stage));
  }
  if (declared.layers().empty()) {
    return refused(errc::invalid_argument, "the model has no layer");
  }
  if (auto unique = check_names(declared); !unique) {
    return unique.error();
  }
  layout made;
  made.tile_elements_ = tile_elements;
  made.held_ = held;
  made.home_.resize(declared.parameters().size());
  for (const layer& source : declared.layers()) {
    auto placed = place_own(declared, source, made.home_);
    if (!placed) {
      return placed.error();
    }
    placed->first_block = made.blocks_;
    made.blocks_ += placed->size / block_elements;
    for (std::uint32_t i = 0; i < held.ranks; ++i) {
      placed->shards.push_back(shard_of(placed->size, {i}, held.ranks));
    }
    made.layers_.push_back(*std::move(placed));
  }
  if (auto tied = made.tie(declared); !tied) {
    return tied.error();
  }
  for (std::uint32_t i = 0; i < made.layers_.size(); ++i) {
    made.cut_layer({i});
  }
  return made;
}

/// Places what is tied to a layer behind its own parameters.
status layout::tie(const model& declared) {
  for (std::size_t index = 0; index < layers_.size(); ++index) {
    layer_layout& placed = layers_[index];
    for (const parameter_id shared : declared.layers()[index].tied) {
      layer_layout& owner = layers_[declared.at(shared).layer.value];
      if (owner.stored != placed.stored) {
        return refused(
            errc::unsupported,
            fmt::format("\"{}\" is tied to a layer of another encoding", declared.at(shared).name));
      }
      owner.shared = true;
      placed.takes_gradient = placed.takes_gradient || declared.at(shared).options.trainable;
      placed.parameters.push_back({shared, {placed.buffer, declared.at(shared).count}});
      placed.buffer = round_up(placed.parameters.back().range.end(), parameter_alignment);
    }
  }
  return {};
}

/// The tiles of a layer of which this rank has anything, in order.
void layout::cut_layer(layer_id which) {
  layer_layout& placed = layers_[which.value];
  placed.first_tile = static_cast<std::uint32_t>(tiles_.size());
  if (held_.replicates()) {
    cut(which, {{0}, placed.size}, true);
  } else {
    const bool has_more = held_.holds_all_weights() || sums(placed);
    for (std::uint32_t i = 0; i < held_.ranks; ++i) {
      if (i == held_.self.value || has_more) {
        cut(which, placed.shards[i], i == held_.self.value);
      }
    }
  }
  placed.tiles = static_cast<std::uint32_t>(tiles_.size()) - placed.first_tile;
}

}  // namespace ballast
