// fp32 sums of the parameters that are pushed more than once a step: tied ones, or all of them
// where the caller accumulates. A sum rests with its tile: on the device, or in host memory, where
// it is reached through a staging buffer.
//
// Added in the order of the pushes. Caller's thread; the additions run on the workers.
#pragma once

#include <vector>

#include "first_failure.hpp"
#include "gradient_rounding.hpp"
#include "workers.hpp"

namespace ballast {

class gradient_sums {
 public:
  gradient_sums(const model& declared, const layout& where, tile_homes& homes,
                update_backend& host_updates, workers& threads, gradient_rounding& rounding);

  /// True when the layer's parameters have sums.
  bool exist_for(layer_id layer) const;

  /// Adds one push of a parameter's gradient; `gradient` may be reused when this returns.
  ///
  /// Shapes:  gradient[n] f32 on the device, n = elements of the parameter
  /// Errors:  device_failure
  status add(parameter_id which, std::span<float> gradient, stream_ref stream);

  /// Rounds a layer's complete sums into its gradient; parameters that were not pushed count as
  /// zero.
  void round(layer_id layer);
  /// The same, into memory of the whole layer, to be summed over ranks.
  ///
  /// Shapes: target[n] of the compute type, n = elements of the layer
  void round(layer_id layer, std::span<std::byte> target);

  void reset() { started_.assign(started_.size(), false); }

 private:
  void clear_unpushed(layer_id layer);
  status add_on_device(parameter_id which, std::span<float> gradient, stream_ref stream);
  status start_in_host(parameter_id which, std::span<float> gradient);
  status add_in_host(parameter_id which, std::span<float> gradient);
  bool on_device(const gradient_chunk& part) const;
  std::span<float> sums_of(const gradient_chunk& part) const;
  std::span<float> over(const gradient_chunk& part, parameter_id which,
                        std::span<float> gradient) const;

  const model& declared_;
  const layout& where_;
  tile_homes& homes_;
  update_backend& host_updates_;
  workers& workers_;
  gradient_rounding& rounding_;
  std::vector<std::vector<gradient_chunk>> chunks_;  ///< by parameter
  std::vector<bool> started_;      ///< by parameter: its sums hold a value of this step
  first_failure passes_;           ///< of the device calls under way on the workers
  std::vector<ticket> downloads_;  ///< of start_in_host(), empty between calls
};

}  // namespace ballast
