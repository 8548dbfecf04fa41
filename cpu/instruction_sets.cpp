#include <fmt/format.h>

#include <cpu/instruction_sets.hpp>
#include <cstdlib>

namespace ballast::cpu {
namespace {

/// The set that BALLAST_ISA names, or automatic where it is unset or empty.
result<instruction_set> asked_by_environment() {
  const char* value = std::getenv("BALLAST_ISA");
  const std::string_view name = value == nullptr ? "" : value;
  if (name.empty()) return instruction_set::automatic;
  for (const instruction_set isa : instruction_sets) {
    if (name == name_of(isa)) return isa;
  }
  return failure{
      errc::invalid_argument,
      fmt::format("BALLAST_ISA={} names no instruction set: use sse2, avx2 or avx512", name)};
}

}  // namespace

std::string_view name_of(instruction_set isa) {
  switch (isa) {
    case instruction_set::automatic: return "auto";
    case instruction_set::sse2: return "sse2";
    case instruction_set::avx2: return "avx2";
    case instruction_set::avx512: return "avx512";
  }
  return "?";
}

bool supports(instruction_set isa) {
  switch (isa) {
    case instruction_set::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case instruction_set::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") &&
             __builtin_cpu_supports("fma");
    case instruction_set::sse2:
    case instruction_set::automatic: return true;
  }
  return false;
}

std::vector<instruction_set> supported_instruction_sets() {
  std::vector<instruction_set> found;
  for (const instruction_set isa : instruction_sets) {
    if (supports(isa)) found.push_back(isa);
  }
  return found;
}

result<instruction_set> choose(instruction_set asked) {
  if (asked == instruction_set::automatic) {
    const result<instruction_set> named = asked_by_environment();
    if (!named) return named.error();
    asked = *named;
  }
  if (asked == instruction_set::automatic) {
    return supported_instruction_sets().back();
  }
  if (!supports(asked)) {
    return failure{errc::unsupported,
                   fmt::format("this CPU or system does not run {} instructions: use sse2 or leave "
                               "the instruction set automatic",
                               name_of(asked))};
  }
  return asked;
}

}  // namespace ballast::cpu
