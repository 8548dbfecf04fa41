// What goes where: the pure result of a model, budgets and options, before anything is allocated.
// seal() allocates exactly this.
#pragma once

#include <array>
#include <ballast/report.hpp>
#include <ballast/types.hpp>
#include <optional>
#include <string>
#include <vector>

namespace ballast {

/// One named use of a place's bytes.
struct consumer {
  place where;
  std::string name;
  bytes size;
};

/// One thing a caller does in a step, in order: uses a layer's weights or pushes its gradient, or
/// stores or loads an activation of `size`.
struct visit {
  enum class kind : std::uint8_t { fetch, push, store, load } what;
  layer_id layer;
  bytes size = {};
};

struct plan {
  std::vector<consumer> consumers;
  std::array<std::optional<bytes>, place_count> budgets{};  ///< nullopt: not limited
  std::array<std::uint32_t, place_count> tiles{};           ///< whose state rests there
  elements parameters;                                      ///< of the model, without gaps
  bytes state;      ///< weights, residual, moments and gradient of all of them
  bytes nvme_step;  ///< read + written on NVMe by updates; fetches and activations come on top
  std::uint32_t cached_tiles = 0;  ///< of those on NVMe: in host memory when a step reaches them

  bytes total(place where) const;
};

}  // namespace ballast
