#include "comm/ordered_sum.hpp"

#include <cstring>

namespace ballast::comm {
namespace {

const sum_loops& widest_loops() {
  const bool avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (avx512) return avx512_sums;
  return __builtin_cpu_supports("avx2") != 0 ? avx2_sums : sse2_sums;
}

}  // namespace

void ordered_sum(std::span<std::byte> target, std::span<const std::byte* const> sources,
                 dtype type) {
  static const sum_loops& loops = widest_loops();
  if (target.empty()) return;
  if (sources.size() == 1) {
    if (sources[0] != target.data()) std::memcpy(target.data(), sources[0], target.size());
    return;
  }
  loops.of_type[static_cast<std::size_t>(type)](target.data(), sources.data(), sources.size(),
                                                target.size() / size_of(type).value);
}

}  // namespace ballast::comm
