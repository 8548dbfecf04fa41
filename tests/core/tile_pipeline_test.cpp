// Tiles past a worker: each exactly once a run, whatever the cache holds.
#include "src/tile_pipeline.hpp"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "plain_backends.hpp"
#include "tests/core/resting.hpp"

namespace ballast {
namespace {

using namespace literals;

constexpr std::uint32_t tiles = 128;

class TilePipeline : public testing::TestWithParam<resting> {
 protected:
  TilePipeline() {
    declared_.add_parameter(declared_.add_layer("layer"), "p", {tiles * block_elements.value},
                            {.stored = encoding::fp32});
    config_.nvme = {{"/fake"}};
    config_.placement = forced_placement{0, 0};
    config_.tile_elements = block_elements;
    config_.weights = GetParam().weights;
    config_.gradients = GetParam().gradients;
    where_ = *layout::make(declared_, block_elements);
    const auto least = draw(declared_, *where_, config_, {});
    config_.host_memory = least->summary.total(place::host) + least->staging.size * (tiles / 2);
    drawn_ = *draw(declared_, *where_, config_, {});
    homes_ = *tile_homes::make(
        *where_, *drawn_, config_, parts_, rank_, {},
        [](std::size_t n, auto touch) {
          for (std::size_t i = 0; i < n; ++i) touch(i);
        },
        log_);
    work_ = std::make_unique<tile_work>(*where_, *homes_, updates_, workers_);
    pipeline_ = std::make_unique<tile_pipeline>(*where_, *drawn_, *homes_, *work_, workers_);
    for (std::uint32_t i = 0; i < tiles; ++i) order_.push_back({i});
  }

  model declared_;
  engine_config config_;
  fakes::plain_backends parts_;
  fakes::lone_rank rank_;
  std::optional<layout> where_;
  std::optional<blueprint> drawn_;
  activity_log log_{parts_.time()};
  std::unique_ptr<tile_homes> homes_;
  fakes::descent updates_;
  workers workers_{plan_threads(2, find_numa_nodes())};
  std::unique_ptr<tile_work> work_;
  std::unique_ptr<tile_pipeline> pipeline_;
  std::vector<tile_id> order_;
};

TEST_P(TilePipeline, TakesEveryTileOnceWhenWorkersAreFasterThanTheStart) {
  ASSERT_EQ(drawn_->cached_tiles, tiles / 2);
  const auto count = [](tile_id which, std::span<std::byte> array, std::uint64_t expected) {
    std::uint64_t seen[2];
    std::memcpy(seen, array.data(), sizeof seen);
    const bool right = seen[0] == which.value && seen[1] == expected;
    seen[0] = which.value;
    seen[1] = expected + 1;
    std::memcpy(array.data(), seen, sizeof seen);
    return right || expected == 0;
  };
  for (std::uint64_t run = 0; run < 300; ++run) {
    std::atomic<std::uint32_t> taken = 0;
    std::atomic<std::uint32_t> wrong = 0;
    const auto outcome = pipeline_->run(
        order_, run == 0 ? tile_pipeline::movement::write_only : tile_pipeline::movement::update,
        [&](tile_id which, const carried& memory) -> status {
          ++taken;
          wrong += count(which, memory.state, run) ? 0 : 1;
          wrong += count(which, memory.weights, run) ? 0 : 1;
          wrong += memory.gradient.size() == block_elements.value * sizeof(float) ? 0 : 1;
          return {};
        },
        tile_pipeline::after::keep_last);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_EQ(taken, tiles) << "run " << run;
    ASSERT_EQ(wrong, 0u) << "run " << run;
    std::ranges::reverse(order_);
  }
}

/// One carrier, four workers: those that no tile is left for help with the slices of the one there is.
TEST(TilePipelineWorkers, ShareTheSlicesOfATileWhereCarriersAreFew) {
  const tbb::global_control more(tbb::global_control::max_allowed_parallelism, 4);
  const elements size = slice_elements * 32;
  model declared;
  declared.add_parameter(declared.add_layer("layer"), "p", {4 * size.value},
                         {.stored = encoding::fp32});
  engine_config config;
  config.nvme = {{"/fake"}};
  config.placement = forced_placement{0, 0};
  config.tile_elements = size;
  config.pipeline_depth = 1;
  const auto where = *layout::make(declared, size);
  const auto drawn = *draw(declared, where, config, {});
  fakes::plain_backends parts;
  fakes::lone_rank rank;
  activity_log log(parts.time());
  const auto homes = *tile_homes::make(
      where, drawn, config, parts, rank, {},
      [](std::size_t n, auto touch) {
        for (std::size_t i = 0; i < n; ++i) touch(i);
      },
      log);
  fakes::descent updates;
  workers threads{plan_threads(4, find_numa_nodes())};
  const tile_work work(where, *homes, updates, threads);
  tile_pipeline pipeline(where, drawn, *homes, work, threads);
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  const std::vector<tile_id> order{{0}, {1}, {2}, {3}};
  const auto one_slice = [&](const tile_work::slice&) -> status {
    const int mine = ++now;
    for (int seen = most; seen < mine;) {
      most.compare_exchange_weak(seen, mine);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --now;
    return {};
  };
  const auto done = pipeline.run(order, tile_pipeline::movement::write_only,
                                 [&](tile_id which, const carried& memory) {
                                   return work.for_slices(which, memory, where.at(which).range,
                                                          tile_work::access::fill, one_slice);
                                 });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_GT(most, 1);
}

INSTANTIATE_TEST_SUITE_P(OnNvme, TilePipeline,
                         testing::Values(state_alone, weights_too, everything),
                         [](const auto& of) { return of.param.name(); });

}  // namespace
}  // namespace ballast
