// What was written last passes; anything else does not: older, elsewhere, never read, one bit off.
#include "tools/bench/sector_ledger.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace ballast::tools {
namespace {

constexpr std::size_t sector = sector_size.value;
constexpr std::size_t size = 40 * sector;

struct SectorLedger : ::testing::TestWithParam<scrutiny> {
  sector_ledger ledger{{4 * size}};
  std::vector<std::byte> memory = std::vector<std::byte>(size);

  SectorLedger() { ledger.dress(memory); }
  bool passes(std::uint64_t address, std::span<const std::byte> read) const {
    return ledger.check(address, read, GetParam()).has_value();
  }
};

TEST_P(SectorLedger, TellsTheLastWritingFromAllElse) {
  ledger.stamp(size, memory, GetParam());
  EXPECT_TRUE(passes(size, memory));
  EXPECT_FALSE(passes(2 * size, memory)) << "another place";
  const std::vector<std::byte> older = memory;
  ledger.stamp(size, memory, GetParam());
  EXPECT_TRUE(passes(size, memory));
  EXPECT_FALSE(passes(size, older));
}

TEST_P(SectorLedger, PoisonedMemoryIsNothingThatWasRead) {
  ledger.stamp(0, memory, GetParam());
  ledger.poison(memory, GetParam());
  EXPECT_FALSE(passes(0, memory));
}

TEST_P(SectorLedger, NamesTheFirstSectorThatIsWrong) {
  ledger.stamp(size, memory, GetParam());
  memory[32 * sector] ^= std::byte{1};
  memory[16 * sector] ^= std::byte{1};
  const status found = ledger.check(size, memory, GetParam());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, errc::corrupted);
  EXPECT_NE(found.error().message.find("at byte 229376 "), std::string::npos)
      << found.error().message;
}

INSTANTIATE_TEST_SUITE_P(Tools, SectorLedger,
                         ::testing::Values(scrutiny::some_marks, scrutiny::all_bytes));

TEST(SectorLedger, ComparesAllBytesWhereAsked) {
  sector_ledger ledger{{size}};
  std::vector<std::byte> memory(size);
  ledger.dress(memory);
  ledger.stamp(0, memory, scrutiny::all_bytes);
  for (const std::size_t at : {size_t{0}, size_t{8}, sector - 1, 17 * sector, size - 1}) {
    memory[at] ^= std::byte{0x10};
    EXPECT_FALSE(ledger.check(0, memory, scrutiny::all_bytes)) << at;
    memory[at] ^= std::byte{0x10};
  }
  EXPECT_TRUE(ledger.check(0, memory, scrutiny::all_bytes));
}

}  // namespace
}  // namespace ballast::tools
