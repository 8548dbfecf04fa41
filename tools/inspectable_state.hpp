// A training state whose values can be read back, so that two of them can be compared bit by bit.
#pragma once

#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

class inspectable_state : public training_state {
 public:
  /// Shapes: values[n] f32, the parameter's elements [first, first + n)
  virtual status read(parameter_id which, state_part part, elements first,
                      std::span<float> values) = 0;
};

}  // namespace ballast::tools
