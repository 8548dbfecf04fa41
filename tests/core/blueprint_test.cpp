// Placement under budgets: what fits goes first, and what does not fit says what would.
#include "src/blueprint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ballast {
namespace {

using namespace literals;

/// Eight layers of 64 blocks: 256 Ki elements each, 1 MiB of fp32 weights.
model eight_layers() {
  model declared;
  for (int i = 0; i < 8; ++i) {
    const layer_id here = declared.add_layer("layer" + std::to_string(i));
    declared.add_parameter(here, "p" + std::to_string(i), {512, 512}, {.stored = encoding::fp32});
  }
  return declared;
}

class Blueprint : public testing::Test {
 protected:
  result<blueprint> drawn(const engine_config& config,
                          const std::array<bytes, place_count>& reserved = {}) {
    where_ = *layout::make(declared_, config.tile_elements);
    return draw(declared_, *where_, config, reserved);
  }

  model declared_ = eight_layers();
  std::optional<layout> where_;
  engine_config config_{.tile_elements = block_elements * 16};
};

TEST_F(Blueprint, PutsEverythingOnAnUnlimitedDevice) {
  const auto made = drawn(config_);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->summary.tiles[0], 32u);
  EXPECT_EQ(made->layer_slots.count, 0u);
  EXPECT_EQ(made->summary.total(place::host), bytes{8} * where_->blocks());
}

TEST_F(Blueprint, FillsDeviceThenHostThenNvme) {
  config_.device_memory = 12_MiB;
  config_.host_memory = 20_MiB;
  config_.nvme = {{"/anywhere"}};
  const auto made = drawn(config_);
  ASSERT_TRUE(made);
  const plan& summary = made->summary;
  EXPECT_GT(summary.tiles[static_cast<std::size_t>(place::device)], 0u);
  EXPECT_GT(summary.tiles[static_cast<std::size_t>(place::host)], 0u);
  EXPECT_GT(summary.tiles[static_cast<std::size_t>(place::nvme)], 0u);
  EXPECT_LE(summary.total(place::device), 12_MiB);
  EXPECT_LE(summary.total(place::host), 20_MiB);
  EXPECT_TRUE(std::ranges::is_sorted(made->tile_places));
}

TEST_F(Blueprint, NeverExceedsABudgetAndWastesNoTile) {
  const bytes tile_state = bytes{config_.tile_elements.value * 8};
  const bytes whole_tile = tile_state + bytes{config_.tile_elements.value * 8};
  for (std::uint64_t mib = 7; mib < 60; ++mib) {
    config_.device_memory = bytes{mib << 20};
    config_.host_memory = 8_MiB + bytes{(mib % 7) << 20};
    config_.nvme = {{"/anywhere"}};
    const auto made = drawn(config_);
    if (!made) {
      EXPECT_EQ(made.error().code, errc::does_not_fit);
      continue;
    }
    EXPECT_LE(made->summary.total(place::device), *config_.device_memory);
    EXPECT_LE(made->summary.total(place::host), *config_.host_memory);
    const auto tiles = [&](place where) {
      return made->summary.tiles[static_cast<std::size_t>(where)];
    };
    if (tiles(place::host) + tiles(place::nvme) > 0) {
      EXPECT_GT(made->summary.total(place::device) + whole_tile, *config_.device_memory) << mib;
    }
    if (tiles(place::nvme) > 0) {
      EXPECT_GT(made->summary.total(place::host) + tile_state, *config_.host_memory) << mib;
    }
  }
}

TEST_F(Blueprint, SaysTheSmallestChangeThatWouldFit) {
  config_.device_memory = 2_MiB;
  const auto refused = drawn(config_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::does_not_fit);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("raise --device-memory to 4MiB"));
  config_.device_memory = 4_MiB;
  EXPECT_TRUE(drawn(config_));
  config_.device_memory = 4_MiB - 1_B;
  EXPECT_FALSE(drawn(config_));
}

TEST_F(Blueprint, OffersTheDiskWhereTheHostIsFull) {
  config_.device_memory = 4_MiB;
  config_.host_memory = 20_MiB;
  const auto refused = drawn(config_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("--nvme"));
}

TEST_F(Blueprint, CountsTheCallersReservation) {
  const auto without = drawn(config_);
  std::array<bytes, place_count> reserved{};
  reserved[0] = 3_MiB;
  const auto with = drawn(config_, reserved);
  ASSERT_TRUE(without && with);
  EXPECT_EQ(with->summary.total(place::device), without->summary.total(place::device) + 3_MiB);
}

