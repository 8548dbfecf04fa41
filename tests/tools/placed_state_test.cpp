// An engine on its real parts, every layer with an encoding, an optimizer and hyperparameters of
// its own, against the resident reference: wherever the state rests, with any number of threads and
// any tile size, every bit is the same.
#include <gtest/gtest.h>

#include <bit>

#include "tests/nvme/test_folder.hpp"
#include "tests/tools/mixed_model.hpp"
#include "tools/engine_state.hpp"
#include "tools/prove/resident_state.hpp"

namespace ballast::tools {
namespace {

constexpr std::uint64_t steps = 6;
constexpr std::uint64_t overflowing = 3;

/// Everything that a state says of its values, as bits.
std::vector<std::uint32_t> bits_of(const model& declared, inspectable_state& state) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t which = 0; which < declared.parameters().size(); ++which) {
    std::vector<float> values(declared.at(parameter_id{which}).count.value);
    for (const state_part part :
         {state_part::weights, state_part::master, state_part::momentum, state_part::variance}) {
      const status read = state.read({which}, part, {0}, values);
      EXPECT_TRUE(read) << read.error().message;
      for (const float value : values) all.push_back(std::bit_cast<std::uint32_t>(value));
    }
  }
  return all;
}

struct expected_run {
  std::vector<double> norms;
  std::vector<std::uint32_t> bits;
};

expected_run reference_of(const mixed_model& mixed) {
  resident_state state(mixed.declared);
  expected_run expected;
  for (std::uint64_t number = 1; number <= steps; ++number) {
    const step_outcome done = mixed.step(state, number, number == overflowing).value();
    EXPECT_EQ(done.skipped, number == overflowing);
    expected.norms.push_back(done.gradient_norm);
  }
  expected.bits = bits_of(mixed.declared, state);
  return expected;
}

struct placed_case {
  const char* name;
  forced_placement fractions;
  place weights = place::host;  ///< of tiles on NVMe
};
void PrintTo(const placed_case& shown, std::ostream* to) { *to << shown.name; }

class PlacedState : public testing::TestWithParam<placed_case> {};
INSTANTIATE_TEST_SUITE_P(Places, PlacedState,
                         testing::Values(placed_case{"device", {1, 0}}, placed_case{"host", {0, 1}},
                                         placed_case{"nvme", {0, 0}},
                                         placed_case{"mixed", {0.3, 0.3}},
                                         placed_case{"capacity", {0, 0}, place::nvme},
                                         placed_case{"capacity_mixed", {0.3, 0.3}, place::nvme}),
                         [](const auto& of) { return std::string(of.param.name); });

TEST_P(PlacedState, HasTheBitsOfTheResidentReference) {
  const nvme::testing::test_folder folder;
  const mixed_model mixed;
  const expected_run expected = reference_of(mixed);
  for (const std::uint32_t threads : {1u, 2u, 3u}) {
    for (const std::uint64_t blocks : {1u, 3u, 64u}) {
      engine placed(mixed.declared, make_backends());
      const auto sealed = placed.seal({.nvme = {{folder.path()}},
                                       .placement = GetParam().fractions,
                                       .weights = GetParam().weights,
                                       .tile_elements = block_elements * blocks,
                                       .threads = threads});
      ASSERT_TRUE(sealed) << sealed.error().message;
      engine_state state(placed);
      for (std::uint64_t number = 1; number <= steps; ++number) {
        const auto done = mixed.step(state, number, number == overflowing);
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_EQ(done->skipped, number == overflowing);
        EXPECT_EQ(std::bit_cast<std::uint64_t>(done->gradient_norm),
                  std::bit_cast<std::uint64_t>(expected.norms[number - 1]))
            << "step " << number;
      }
      EXPECT_TRUE(bits_of(mixed.declared, state) == expected.bits)
          << threads << " threads, " << blocks << " blocks a tile";
    }
  }
}

}  // namespace
}  // namespace ballast::tools
