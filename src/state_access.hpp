// State by parameter and element range: the first fill, and reading and writing wherever it rests, on
// whatever rank: each writes what it owns, and all read together.
#pragma once

#include <ballast/model.hpp>

#include "peers.hpp"
#include "tile_pipeline.hpp"
#include "tile_work.hpp"

namespace ballast {

class state_access {
 public:
  state_access(const model& declared, const layout& where, tile_homes& homes,
               tile_pipeline& pipeline, const tile_work& work, peers& ranks)
      : declared_(declared),
        where_(where),
        homes_(homes),
        pipeline_(pipeline),
        work_(work),
        peers_(ranks) {}

  /// Gives every parameter its initial values and zero moments.
  ///
  /// Errors: weight_overflow names the parameter; those of the store
  status initialise(std::span<const tile_id> order);

  /// Shapes: values[n] f32, the parameter's elements [first, first + n)
  status read(parameter_id which, state_part part, elements first, std::span<float> values);
  status write(parameter_id which, state_part part, elements first, std::span<const float> values);

 private:
  struct run {
    layer_id layer;
    element_range range;  ///< in the layer
    std::vector<tile_id> tiles;
  };

  status gather(const run& found, std::span<float> values);
  result<run> locate(parameter_id which, elements first, std::size_t count) const;
  status fill(const tile_work::slice& each) const;

  const model& declared_;
  const layout& where_;
  tile_homes& homes_;
  tile_pipeline& pipeline_;
  const tile_work& work_;
  peers& peers_;
};

}  // namespace ballast
