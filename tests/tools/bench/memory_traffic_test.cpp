// Every variant of the plain traffic touches every line it is asked for, as it is asked to, and
// nothing beside it.
#include "tools/bench/memory_traffic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "cpu/huge_page_region.hpp"

namespace ballast::tools {
namespace {

constexpr elements count = bench_slice * 2 + elements{64 * 5};

/// Four arrays with room between them: fp32 and bytes updated, fp32 read, halves written, scales.
struct arrays_under_test {
  std::unique_ptr<memory_region> region =
      std::move(cpu::make_huge_page_region({std::uint64_t{4} << 20}).value());
  std::vector<worked_array> all;

  arrays_under_test() {
    std::byte* next = region->span().data() + 4096;
    const auto place = [&](array_width width, access how) {
      all.push_back({next, width, how});
      next += (width.of(count).value + 8191) / 4096 * 4096;
    };
    place({{4}, {}}, access::update);
    place({{1}, {}}, access::update);
    place({{4}, {}}, access::read);
    place({{2}, {}}, access::write);
    place({{0}, {4}}, access::update);
    std::ranges::fill(region->span(), std::byte{0xA0});
  }

  /// How many 8-byte words of [begin, begin + size) are `expected`.
  static long words_that_are(const std::byte* begin, std::size_t size, std::uint64_t expected) {
    long found = 0;
    for (const std::byte* at = begin; at != begin + size; at += 8) {
      std::uint64_t word;
      std::memcpy(&word, at, 8);
      found += word == expected ? 1 : 0;
    }
    return found;
  }
};

TEST(MemoryTraffic, EveryVariantTouchesEveryLineAndNothingElse) {
  const arrays_under_test shape;
  for (const traffic_variant& how : traffic_variants(shape.all)) {
    SCOPED_TRACE(how.name());
    arrays_under_test on;
    for (elements at{0}; at < count; at += bench_slice) {
      move_bytes(how, on.all, intersect({at, bench_slice}, {{0}, count}));
    }
    constexpr std::uint64_t before = 0xA0A0A0A0A0A0A0A0;
    long touched = 0;
    for (const worked_array& each : on.all) {
      // Of the scales the last part of a line may stay.
      const std::size_t size = each.width.of(count).value / 64 * 64;
      const std::uint64_t after = each.how == access::update  ? before ^ 1
                                  : each.how == access::write ? 1
                                                              : before;
      EXPECT_EQ(on.words_that_are(each.begin, size, after), static_cast<long>(size / 8));
      touched += each.how == access::read ? 0 : static_cast<long>(size / 8);
    }
    const auto all = on.region->span();
    const long same = on.words_that_are(all.data(), all.size(), before);
    EXPECT_EQ(same, static_cast<long>(all.size() / 8) - touched);
  }
}

TEST(MemoryTraffic, BytesAreReadOrWrittenOnceUpdatesTwice) {
  const std::vector<worked_array> arrays{{nullptr, {{4}, {}}, access::update},
                                         {nullptr, {{2}, {}}, access::read},
                                         {nullptr, {{0}, {4}}, access::write}};
  EXPECT_EQ(traffic_of(arrays, {256}), bytes{256 * 10 + 8});
}

TEST(MemoryTraffic, VariantsAreThoseThatTheArraysTellApart) {
  const std::vector<worked_array> read{{nullptr, {{4}, {}}, access::read}};
  const std::vector<worked_array> both{{nullptr, {{4}, {}}, access::update},
                                       {nullptr, {{2}, {}}, access::write}};
  EXPECT_EQ(traffic_variants(both).size(), 4 * traffic_variants(read).size());
}

TEST(MemoryTraffic, TheLimitIsTheBestMedian) {
  const std::vector<series> taken{{1, 9, 9}, {5, 5, 1}, {6, 6, 6}};
  EXPECT_EQ(traffic_limit::best(taken), 1u);
}

}  // namespace
}  // namespace ballast::tools
