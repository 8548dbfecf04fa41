// The fakes notice what the real parts notice.
#include "fakes.hpp"

#include <gtest/gtest.h>

namespace ballast {
namespace {

constexpr bytes size{4096};

TEST(PlainStore, NoticesBytesOfAnotherExtentOrSlice) {
  fakes::plain_store disk(size * 2);
  const extent first = disk.allocate(size, 2).value();
  const extent second = disk.allocate(size, 2).value();
  const std::vector<std::byte> same(100, std::byte{7});
  disk.stamp(first, 0, {same});
  disk.stamp(second, 0, {same});
  EXPECT_TRUE(disk.check(second, 0, {same}));
  EXPECT_NE(disk.digests(first)[0], disk.digests(second)[0]);
  extent misdirected = second;
  misdirected.first_slice = first.first_slice;
  EXPECT_EQ(disk.check(misdirected, 0, {same}).error().code, errc::corrupted);
  disk.stamp(first, 1, {same});
  EXPECT_NE(disk.digests(first)[0], disk.digests(first)[1]);
}

TEST(PlainStore, TakesAnExtentBackOnce) {
  fakes::plain_store disk(size);
  const extent only = disk.allocate(size, 1).value();
  disk.release(only);
  EXPECT_DEATH(disk.release(only), "given back once");
}

}  // namespace
}  // namespace ballast
