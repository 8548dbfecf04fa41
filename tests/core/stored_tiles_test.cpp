// Generations: what a checkpoint keeps is not overwritten, and 1 + K extents a tile are enough.
#include "src/stored_tiles.hpp"

#include <gtest/gtest.h>

#include <set>

#include "fakes.hpp"

namespace ballast {
namespace {

constexpr std::uint32_t tiles = 3;
constexpr bytes size{4096};

class StoredTiles : public testing::Test {
 protected:
  void open(std::uint64_t generations) {
    disk_ = std::make_unique<fakes::plain_store>(size * tiles * generations);
    stored_ = std::make_unique<stored_tiles>(*disk_, tiles);
    for (std::uint32_t i = 0; i < tiles; ++i) {
      ASSERT_TRUE(stored_->place({i}, size, 1));
    }
  }
  status update() {
    for (std::uint32_t i = 0; i < tiles; ++i) {
      if (auto renewed = stored_->renew({i}); !renewed) {
        return renewed;
      }
      stored_->written({i});
    }
    return {};
  }
  std::uint64_t at(std::uint32_t which) const { return stored_->latest({which}).address.value; }

  std::unique_ptr<fakes::plain_store> disk_;
  std::unique_ptr<stored_tiles> stored_;
};

TEST_F(StoredTiles, AreWrittenInPlaceWithoutACheckpoint) {
  open(1);
  const std::uint64_t before = at(1);
  ASSERT_TRUE(update());
  EXPECT_EQ(at(1), before);
}

TEST_F(StoredTiles, ReturnToWhatWasBeforeAnUpdate) {
  open(1);
  disk_->give_room(size);
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t before = at(1);
    ASSERT_TRUE(stored_->keep_before({1}));
    EXPECT_FALSE(stored_->keep_before({2})) << "there is room for one more extent";
    EXPECT_EQ(at(1), before) << "what is to be read";
    if (round > 0) {  // without an update too
      ASSERT_TRUE(stored_->renew({1}));
      EXPECT_NE(at(1), before);
    }
    if (round > 1) {
      stored_->written({1});
    }
    stored_->roll_back({1});
    EXPECT_EQ(at(1), before);
  }
}

TEST_F(StoredTiles, GiveUpWhatWasBeforeAnUpdateThatStands) {
  open(1);
  disk_->give_room(size);
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t before = at(1);
    ASSERT_TRUE(stored_->keep_before({1}));
    ASSERT_TRUE(stored_->renew({1}));
    stored_->written({1});
    stored_->retire({1});
    EXPECT_NE(at(1), before);
  }
}

TEST_F(StoredTiles, KeepForACheckpointWhatWasBeforeAnUpdate) {
  open(2);
  disk_->give_room(size);
  stored_->keep(1);
  const std::uint64_t before = at(1);
  ASSERT_TRUE(stored_->keep_before({1}));
  ASSERT_TRUE(stored_->renew({1}));
  stored_->written({1});
  stored_->retire({1});
  const auto next = disk_->allocate(size, 1);
  EXPECT_TRUE(!next || next->address.value != before) << "the checkpoint still has it";
}

TEST_F(StoredTiles, LeaveWhatACheckpointKeeps) {
  for (const std::uint64_t kept : {1u, 2u, 3u}) {
    open(1 + kept);
    std::vector<std::set<std::uint64_t>> held;  // addresses by checkpoint
    for (std::uint64_t checkpoint = 1; checkpoint < 20; ++checkpoint) {
      for (std::uint64_t i = 0; i < checkpoint % 3; ++i) {
        ASSERT_TRUE(update()) << "checkpoint " << checkpoint << ", " << kept << " kept";
      }
      for (const auto& its : held) {
        for (std::uint32_t i = 0; i < tiles && checkpoint % 3 != 0; ++i) {
          EXPECT_FALSE(its.contains(at(i))) << "overwritten";
        }
      }
      stored_->keep(checkpoint);
      held.push_back({at(0), at(1), at(2)});
      if (held.size() > kept) {
        stored_->drop(checkpoint - kept);
        held.erase(held.begin());
      }
    }
  }
}

TEST_F(StoredTiles, RenewOnceUntilWritten) {
  open(2);
  stored_->keep(1);
  const std::uint64_t before = at(0);
  ASSERT_TRUE(stored_->renew({0}));
  const std::uint64_t after = at(0);
  EXPECT_NE(after, before);
  ASSERT_TRUE(stored_->renew({0}));
  EXPECT_EQ(at(0), after);
  stored_->written({0});
  ASSERT_TRUE(stored_->renew({0}));
  EXPECT_EQ(at(0), after) << "no checkpoint keeps it";
}

/// Every folder refused the tile and one of them took its extent back; then a load fills it again.
TEST_F(StoredTiles, TakeAnExtentOfTheirOwnAfterNoFolderTookThem) {
  for (const bool kept : {false, true}) {
    open(kept ? 2 : 1);
    if (kept) {
      stored_->keep(1);
      for (std::uint32_t i = 0; i < tiles; ++i) {
        ASSERT_TRUE(stored_->renew({i}));
      }
    }
    disk_->others_left = true;
    const std::uint64_t refused_at = at(0);
    const failure why{errc::io_failure, "was made to fail"};
    const failure said = stored_->move_away({0}, why).error();
    EXPECT_EQ(said.code, why.code);
    EXPECT_EQ(said.message.rfind(why.message + "; no other folder takes it: ", 0), 0u)
        << said.message;
    EXPECT_EQ(stored_->renew({0}).error().code, errc::no_space) << "what it had is given back";
    disk_->give_room(size * 2);
    ASSERT_TRUE(stored_->renew({0}));
    EXPECT_NE(at(0), refused_at);
    EXPECT_TRUE(stored_->move_away({0}, why)) << "an extent of its own, taken back once";
    stored_->written({0});
    const std::uint64_t settled = at(0);
    ASSERT_TRUE(stored_->renew({0}));
    EXPECT_EQ(at(0), settled);
  }
}

TEST_F(StoredTiles, SayWhenThereIsNoRoom) {
  open(1);
  stored_->keep(1);
  EXPECT_EQ(stored_->renew({0}).error().code, errc::no_space);
}

}  // namespace
}  // namespace ballast
