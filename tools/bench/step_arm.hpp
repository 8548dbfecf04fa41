// One way to take the steps of a synthetic training: what takes part in the rounds of `ballast bench
// step`.
#pragma once

#include <ballast/report.hpp>
#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <span>
#include <string>

namespace ballast::tools {

/// What one step took.
///
/// Units: seconds; `cpu` is everything this process did during `update`
struct step_sample {
  double zero = 0;    ///< gradient buffers made ready
  double push = 0;    ///< gradients rounded, their norm taken, brought to their homes
  double update = 0;  ///< the rest of the step: every tile past the optimizer
  double cpu = 0;
  double copying = 0, digests = 0, arithmetic = 0;  ///< of `cpu`, where workers move the bytes
  bytes moved;                                      ///< read and written on disk during `update`
  std::uint32_t cached_tiles = 0;
};

class step_arm {
 public:
  virtual ~step_arm() = default;

  /// The row's name: "nvme", "loop".
  virtual std::string_view name() const = 0;
  /// Tiles, and what holds and moves them: for reports.
  virtual std::string description() const = 0;
  virtual std::uint32_t tiles() const = 0;

  /// The next step.
  ///
  /// Errors: those of the engine or the disk
  virtual result<step_sample> step() = 0;

  /// Masters after the last step, of elements [first, first + n) inside one block.
  virtual status masters(elements first, std::span<float> values) = 0;
};

}  // namespace ballast::tools
