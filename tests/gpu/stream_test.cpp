// Streams and events on a real GPU: work is ordered by events, and waiting waits.
#include "gpu/stream.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "gpu/cuda_runtime.hpp"

namespace ballast::gpu {
namespace {

TEST(GpuStream, AnEventOrdersOneStreamAfterAnother) {
  const auto calls = std::move(make_cuda_runtime().value());
  const auto first = stream::make(*calls, stream_role::upload);
  const auto second = stream::make(*calls, stream_role::download);
  auto between = event::make(*calls);
  ASSERT_TRUE(first && second && between);

  const std::size_t size = std::size_t{64} << 20;
  const std::span memory(calls->allocate({size}).value(), size);
  const std::vector<std::byte> sevens(size, std::byte{7});
  std::vector<std::byte> seen(size);
  ASSERT_TRUE(calls->fill_zero(memory, first->view()));
  ASSERT_TRUE(calls->upload(memory, sevens, first->view()));
  ASSERT_TRUE(between->record(first->view()));
  ASSERT_TRUE(between->order(second->view()));
  ASSERT_TRUE(calls->download(seen, memory, second->view()));
  ASSERT_TRUE(second->wait());
  EXPECT_EQ(seen, sevens);
  calls->free(memory.data());
}

TEST(GpuStream, AnEventHasHappenedOnceItWasWaitedFor) {
  const auto calls = std::move(make_cuda_runtime().value());
  const auto only = stream::make(*calls, stream_role::compute);
  const event_ref point = calls->make_event().value();
  ASSERT_TRUE(calls->record(point, only->view()));
  ASSERT_TRUE(calls->wait(point));
  EXPECT_TRUE(calls->query(point).value());
  calls->end_event(point);
}

}  // namespace
}  // namespace ballast::gpu
