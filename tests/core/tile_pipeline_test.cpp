// Tiles past a worker: each exactly once a run, whatever the cache holds.
#include "src/tile_pipeline.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "plain_backends.hpp"

namespace ballast {
namespace {

using namespace literals;

constexpr std::uint32_t tiles = 128;

class TilePipeline : public testing::Test {
 protected:
  TilePipeline() {
    declared_.add_parameter(declared_.add_layer("layer"), "p", {tiles * block_elements.value},
                            {.stored = encoding::fp32});
    config_.nvme = {{"/fake"}};
    config_.placement = forced_placement{0, 0};
    config_.tile_elements = block_elements;
    where_ = *layout::make(declared_, block_elements, {0}, 1);
    const bytes least = draw(declared_, *where_, config_, {})->summary.total(place::host);
    config_.host_memory = least + bytes{8} * block_elements.value * (tiles / 2);
    drawn_ = *draw(declared_, *where_, config_, {});
    homes_ = *tile_homes::make(
        *where_, *drawn_, config_, parts_, {},
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

TEST_F(TilePipeline, TakesEveryTileOnceWhenWorkersAreFasterThanTheStart) {
  ASSERT_EQ(drawn_->cached_tiles, tiles / 2);
  const auto count = [](tile_id which, std::span<std::byte> state, std::uint64_t expected) {
    std::uint64_t seen[2];
    std::memcpy(seen, state.data(), sizeof seen);
    const bool right = seen[0] == which.value && seen[1] == expected;
    seen[0] = which.value;
    seen[1] = expected + 1;
    std::memcpy(state.data(), seen, sizeof seen);
    return right || expected == 0;
  };
  for (std::uint64_t run = 0; run < 300; ++run) {
    std::atomic<std::uint32_t> taken = 0;
    std::atomic<std::uint32_t> wrong = 0;
    const auto outcome = pipeline_->run(
        order_,
        run == 0 ? tile_pipeline::movement::write_only : tile_pipeline::movement::read_and_write,
        [&](tile_id which, std::span<std::byte> state) -> status {
          ++taken;
          wrong += count(which, state, run) ? 0 : 1;
          return {};
        },
        tile_pipeline::after::keep_last);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_EQ(taken, tiles) << "run " << run;
    ASSERT_EQ(wrong, 0u) << "run " << run;
    std::ranges::reverse(order_);
  }
}

}  // namespace
}  // namespace ballast
