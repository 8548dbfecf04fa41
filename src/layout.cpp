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

result<layout> layout::make(const model& declared, elements tile_elements, rank self,
                            std::uint32_t world_size) {
  if (tile_elements.value == 0 || tile_elements.value % block_elements.value != 0) {
    return refused(
        errc::invalid_argument,
        fmt::format("a tile of {} elements is not a multiple of {}; change --tile-elements",
                    tile_elements.value, block_elements.value));
  }
  if (declared.layers().empty()) {
    return refused(errc::invalid_argument, "the model has no layer");
  }
  if (auto unique = check_names(declared); !unique) {
    return unique.error();
  }
  layout made;
  made.tile_elements_ = tile_elements;
  made.home_.resize(declared.parameters().size());
  for (const layer& source : declared.layers()) {
    auto placed = place_own(declared, source, made.home_);
    if (!placed) {
      return placed.error();
    }
    placed->first_block = made.blocks_;
    made.blocks_ += placed->size / block_elements;
    placed->shard = shard_of(placed->size, self, world_size);
    placed->first_tile = static_cast<std::uint32_t>(made.tiles_.size());
    const layer_id here{static_cast<std::uint32_t>(made.layers_.size())};
    for (elements at = placed->shard.begin; at < placed->shard.end(); at += tile_elements) {
      made.tiles_.push_back({here, intersect(placed->shard, {at, tile_elements})});
    }
    placed->tiles = static_cast<std::uint32_t>(made.tiles_.size()) - placed->first_tile;
    made.layers_.push_back(*std::move(placed));
  }
  for (std::size_t index = 0; index < made.layers_.size(); ++index) {
    layer_layout& placed = made.layers_[index];
    for (const parameter_id shared : declared.layers()[index].tied) {
      layer_layout& owner = made.layers_[declared.at(shared).layer.value];
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
  return made;
}

}  // namespace ballast
