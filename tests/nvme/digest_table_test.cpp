// Digests depend on the run, the extent, the slice and every byte, and on nothing else.
#include <nvme/digest_table.hpp>

#include "tests/conformance/guarded_buffer.hpp"

namespace ballast::nvme {
namespace {

using verdict = digest_table::verdict;

struct digest_table_test : ::testing::Test {
  std::array<std::byte, 5000> data{};
  const extent where{{8192}, {8192}, 2, 3};

  digest_table_test() { ballast::testing::fill_pattern(data, 1); }
};

TEST_F(digest_table_test, tells_same_from_different) {
  digest_table table(7, 8);
  EXPECT_EQ(table.check(where, 1, {data}), verdict::never_stamped);
  table.stamp(where, 1, {data});
  EXPECT_EQ(table.check(where, 1, {data}), verdict::same);
  EXPECT_EQ(table.check(where, 0, {data}), verdict::never_stamped);
  data[4999] ^= std::byte{1};
  EXPECT_EQ(table.check(where, 1, {data}), verdict::different);
}

TEST_F(digest_table_test, is_bound_to_the_place) {
  digest_table table(7, 8);
  table.stamp(where, 1, {data});
  // The same digest entry, asked for as another extent's or another slice's.
  EXPECT_EQ(table.check({{16384}, {8192}, 2, 3}, 1, {data}), verdict::different);
  EXPECT_EQ(table.check({{8192}, {8192}, 1, 3}, 2, {data}), verdict::different);
  EXPECT_EQ(table.check({{8192}, {4096}, 2, 2}, 1, {data}), verdict::same);
}

TEST_F(digest_table_test, an_empty_slice_has_a_digest_too) {
  digest_table table(7, 8);
  table.stamp(where, 0, {});
  EXPECT_EQ(table.check(where, 0, {}), verdict::same);
  EXPECT_EQ(table.check(where, 0, {data}), verdict::different);
}

using digest_table_death = digest_table_test;

TEST_F(digest_table_death, a_slice_outside_of_the_table_is_a_contract_failure) {
  digest_table table(7, 4);
  EXPECT_DEATH(table.stamp(where, 3, {data}), "a slice lies inside its extent");
  EXPECT_DEATH(table.stamp(where, 0, {data}), "an extent comes from this store");
}

}  // namespace
}  // namespace ballast::nvme
