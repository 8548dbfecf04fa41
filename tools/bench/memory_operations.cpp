#include "tools/bench/memory_operations.hpp"

#include <cstring>
#include <string_view>

namespace ballast::tools {
namespace {

float value_of_a(std::uint64_t i) { return static_cast<float>(i % 1000); }
float value_of_b(std::uint64_t i) { return static_cast<float>(i % 7); }

constexpr operation operations[] = {
    {"read", false, 1,
     [](const auto& loops, const auto& on, auto at, auto size) { loops.read(on.a + at, size); }},
    {"write", false, 1,
     [](const auto& loops, const auto& on, auto at, auto size) {
       loops.write[0](on.to + at, size);
     }},
    {"write", true, 1,
     [](const auto& loops, const auto& on, auto at, auto size) {
       loops.write[1](on.to + at, size);
     }},
    {"copy", false, 2,
     [](const auto& loops, const auto& on, auto at, auto size) {
       loops.copy[0](on.to + at, on.a + at, size);
     }},
    {"copy", true, 2,
     [](const auto& loops, const auto& on, auto at, auto size) {
       loops.copy[1](on.to + at, on.a + at, size);
     }},
    {"triad", false, 3,
     [](const auto& loops, const auto& on, auto at, auto size) {
       loops.triad[0](on.to + at, on.a + at, on.b + at, size);
     }},
    {"triad", true, 3,
     [](const auto& loops, const auto& on, auto at, auto size) {
       loops.triad[1](on.to + at, on.a + at, on.b + at, size);
     }},
};

}  // namespace

std::span<const operation> memory_operations() { return operations; }

void fill(const memory_arrays& arrays, thread_team& team) {
  team.for_each_slice(arrays.count, 1, [&](element_range slice, std::uint32_t) {
    for (std::uint64_t i = slice.begin.value; i < slice.end().value; ++i) {
      const auto a = value_of_a(i);
      const auto b = value_of_b(i);
      std::memcpy(arrays.a + 4 * i, &a, 4);
      std::memcpy(arrays.b + 4 * i, &b, 4);
    }
  });
}

bool holds(const operation& done, const memory_arrays& arrays, std::uint64_t i) {
  const std::string_view name = done.name;
  const auto a = value_of_a(i);
  const auto b = value_of_b(i);
  const float sum = a + b * 3.0f;
  const std::uint32_t written = i % 2 == 0 ? 1 : 0;
  const void* const expected = name == "copy"    ? static_cast<const void*>(&a)
                               : name == "triad" ? static_cast<const void*>(&sum)
                                                 : static_cast<const void*>(&written);
  return name == "read" || std::memcmp(arrays.to + 4 * i, expected, 4) == 0;
}

}  // namespace ballast::tools
