// Whether updates may begin before it is known that they will stand: a pure decision from what
// became of earlier ones.
//
// Two roll-backs within eight steps stop it; it tries again 32 steps later, and waits twice as long
// every time that it has to stop, up to 1024 steps. Eight steps without a roll-back end that.
#pragma once

#include <cstdint>

namespace ballast {

class speculation_policy {
 public:
  bool allowed() const { return pause_ == 0; }

  /// A step is over: did it speculate, and was that rolled back?
  void note(bool speculated, bool rolled_back);

 private:
  static constexpr std::uint32_t window = 8;
  static constexpr std::uint32_t first_pause = 32;
  static constexpr std::uint32_t longest_pause = 1024;

  std::uint32_t pause_ = 0;  ///< steps left
  std::uint32_t next_pause_ = first_pause;
  std::uint32_t since_roll_back_ = window;  ///< steps that speculated
};

}  // namespace ballast
