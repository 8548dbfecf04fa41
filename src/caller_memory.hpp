// The caller's own memory under the engine's budgets: what was reserved before seal(), given out
// and taken back in pieces. First fit over a sorted list of free runs. Caller's thread only.
#pragma once

#include <ballast/lease.hpp>
#include <ballast/result.hpp>
#include <vector>

namespace ballast {

class caller_memory final : public lease_keeper {
 public:
  /// Pieces start at multiples of it.
  static constexpr bytes alignment{256};

  caller_memory(place where, std::span<std::byte> whole);
  ~caller_memory() override;

  /// Errors: exhausted, with what is left
  result<memory_lease> allocate(bytes size);
  void give_back(std::uint32_t index) override;

 private:
  struct run {
    std::size_t begin;
    std::size_t size;
  };

  place where_;
  std::span<std::byte> whole_;
  std::vector<run> free_;   ///< sorted, never adjacent
  std::vector<run> given_;  ///< by lease; size 0: a free entry
};

}  // namespace ballast
