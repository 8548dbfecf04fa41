// The flat index of a model: layers -> shards -> tiles. A pure function of the declarations, the
// world size and the tile size; parameters keep their addresses whatever the other two are.
//
// Worked example: layer "a" has parameters of 5000 and 300 elements, layer "b" one of 9000; two
// ranks, tiles of one block (4096 elements).
//
//   layer a: parameter 0 at [0, 5000), parameter 1 at [5120, 5420)   (starts at multiples of 128)
//            2 blocks, 8192 elements; flat blocks 0..1; shards of 1 block: rank 0 has block 0
//   layer b: parameter 2 at [0, 9000); 3 blocks, 12288 elements; flat blocks 2..4;
//            shards of ceil(3 / 2) = 2 blocks: rank 0 has [0, 8192), rank 1 [8192, 12288), the
//            short one
//   tiles of rank 0: a[0, 4096), b[0, 4096), b[4096, 8192)
//
// A layer's buffer (a lease) is the layer itself and behind it what is tied to it, each such
// parameter at a multiple of 128 elements.
#pragma once

#include <ballast/lease.hpp>
#include <ballast/model.hpp>
#include <ballast/result.hpp>
#include <vector>

namespace ballast {

/// A trainable run of elements inside a layer, and whose hyperparameters it takes.
struct segment {
  element_range range;
  group_id group;
};

struct layer_layout {
  encoding stored = encoding::exact;
  optimizer with = optimizer::adamw;
  elements size;                  ///< whole blocks
  std::uint64_t first_block = 0;  ///< in the flat index
  element_range shard;            ///< this rank's part of the layer
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

/// The unit of movement: a slice of this rank's shard of a layer.
struct tile {
  layer_id layer;
  element_range range;  ///< in the layer
};

class layout {
 public:
  /// Errors: invalid_argument (no layer, an empty layer, tile size not whole blocks, duplicate
  ///         name); unsupported (layers of mixed encodings or optimizers)
  static result<layout> make(const model& declared, elements tile_elements, rank self,
                             std::uint32_t world_size);

  const std::vector<layer_layout>& layers() const { return layers_; }
  const layer_layout& at(layer_id which) const { return layers_[which.value]; }
  const std::vector<tile>& tiles() const { return tiles_; }
  const tile& at(tile_id which) const { return tiles_[which.value]; }
  /// Where a parameter rests in its own layer.
  element_range range_of(parameter_id which) const { return home_[which.value]; }
  std::uint64_t blocks() const { return blocks_; }
  elements tile_elements() const { return tile_elements_; }

 private:
  std::vector<layer_layout> layers_;
  std::vector<tile> tiles_;
  std::vector<element_range> home_;  ///< by parameter
  std::uint64_t blocks_ = 0;
  elements tile_elements_;
};

}  // namespace ballast
