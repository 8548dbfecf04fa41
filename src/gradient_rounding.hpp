// The one pass over a complete gradient: rounds it to the compute type and takes its block sums of
// squares and whether it is finite, chunk by chunk, on whatever threads bring it. Where ranks sum
// their gradients these are two: each rounds its own, and measures what it keeps of the sum.
//
// Sums are kept by flat block and folded in index order, so that who rounded what, and when, does
// not matter: nor on which rank, once shared. Disjoint chunks may be rounded at once; the rest is the
// caller's thread.
#pragma once

#include <ballast/update.hpp>
#include <vector>

#include "peers.hpp"
#include "tile_homes.hpp"

namespace ballast {

/// A run of one tile's gradient, at most chunk_elements long: the unit in which it moves.
struct gradient_chunk {
  tile_id tile;
  element_range range;  ///< in the layer
};

/// The chunks of a layer's elements `range`, in order.
std::vector<gradient_chunk> chunks_of(const layout& where, layer_id layer, element_range range);

class gradient_rounding {
 public:
  gradient_rounding(const layout& where, tile_homes& homes);

  /// A layer's whole shard.
  const std::vector<gradient_chunk>& chunks(layer_id layer) const { return chunks_[layer.value]; }

  /// Shapes: source[n] f32, target[n] of the layer's compute type, n = elements of the chunk
  void round(const gradient_chunk& part, std::span<const float> source, std::byte* target,
             update_backend& by, stream_ref stream);

  /// Rounds only: what is summed over ranks, and measured then.
  ///
  /// Shapes: source[n] f32, target[n] of `type`, n at most chunk_elements
  static void encode(dtype type, std::span<const float> source, std::byte* target,
                     update_backend& by, stream_ref stream);
  /// Takes the sums of a chunk that is rounded already.
  ///
  /// Shapes: rounded[n] of the layer's compute type, n = elements of the chunk
  void measure(const gradient_chunk& part, std::span<const std::byte> rounded, update_backend& by,
               stream_ref stream);
  /// Gives every rank the sums of all.
  status share_sums(peers& ranks);

  /// Where the chunk's gradient rests in host memory or on the device.
  std::span<std::byte> home_of(const gradient_chunk& part) const;

  double sum_of_squares() const;
  bool finite() const { return (findings_ & found_non_finite_gradient) == 0; }
  void reset() { findings_ = found_nothing; }

 private:
  const layout& where_;
  tile_homes& homes_;
  std::vector<std::vector<gradient_chunk>> chunks_;  ///< by layer
  std::vector<double> block_sums_;                   ///< by flat block
  std::vector<double> shared_sums_;  ///< by rank, layer and block; empty where all have all
  std::uint32_t findings_ = 0;       ///< or-ed by several threads
};

}  // namespace ballast