/// One int8 layer of 5 blocks under SGD: its tiles' state is 8320 bytes a block, a multiple of
/// neither 256 nor 4096.
TEST_F(Blueprint, CountsThePaddingOfOddStates) {
  declared_ = model(sgd_options{});
  const layer_id here = declared_.add_layer("odd");
  declared_.add_parameter(here, "p", {5 * 4096}, {.stored = encoding::int8});
  config_.tile_elements = block_elements;
  config_.placement = forced_placement{.device = 0.2, .host = 0.2};
  config_.nvme = {{"/anywhere"}};
  const auto made = drawn(config_);
  ASSERT_TRUE(made);
  for (const consumer& each : made->summary.consumers) {
    if (each.where == place::device) {
      EXPECT_EQ(each.size.value % 256, 0u) << each.name;
    }
  }
  const bytes whole_extents{3 * 3 * 4096};
  EXPECT_EQ(made->summary.total(place::nvme), whole_extents);
  EXPECT_EQ(made->summary.nvme_step, whole_extents * 2);
  const std::vector<tile_id> order{{0}, {1}, {2}, {3}, {4}};
  const traffic moved =
      predict(declared_, *where_, *made, config_, {}, order, [](tile_id) { return false; });
  EXPECT_EQ(moved[hop::read], whole_extents);
}

/// 32 tiles, 24 of them on NVMe, of 4096 x 10 bytes.
TEST_F(Blueprint, GivesTheRestOfTheHostToTheCache) {
  config_.placement = forced_placement{.device = 0.25, .host = 0};
  config_.nvme = {{"/anywhere"}};
  const auto tight = drawn(config_);
  ASSERT_TRUE(tight);
  EXPECT_EQ(tight->cached_tiles, 0u) << "without a budget nothing is left over";
  const bytes tile = tight->staging.size;
  config_.host_memory = tight->summary.total(place::host) + tile * 3 - bytes{1};
  const auto cached = drawn(config_);
  ASSERT_TRUE(cached);
  EXPECT_EQ(cached->cached_tiles, 2u);
  EXPECT_EQ(cached->summary.total(place::host), tight->summary.total(place::host) + tile * 2);
  EXPECT_EQ(cached->staging.count, tight->staging.count + 2);
  EXPECT_EQ(cached->summary.nvme_step, tight->summary.nvme_step - tile * 4)
      << "two neither read nor written";
  std::vector<tile_id> order;
  for (std::uint32_t i = 8; i < 32; ++i) order.push_back({i});
  const traffic moved = predict(declared_, *where_, *cached, config_, {}, order,
                                [](tile_id which) { return which.value < 10; });
  EXPECT_EQ(moved[hop::read] + moved[hop::write], cached->summary.nvme_step);
  EXPECT_EQ(moved[hop::read], tile * 22);

  config_.host_memory = tight->summary.total(place::host) + tile * 100;
  const auto all = drawn(config_);
  EXPECT_EQ(all->cached_tiles, 24u);
  EXPECT_EQ(all->summary.nvme_step, bytes{0});
}

TEST_F(Blueprint, SetsRoomAsideForKeptCheckpoints) {
  config_.placement = forced_placement{.device = 0, .host = 0};
  config_.nvme = {{"/anywhere"}};
  const auto without = drawn(config_);
  config_.checkpoint_directory = "/elsewhere";
  config_.kept_checkpoints = 2;
  const auto with = drawn(config_);
  ASSERT_TRUE(without && with);
  EXPECT_EQ(with->nvme, without->nvme * 3) << "one generation lives, two are kept";
  EXPECT_EQ(with->slices, without->slices * 3);
  EXPECT_EQ(with->summary.nvme_step, without->summary.nvme_step);
  EXPECT_GT(with->checkpoint_staging.size, bytes{0});
  EXPECT_EQ(with->checkpoint_reading, with->staging.size) << "a tile's state";
  config_.nvme.clear();
  config_.placement = forced_placement{.device = 1, .host = 0};
  const auto resident = drawn(config_);
  EXPECT_EQ(resident->checkpoint_reading, with->staging.size)
      << "whoever wrote it had it elsewhere";
  config_.tile_elements = block_elements;
  EXPECT_EQ(drawn(config_)->checkpoint_reading, bytes{slice_elements.value * 8}) << "a whole slice";
}

/// 32 tiles on NVMe, in extents of 8 x 4096 x 16 bytes.
TEST_F(Blueprint, SetsSpareTilesAsideInEachOfSeveralFolders) {
  config_.placement = forced_placement{.device = 0, .host = 0};
  config_.nvme = {{"/one"}};
  const auto one = drawn(config_);
  ASSERT_TRUE(one);
  const bytes tile = one->staging.size;
  EXPECT_EQ(one->summary.total(place::nvme), tile * 32) << "a lone folder needs none";
  config_.nvme = {{"/one", tile * 8}, {"/two", tile * 28}};
  const auto two = drawn(config_);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->nvme, tile * 32);
  EXPECT_EQ(two->summary.total(place::nvme), tile * 36);
  EXPECT_EQ(two->summary.consumers.back().name, "spare, 2 tiles in each of 2 folders");
  config_.nvme.back().size = tile * 28 - 1_B;
  const auto refused = drawn(config_);
  ASSERT_FALSE(refused) << "the store would not find room for it";
  EXPECT_EQ(refused.error().code, errc::does_not_fit);
  config_.nvme = {{"/one", tile * 2}, {"/two", tile * 34}};
  EXPECT_TRUE(drawn(config_)) << "nothing goes to the one that holds no more than a spare";
  config_.nvme.back().size = tile * 33;
  EXPECT_FALSE(drawn(config_)) << "what it may hold is no help";
}

