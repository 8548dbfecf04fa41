// Is the exact encoding lossless for all 2^32 patterns, and the reference's equal to the kernels'?
#include <gtest/gtest.h>

#include <atomic>
#include <ballast/arithmetic/split_master.hpp>
#include <bit>
#include <cmath>
#include <cpu/reference.hpp>
#include <cpu/update_backend.hpp>
#include <thread>
#include <vector>

#include "tests/cpu/each_instruction_set.hpp"
#include "tests/cpu/state_buffer.hpp"

namespace ballast {
namespace {

constexpr std::size_t chunk_elements = std::size_t{1} << 18;
constexpr std::size_t chunks = (std::uint64_t{1} << 32) / chunk_elements;

/// Patterns of the chunk that do not survive, differ from the reference or are flagged wrongly.
std::uint64_t count_wrong(update_backend& backend, std::size_t chunk, testing::state_buffer& state,
                          std::vector<float>& master, std::vector<float>& decoded) {
  bool overflows = false;
  for (std::size_t i = 0; i < chunk_elements; ++i) {
    master[i] = std::bit_cast<float>(static_cast<std::uint32_t>(chunk * chunk_elements + i));
    overflows |= arithmetic::overflows_weight(master[i]);
  }
  std::uint32_t findings = 0;
  backend.encode_master(encoding::exact, master, state.view(), findings);
  backend.decode_master(encoding::exact, state.view(), decoded);
  std::uint64_t wrong = findings == (overflows ? found_weight_overflow : found_nothing) ? 0 : 1;
  const auto weights = state.weights.as<std::uint16_t>();
  const auto residual = state.residual.as<std::int16_t>();
  for (std::size_t i = 0; i < chunk_elements; ++i) {
    const float canonical = arithmetic::canonical(master[i]);
    const arithmetic::split_master halves = arithmetic::split(canonical);
    wrong += (weights[i] != halves.weight) | (residual[i] != halves.residual) |
             (std::bit_cast<std::uint32_t>(decoded[i]) != std::bit_cast<std::uint32_t>(canonical));
  }
  return wrong;
}

class exact_encoding_all : public ::testing::TestWithParam<instruction_set> {};

TEST_P(exact_encoding_all, patterns_survive_and_equal_the_reference) {
  const auto backend = std::move(cpu::make_update_backend(GetParam()).value());
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> wrong{0};
  const auto work = [&] {
    testing::state_buffer state(encoding::exact, chunk_elements, 0);
    std::vector<float> master(chunk_elements);
    std::vector<float> decoded(chunk_elements);
    for (std::size_t chunk = next++; chunk < chunks; chunk = next++) {
      wrong += count_wrong(*backend, chunk, state, master, decoded);
    }
  };
  {
    const std::jthread second(work);
    work();
  }
  EXPECT_EQ(wrong, 0u);
}

INSTANTIATE_TEST_SUITE_P(isa, exact_encoding_all, testing::each_instruction_set(),
                         [](const auto& param_info) { return testing::name_of(param_info.param); });

}  // namespace
}  // namespace ballast
