// Every byte arrives and no other changes, at any size and alignment.
#include <gtest/gtest.h>

#include <nvme/streaming_copy.hpp>

#include "tests/conformance/guarded_buffer.hpp"

namespace ballast::nvme {
namespace {

using ballast::testing::fill_pattern;
using ballast::testing::guarded_buffer;
using ballast::testing::wrong_bytes;

TEST(streaming_copy, moves_every_byte_at_any_size_and_alignment) {
  for (const std::size_t size : {0u, 1u, 15u, 16u, 63u, 64u, 65u, 127u, 128u, 4096u, 5001u}) {
    for (const std::size_t from_at : {0u, 1u, 8u, 63u}) {
      for (const std::size_t to_at : {0u, 1u, 16u, 33u, 63u}) {
        guarded_buffer from(size, from_at);
        guarded_buffer to(size, to_at);
        fill_pattern(from.span(), size + 1);
        streaming_copy(from.span(), to.span());
        EXPECT_EQ(wrong_bytes(to.span(), size + 1), 0u) << size << ' ' << from_at << ' ' << to_at;
      }
    }
  }
}

}  // namespace
}  // namespace ballast::nvme
