#include "tools/bench/arithmetic_floor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "tools/bench/sampling.hpp"

namespace ballast::tools {
namespace {

/// Three arrays of 4 KiB: less than half of a first cache of 32 KiB.
constexpr std::size_t length = 1024;
/// A sample is about this many elements, of all threads together.
constexpr std::uint64_t sample_elements = 50'000'000;

/// What one thread works on.
struct alignas(64) thread_arrays {
  float m[length];
  float v[length];
  float quotient[length];

  /// Values of both signs, v in (0, 1); the quotients hold no trace of the right ones.
  thread_arrays() {
    for (std::uint32_t i = 0; i < length; ++i) {
      const auto part = [](std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; };
      m[i] = part(i * 2654435761u) - 0.5f;
      v[i] = part((i + 1) * 2246822519u);
    }
    std::memset(quotient, 0xA5, sizeof quotient);
  }

  void divide(const traffic_table& set) {
    set.root_and_quotient(reinterpret_cast<std::byte*>(quotient),
                          reinterpret_cast<const std::byte*>(m),
                          reinterpret_cast<const std::byte*>(v), sizeof quotient);
  }

  std::optional<std::size_t> first_wrong() const {
    for (std::size_t i = 0; i < length; ++i) {
      const float plain = m[i] / (std::sqrt(v[i]) + floor_epsilon);
      if (std::bit_cast<std::uint32_t>(plain) != std::bit_cast<std::uint32_t>(quotient[i]))
        return i;
    }
    return {};
  }
};

const traffic_table& table_of(instruction_set isa) {
  switch (isa) {
    case instruction_set::avx512: return avx512_traffic;
    case instruction_set::avx2: return avx2_traffic;
    case instruction_set::sse2: return sse2_traffic;
    case instruction_set::automatic: break;
  }
  require(false, "an instruction set is chosen before its floor is looked for");
  return sse2_traffic;
}

}  // namespace

result<double> find_floor(const traffic_table& set, thread_team& team, std::uint32_t rounds) {
  std::vector<thread_arrays> arrays(team.threads());
  const std::uint64_t a_pass = length * arrays.size();
  const std::uint64_t passes = std::max<std::uint64_t>(sample_elements / a_pass, 1);
  const std::vector<work> works{[&] {
    team.run([&](std::uint32_t thread) {
      for (std::uint64_t pass = 0; pass < passes; ++pass) arrays[thread].divide(set);
    });
  }};
  works.front()();
  for (const thread_arrays& each : arrays) {
    if (const auto wrong = each.first_wrong()) {
      return failure{errc::failed_task,
                     fmt::format("root and quotient with {} B vectors: element {} is {}, not what "
                                 "m / (sqrt(v) + epsilon) gives",
                                 set.vector_bytes, *wrong, each.quotient[*wrong])};
    }
  }
  // The least, not the median: what was reached once can be reached.
  const std::vector<series> taken = interleave(works, rounds);
  return *std::ranges::min_element(taken.front()) / static_cast<double>(a_pass * passes);
}

result<arithmetic_floors> find_floors(std::span<const instruction_set> sets,
                                      std::span<const std::uint32_t> threads,
                                      std::uint32_t rounds) {
  arithmetic_floors found;
  for (const std::uint32_t count : threads) {
    thread_team team(count);
    for (const instruction_set isa : sets) {
      if (found.contains({isa, count})) continue;
      const auto seconds = find_floor(table_of(isa), team, rounds);
      if (!seconds) {
        return seconds.error();
      }
      found[{isa, count}] = *seconds;
    }
  }
  return found;
}

}  // namespace ballast::tools
