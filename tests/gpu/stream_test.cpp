// Streams and events on a real GPU: work is ordered by events, and waiting waits.
#include "gpu/stream.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "gpu/errors.hpp"

namespace ballast::gpu {
namespace {

TEST(Stream, AnEventOrdersOneStreamAfterAnother) {
  auto first = stream::make(stream_role::upload);
  auto second = stream::make(stream_role::download);
  auto between = event::make();
  ASSERT_TRUE(first && second && between);

  const std::size_t size = std::size_t{64} << 20;
  void* memory = nullptr;
  ASSERT_TRUE(checked(cudaMalloc(&memory, size), "allocating"));
  ASSERT_TRUE(checked(cudaMemset(memory, 0, size), "clearing"));
  std::vector<unsigned char> seen(size);
  ASSERT_TRUE(checked(cudaMemsetAsync(memory, 7, size, handle_of(first->view())), "filling"));
  ASSERT_TRUE(between->record(first->view()));
  ASSERT_TRUE(between->order(second->view()));
  ASSERT_TRUE(checked(
      cudaMemcpyAsync(seen.data(), memory, size, cudaMemcpyDeviceToHost, handle_of(second->view())),
      "copying"));
  ASSERT_TRUE(second->wait());
  EXPECT_EQ(seen, std::vector<unsigned char>(size, 7));
  EXPECT_TRUE(checked(cudaFree(memory), "freeing"));
}

}  // namespace
}  // namespace ballast::gpu
