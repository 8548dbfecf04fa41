// The state of a run of elements under one encoding and optimizer, in memory of its own, as a tile
// has it: arrays side by side, each on a line boundary, with values that stay finite for thousands
// of steps.
//
// Owns one region of 2 MiB pages. Equal elements have equal values in every state, whatever their
// number and their encoding.
#pragma once

#include <ballast/memory.hpp>
#include <ballast/update.hpp>
#include <memory>
#include <span>
#include <vector>

#include "tools/bench/memory_traffic.hpp"

namespace ballast::tools {

/// What is stored for an element, and by which rule it is stepped.
struct state_kind {
  encoding stored = encoding::exact;
  optimizer with = optimizer::adamw;
  dtype gradient = dtype::bf16;

  /// "adamw exact bf16"
  std::string name() const;
};

/// Host memory that a state of `count` elements takes, gaps included.
bytes memory_of(const state_kind& kind, elements count);

class bench_state {
 public:
  enum array_of : unsigned {
    weights,
    residual,
    momentum,
    variance,
    momentum_scale,
    variance_scale,
    gradient,
    array_count
  };

  /// Errors: exhausted, with the amounts
  static result<bench_state> make(const state_kind& kind, elements count);

  /// Sets every element; `update` converts, each slice is written by its owner.
  void fill(update_backend& update, thread_team& team);

  const state_kind& kind() const { return kind_; }
  elements count() const { return count_; }
  state_view view(element_range part) const;
  /// The arrays that an update works on, without those that this kind has not.
  std::span<const worked_array> arrays() const { return present_; }
  const worked_array& array(array_of which) const { return all_[which]; }
  /// All of it, gaps too: whoever writes past an end changes it.
  std::span<std::byte> memory() const { return region_->span(); }
  std::string backing() const { return region_->backing(); }

 private:
  bench_state(const state_kind& kind, elements count, std::unique_ptr<memory_region> region);

  state_kind kind_;
  elements count_;
  std::unique_ptr<memory_region> region_;
  worked_array all_[array_count];  ///< width zero where there is none
  std::vector<worked_array> present_;
};

}  // namespace ballast::tools
