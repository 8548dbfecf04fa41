// The order in which a pass uses layers: recorded the first time, followed from then on. A changed
// order is recorded anew from where it changed; it is never an error.
#pragma once

#include <ballast/types.hpp>
#include <limits>
#include <optional>
#include <vector>

namespace ballast {

class access_order {
 public:
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  /// The pass starts over: what was recorded so far is what to expect.
  void restart();
  /// The caller has asked for `layer`.
  void observe(layer_id layer);
  /// The k-th layer still to come, k from 0; nullopt past the recorded end.
  std::optional<layer_id> upcoming(std::size_t k) const;
  /// False until a whole pass was recorded, and again when it is left.
  bool known() const { return known_; }
  /// How many other uses come before that of `layer`; `never` when none is recorded.
  std::size_t next_use(layer_id layer) const;

 private:
  std::vector<layer_id> recorded_;
  std::size_t position_ = 0;
  bool known_ = false;
};

}  // namespace ballast
