// The dynamic loss scale of fp16 compute: what a loss is multiplied by before it is differentiated,
// so that gradients stay inside what 16 bits hold; step_options::loss_scale divides it out again.
//
// Always a power of two, so that multiplying and dividing by it rounds nothing. A plain value: the
// caller owns it, hands value() to a step and tells update() what became of the step. One thread.
#pragma once

#include <ballast/result.hpp>
#include <cstdint>

namespace ballast {

struct loss_scale_options {
  double initial = 65536;                ///< a power of two in [1, largest_loss_scale]
  std::uint64_t growth_interval = 2000;  ///< good steps in a row after which it doubles, from 1
};

/// 2^40, where doubling ends; gradients that are all zero would let it grow without end.
inline constexpr double largest_loss_scale = 0x1p40;

class loss_scale {
 public:
  /// Everything that a checkpoint keeps beside the options.
  struct state {
    double value;
    std::uint64_t good_steps;  ///< since the last change
    friend bool operator==(const state&, const state&) = default;
  };

  /// Errors: invalid_argument for options that are out of their range
  static result<loss_scale> make(const loss_scale_options& options);

  double value() const { return now_.value; }

  /// After a step: halves the scale where it was skipped, though not below 1; doubles it after
  /// growth_interval good ones in a row.
  void update(bool skipped);

  const state& saved() const { return now_; }
  /// Errors: invalid_argument for a value that is no scale
  status restore(const state& saved);

 private:
  explicit loss_scale(const loss_scale_options& options)
      : options_(options), now_{options.initial, 0} {}

  loss_scale_options options_;
  state now_;
};

}  // namespace ballast
