// Is the instruction set the one that was asked for, by name, environment or machine?
#include <gtest/gtest.h>

#include <cpu/update_backend.hpp>
#include <cstdlib>

namespace ballast {
namespace {

TEST(instruction_sets, are_chosen_by_name_environment_or_machine) {
  ::unsetenv("BALLAST_ISA");
  EXPECT_EQ((*cpu::make_update_backend(instruction_set::sse2))->name(), "sse2");
  const instruction_set widest = cpu::supported_instruction_sets().back();
  EXPECT_EQ((*cpu::make_update_backend(instruction_set::automatic))->name(), cpu::name_of(widest));

  ::setenv("BALLAST_ISA", "sse2", 1);
  EXPECT_EQ((*cpu::make_update_backend(instruction_set::automatic))->name(), "sse2");
  EXPECT_EQ((*cpu::make_update_backend(widest))->name(), cpu::name_of(widest))
      << "what the configuration names wins";
  ::setenv("BALLAST_ISA", "avx2000", 1);
  const auto unknown = cpu::make_update_backend(instruction_set::automatic);
  ::unsetenv("BALLAST_ISA");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, errc::invalid_argument);
  EXPECT_NE(unknown.error().message.find("avx2000"), std::string::npos);
}

TEST(instruction_sets, that_the_machine_lacks_are_refused_by_name) {
  for (const instruction_set isa : cpu::instruction_sets) {
    const auto backend = cpu::make_update_backend(isa);
    EXPECT_EQ(cpu::supports(isa), static_cast<bool>(backend));
    if (!backend) {
      EXPECT_EQ(backend.error().code, errc::unsupported);
    }
  }
}

}  // namespace
}  // namespace ballast
