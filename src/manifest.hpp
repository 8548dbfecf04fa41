// What a checkpoint is made of: the small file that names every byte of it and vouches for them.
//
// State belongs to the model, not to ranks, tiles or places: a run is a range of a layer, and the
// layer's parameters say which elements of theirs lie in it. The text is JSON (README, Checkpoints);
// parse() believes nothing of it: what it returns is consistent in itself, every range inside its
// layer and every store there.
#pragma once

#include <ballast/result.hpp>
#include <ballast/store.hpp>
#include <ballast/types.hpp>
#include <string>
#include <vector>

#include "layout.hpp"

namespace ballast {

struct manifest {
  static constexpr std::uint64_t version = 1;

  struct named_range {
    std::string name;
    element_range range;  ///< in the layer
    friend bool operator==(const named_range&, const named_range&) = default;
  };
  struct layer {
    std::string name;
    std::string stored, with;  ///< encoding and optimizer
    elements size;
    std::vector<named_range> parameters;
    friend bool operator==(const layer&, const layer&) = default;
  };
  /// Bytes in one of the stores, with a digest for each `slice` elements.
  struct array {
    std::uint32_t store = 0;
    tier_address address;
    bytes size;
    std::vector<digest> digests;
    friend bool operator==(const array&, const array&) = default;
  };
  /// The weights and the state (layout_of, in that order) of a range of a layer.
  struct run {
    std::uint32_t layer = 0;
    element_range range;
    array weights, state;
    friend bool operator==(const run&, const run&) = default;
  };

  std::uint64_t steps = 0;    ///< calls of step()
  std::uint64_t updates = 0;  ///< the optimizer's step number
  std::uint64_t noise_seed = 0;
  elements slice;  ///< elements a digest covers, but for a run's last one
  std::vector<store_record> stores;
  std::vector<layer> layers;
  std::vector<run> runs;  ///< by layer and range; no two overlap
  std::string blob;       ///< the caller's own bytes

  /// Errors: invalid_argument: a path or a name is not UTF-8, and JSON cannot hold it
  result<std::string> text() const;
  /// Errors: corrupted, with what is wrong
  static result<manifest> parse(std::string_view text);
  /// What one rank has written of a checkpoint: not every layer is covered.
  ///
  /// Errors: corrupted
  static result<manifest> parse_part(std::string_view text);
  /// Takes a part's stores and runs, behind those that are there.
  void add(manifest part);

  friend bool operator==(const manifest&, const manifest&) = default;
};

/// How a manifest describes the layers of a model.
std::vector<manifest::layer> layers_of(const model& declared, const layout& where);

}  // namespace ballast
