#include "comm/ordered_sum.hpp"

#include <algorithm>

namespace ballast::comm {
namespace {

const sum_loops& find_widest_loops() {
  const bool avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (avx512) return avx512_sums;
  return __builtin_cpu_supports("avx2") != 0 ? avx2_sums : sse2_sums;
}

const sum_loops& widest_loops() {
  static const sum_loops& found = find_widest_loops();
  return found;
}

}  // namespace

void ordered_sum(std::span<std::byte> target, std::span<const std::byte* const> sources, dtype type,
                 stores how) {
  if (sources.size() == 1) {
    copy(target, sources[0], how);
  } else {
    const bool in_place = std::ranges::find(sources, target.data()) != sources.end();
    const bool streamed = how == stores::streamed && !in_place;
    widest_loops().of_type[streamed ? 1 : 0][static_cast<std::size_t>(type)](
        target.data(), sources.data(), sources.size(), target.size() / size_of(type).value);
  }
}

void copy(std::span<std::byte> target, const std::byte* source, stores how) {
  if (target.empty() || target.data() == source) return;
  widest_loops().copy[how == stores::streamed ? 1 : 0](target.data(), source, target.size());
}

}  // namespace ballast::comm