/// 32 tiles of 16 blocks: 8 bytes of state and 4 of weights an element.
TEST_F(Blueprint, PutsWeightsOnNvmeBesideTheState) {
  config_.placement = forced_placement{.device = 0, .host = 0};
  config_.nvme = {{"/anywhere"}};
  const auto in_host = drawn(config_);
  config_.weights = place::nvme;
  const auto made = drawn(config_);
  ASSERT_TRUE(in_host && made);
  const bytes weights{config_.tile_elements.value * 4};
  EXPECT_EQ(made->nvme, in_host->nvme + weights * 32);
  EXPECT_EQ(made->slices, in_host->slices * 2);
  EXPECT_EQ(made->staging.size, weights * 3);
  EXPECT_EQ(made->relay.size, weights);
  EXPECT_EQ(made->relay.count, config_.pipeline_depth);
  EXPECT_EQ(made->summary.nvme_step, weights * 6 * 32);
  EXPECT_EQ(made->summary.total(place::host),
            in_host->summary.total(place::host) - weights * 32 + weights * made->staging.count +
                made->relay.total() + bytes{16} * in_host->slices);
  const std::vector<visit> visits{{visit::kind::fetch, {0}}, {visit::kind::fetch, {1}}};
  EXPECT_EQ(predict(declared_, *where_, *made, config_, visits, {},
                    [](tile_id) { return false; })[hop::read],
            weights * 8);
  config_.undo_memory = weights * 3;
  const auto early = drawn(config_);
  EXPECT_EQ(early->undo.count, 3u);
  EXPECT_EQ(early->undo.total(), bytes{0}) << "what is to be undone stays on NVMe";
  EXPECT_EQ(early->nvme, made->nvme + weights * 3 * 3);
  config_.weights = place::device;
  EXPECT_EQ(drawn(config_).error().code, errc::invalid_argument);
}

/// The same with 4 bytes of gradient an element.
TEST_F(Blueprint, PutsGradientsOnNvmeAndNoneIntoACheckpoint) {
  config_.placement = forced_placement{.device = 0, .host = 0};
  config_.nvme = {{"/anywhere"}};
  const auto in_host = drawn(config_);
  config_.gradients = place::nvme;
  const auto made = drawn(config_);
  ASSERT_TRUE(in_host && made);
  const bytes gradient{config_.tile_elements.value * 4};
  EXPECT_EQ(made->nvme, in_host->nvme + gradient * 32);
  EXPECT_EQ(made->slices, in_host->slices * 2);
  EXPECT_EQ(made->staging.size, gradient * 3);
  EXPECT_EQ(made->gradient_relay.total(), gradient * config_.pipeline_depth);
  EXPECT_EQ(made->summary.nvme_step, gradient * 6 * 32) << "written by a push, read by the update";
  EXPECT_EQ(made->summary.total(place::host),
            in_host->summary.total(place::host) - gradient * 32 + gradient * made->staging.count +
                made->gradient_relay.total() + bytes{16} * in_host->slices);
  const std::vector<visit> visits{{visit::kind::push, {0}}};
  EXPECT_EQ(predict(declared_, *where_, *made, config_, visits, {},
                    [](tile_id) { return false; })[hop::write],
            gradient * 4);
  config_.checkpoint_directory = "/anywhere";
  EXPECT_EQ(drawn(config_)->nvme, made->nvme + in_host->nvme);
  EXPECT_EQ(drawn(config_)->slices, made->slices + in_host->slices);
  config_.undo_memory = bytes{1 << 30};
  EXPECT_EQ(drawn(config_)->undo_room.total(), gradient * 2) << "no update changes a gradient";
  config_.gradients = place::device;
  EXPECT_EQ(drawn(config_).error().code, errc::invalid_argument);
  config_.gradients = place::nvme;
  config_.several_pushes = true;
  EXPECT_EQ(drawn(config_).error().code, errc::invalid_argument) << "all of them are summed";
}

TEST_F(Blueprint, ForcesFractions) {
  config_.placement = forced_placement{.device = 0.25, .host = 0.25};
  EXPECT_EQ(drawn(config_).error().code, errc::invalid_argument);
  config_.nvme = {{"/anywhere"}};
  const auto made = drawn(config_);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->summary.tiles[static_cast<std::size_t>(place::device)], 8u);
  EXPECT_EQ(made->summary.tiles[static_cast<std::size_t>(place::nvme)], 16u);
  config_.placement = forced_placement{.device = 0.75, .host = 0.5};
  EXPECT_EQ(drawn(config_).error().code, errc::invalid_argument);
}

}  // namespace
}  // namespace ballast
