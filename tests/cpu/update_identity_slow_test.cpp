// update_identity_test.cpp around 4096 and a million elements: 50 steps of every instruction set,
// optimizer and encoding, on 1, 2 and 3 threads, in tiles of several sizes.
#include <gtest/gtest.h>

#include "tests/cpu/each_instruction_set.hpp"
#include "tests/cpu/two_arms.hpp"

namespace ballast {
namespace {

using identity_case = std::tuple<instruction_set, optimizer, encoding>;
class update_identity_at_a_million : public ::testing::TestWithParam<identity_case> {};

TEST_P(update_identity_at_a_million, holds_for_50_steps) {
  const auto [isa, with, stored] = GetParam();
  const auto kernels = std::move(cpu::make_update_backend(isa).value());
  const std::size_t million = std::size_t{1} << 20;
  using size_and_head = std::pair<std::size_t, std::size_t>;
  for (const auto& [count, head] : {size_and_head{4095, 0},
                                    {4095, 1},
                                    {4096, 1},
                                    {4096, 7},
                                    {4097, 0},
                                    {4097, 7},
                                    {million - 1, 1},
                                    {million, 0},
                                    {million + 1, 7}}) {
    SCOPED_TRACE(::testing::Message() << count << " elements, head " << head);
    testing::two_arms arms(*kernels, {stored, with, compute_type(stored), count, head});
    for (std::uint64_t step = 1; step <= 50; ++step) {
      const testing::arm_cut cuts[] = {{0, 1}, {4096, 1}, {16384, 2}, {65536, 3}, {1u << 20, 2}};
      if (!arms.step(step, cuts[step % std::size(cuts)])) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    isa, update_identity_at_a_million,
    ::testing::Combine(testing::each_instruction_set(),
                       ::testing::Values(optimizer::adamw, optimizer::adam, optimizer::sgd),
                       ::testing::Values(encoding::fp32, encoding::exact, encoding::fp16,
                                         encoding::bf16, encoding::int8)),
    [](const auto& param_info) {
      return testing::name_of(std::get<0>(param_info.param)) + "_" +
             std::string(to_string(std::get<1>(param_info.param))) + "_" +
             std::string(to_string(std::get<2>(param_info.param)));
    });

}  // namespace
}  // namespace ballast
