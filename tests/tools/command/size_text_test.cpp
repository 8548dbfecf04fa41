// Sizes and counts as people write them, to the byte, and everything else refused in one line.
#include "tools/command/size_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

using namespace literals;
using testing::HasSubstr;
using testing::Not;

std::uint64_t size_of_text(std::string_view text) {
  const auto size = parse_size(text);
  EXPECT_TRUE(size) << text << ": " << (size ? "" : size.error().message);
  return size ? size->value : 0;
}

std::string error_of(std::string_view text) {
  const auto size = parse_size(text);
  EXPECT_FALSE(size) << text << " was taken for " << (size ? size->value : 0);
  return size ? "" : size.error().message;
}

TEST(SizeText, UnitsAreBinaryWithAnIAndDecimalWithout) {
  EXPECT_EQ(size_of_text("0"), 0u);
  EXPECT_EQ(size_of_text("17"), 17u);
  EXPECT_EQ(size_of_text("17B"), 17u);
  EXPECT_EQ(size_of_text("3KiB"), 3072u);
  EXPECT_EQ(size_of_text("3KB"), 3000u);
  EXPECT_EQ(size_of_text("2MB"), 2'000'000u);
  EXPECT_EQ(size_of_text("5GB"), 5'000'000'000u);
  EXPECT_EQ(size_of_text("2TiB"), std::uint64_t{2} << 40);
  EXPECT_EQ(size_of_text("2TB"), 2'000'000'000'000u);
}

TEST(SizeText, BareLettersAreBinaryAndCaseDoesNotMatter) {
  EXPECT_EQ(size_of_text("64M"), (64_MiB).value);
  EXPECT_EQ(size_of_text("1g"), (1_GiB).value);
  EXPECT_EQ(size_of_text("1gib"), (1_GiB).value);
  EXPECT_EQ(size_of_text("3kB"), 3000u);
  EXPECT_EQ(size_of_text("1.5 GiB"), 1'610'612'736u);
}

TEST(SizeText, FractionsAreExactToTheByte) {
  EXPECT_EQ(size_of_text("1.5GiB"), 1'610'612'736u);
  EXPECT_EQ(size_of_text("0.1KB"), 100u);
  EXPECT_EQ(size_of_text("0.3TB"), 300'000'000'000u);
  EXPECT_EQ(size_of_text(".5K"), 512u);
  EXPECT_EQ(size_of_text("1.K"), 1024u);
  EXPECT_EQ(size_of_text("0.0001KiB"), 0u);
}

TEST(SizeText, TheLargestSizeIsTakenAndTheNextRefused) {
  EXPECT_EQ(size_of_text("18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(size_of_text("16777215TiB"), std::uint64_t{16'777'215} << 40);
  EXPECT_THAT(error_of("18446744073709551616"), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(error_of("16777216TiB"), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(error_of("99999999999999999999999GiB"), HasSubstr("beyond 64 bits"));
}

TEST(SizeText, WhatIsNoSizeIsRefusedInOneLineThatNamesIt) {
  EXPECT_EQ(error_of("12XB"),
            "'12XB' is not a size: unknown unit 'XB', use B, KiB, MiB, GiB, TiB, KB, MB, GB, TB");
  EXPECT_THAT(error_of("-1GiB"), HasSubstr("negative"));
  for (const char* text : {"", "nan", "inf", "GiB", ".", "0x10", "1e9", "1,5GiB", "+1", " 1",
                           "1GiB ", "1..5G", "12  KiB", "1.5.5G"}) {
    EXPECT_THAT(error_of(text), Not(HasSubstr("\n"))) << text;
  }
}

TEST(SizeText, WrittenSizesReadBackTheSame) {
  EXPECT_EQ(size_text(1536_MiB), "1.5GiB");
  EXPECT_EQ(size_text(64_MiB), "64MiB");
  EXPECT_EQ(size_text(bytes{1'000'001}), "1000001B");
  EXPECT_EQ(size_text(bytes{0}), "0B");
  EXPECT_EQ(size_text(bytes{1023}), "1023B");
  for (std::uint64_t size = 1; size < (std::uint64_t{1} << 62); size = size * 3 + 1) {
    EXPECT_EQ(size_of_text(size_text({size})), size) << size_text({size});
    EXPECT_EQ(size_of_text(size_text({size << 9})), size << 9) << size_text({size << 9});
  }
}

TEST(SizeText, ReportsRoundToThreeDigits) {
  EXPECT_EQ(rounded_size(bytes{17}), "17 B");
  EXPECT_EQ(rounded_size(bytes{999}), "999 B");
  EXPECT_EQ(rounded_size(bytes{1023}), "1.00 KiB");
  EXPECT_EQ(rounded_size(1536_MiB), "1.50 GiB");
  EXPECT_EQ(rounded_size(64_MiB), "64.0 MiB");
  EXPECT_EQ(rounded_size(981_KiB), "981 KiB");
}

TEST(CountText, CountsTakeKiMiGi) {
  EXPECT_EQ(parse_count("1.5Mi")->value, 1'572'864u);
  EXPECT_EQ(parse_count("4096")->value, 4096u);
  EXPECT_EQ(parse_count("4K")->value, 4096u);
  EXPECT_EQ(parse_count("2Gi")->value, std::uint64_t{2} << 30);
  EXPECT_EQ(parse_count("1e8")->value, 100'000'000u);
  EXPECT_EQ(parse_count("2.5E3")->value, 2500u);
  EXPECT_FALSE(parse_count("1e"));
  EXPECT_FALSE(parse_count("1e13"));
  EXPECT_FALSE(parse_size("1e8"));
  EXPECT_THAT(parse_count("4KiB").error().message, HasSubstr("unknown unit 'KiB', use Ki, Mi, Gi"));
  EXPECT_EQ(count_text({1 << 20}), "1Mi");
  EXPECT_EQ(count_text({1000}), "1000");
}

}  // namespace
}  // namespace ballast::tools
