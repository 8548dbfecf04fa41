// The flat index of a model: layers -> shards -> tiles. A pure function of the declarations, the
// partition and the tile size; parameters keep their addresses whatever the other two are.
//
// Worked example: layer "a" has parameters of 5000 and 300 elements, layer "b" one of 9000; two
// ranks, tiles of one block (4096 elements).
//
//   layer a: parameter 0 at [0, 5000), parameter 1 at [5120, 5420)   (starts at multiples of 128)
//            2 blocks, 8192 elements; flat blocks 0..1; shards of 1 block: rank 0 has block 0
//   layer b: parameter 2 at [0, 9000); 3 blocks, 12288 elements; flat blocks 2..4;
//            shards of ceil(3 / 2) = 2 blocks: rank 0 has [0, 8192), rank 1 [8192, 12288), the
//            short one
//   tiles that rank 0 owns: a[0, 4096), b[0, 4096), b[4096, 8192)
//
// A rank owns the tiles that it updates. Of its peers' shards it has, by ZeRO stage, weights (1 and
// 2) and gradients (1), in tiles that are not its own, and at every stage fp32 sums of what is
// pushed several times, because only a complete gradient is reduced.
//
// A layer's buffer (a lease) is the layer itself and behind it what is tied to it, each such
// parameter at a multiple of 128 elements.
#pragma once

#include <ballast/lease.hpp>
#include <ballast/model.hpp>
#include <ballast/result.hpp>
#include <vector>

#include "tile_array.hpp"

namespace ballast {

/// Which part of the model a rank holds.
///
/// Source:  Rajbhandari et al., ZeRO (2020): stage 0 replicates, 1 partitions optimizer state, 2 also
///          gradients, 3 also weights
struct partition {
  rank self{};
  std::uint32_t ranks = 1;
  std::uint32_t stage = 3;
  bool several_pushes = false;  ///< every gradient is summed

  bool alone() const { return ranks == 1; }
  /// Every rank updates everything.
  bool replicates() const { return alone() || stage == 0; }
  /// Of peers' shards too.
  bool holds_all_weights() const { return alone() || stage < 3; }
  bool holds_all_gradients() const { return alone() || stage < 2; }
};

/// A trainable run of elements inside a layer, and whose hyperparameters it takes.
struct segment {
  element_range range;
  group_id group;
};

struct layer_layout {
  encoding stored = encoding::exact;
  optimizer with = optimizer::adamw;
  elements size;                      ///< whole blocks
  std::uint64_t first_block = 0;      ///< in the flat index
  std::vector<element_range> shards;  ///< by rank: who reduces what, and updates it from stage 1 on
  std::uint32_t first_tile = 0;
  std::uint32_t tiles = 0;
  std::vector<placed_parameter> parameters;  ///< in the buffer: own ones, then tied ones
  std::size_t own_parameters = 0;            ///< how many of them are its own
  elements buffer;                           ///< elements of the whole buffer
  std::vector<segment> segments;             ///< trainable runs, in order
  bool shared = false;                       ///< one of its parameters is tied to another layer
  bool takes_gradient = false;               ///< something in its buffer is trainable, own or tied

  /// Something of its own is: it has a gradient, and state that is updated.
  bool trainable() const { return !segments.empty(); }
  state_layout arrays() const { return layout_of(stored, with); }
};

/// The unit of movement: a slice of a shard of a layer.
struct tile {
  layer_id layer;
  element_range range;  ///< in the layer
  bool owned = true;    ///< this rank updates it
};

class layout {
 public:
  /// Errors: invalid_argument (no layer, an empty layer, tile size not whole blocks, duplicate
  ///         name); unsupported (layers of mixed encodings or optimizers)
  static result<layout> make(const model& declared, elements tile_elements,
                             const partition& held = {});

  const partition& held() const { return held_; }
  /// Whether this rank holds that array of a tile, wherever it rests.
  bool holds(const tile& which, tile_array array) const;
  /// Whether a layer's gradient is summed over several pushes.
  bool sums(const layer_layout& layer) const {
    return layer.trainable() && (layer.shared || held_.several_pushes);
  }
  /// A step updates it.
  bool updates(const tile& which) const { return which.owned && at(which.layer).trainable(); }

  const std::vector<layer_layout>& layers() const { return layers_; }
  const layer_layout& at(layer_id which) const { return layers_[which.value]; }
  const std::vector<tile>& tiles() const { return tiles_; }
  const tile& at(tile_id which) const { return tiles_[which.value]; }
  /// Where a parameter rests in its own layer.
  element_range range_of(parameter_id which) const { return home_[which.value]; }
  std::uint64_t blocks() const { return blocks_; }
  elements tile_elements() const { return tile_elements_; }

 private:
  status tie(const model& declared);
  void cut_layer(layer_id which);
  void cut(layer_id which, element_range range, bool owned);

  std::vector<layer_layout> layers_;
  std::vector<tile> tiles_;
  std::vector<element_range> home_;  ///< by parameter
  std::uint64_t blocks_ = 0;
  elements tile_elements_;
  partition held_;
};

}  // namespace ballast
