// Checkpoints of the whole engine on the real disk: what is refused, what survives damage, and what
// a save does not copy. (resume_test.py kills processes and compares losses.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ballast/engine.hpp>
#include <filesystem>
#include <fstream>

#include "tests/nvme/test_folder.hpp"

namespace ballast::tools {
namespace {

namespace files = std::filesystem;
using testing::HasSubstr;

constexpr std::uint64_t count = 40'000;

model declaration(std::uint64_t elements_of_it = count) {
  model declared;
  declared.add_parameter(
      declared.add_layer("layer"), "p", {elements_of_it},
      {.stored = encoding::bf16, .init = [](element_range range, std::span<float> values) {
         for (std::size_t i = 0; i < values.size(); ++i) {
           values[i] = static_cast<float>((range.begin.value + i) % 91) * 0.01F;
         }
       }});
  return declared;
}

class Checkpoint : public testing::Test {
 protected:
  Checkpoint() { files::create_directory(disk_); }
  ~Checkpoint() override {
    running_.reset();
    files::remove_all(disk_);
    files::remove_all(checkpoints_);
  }

  result<plan> open(forced_placement placed, std::uint64_t tile_blocks = 2,
                    std::optional<bytes> host = {}, std::uint64_t elements_of_it = count) {
    running_ = std::make_unique<engine>(declaration(elements_of_it), make_backends());
    return running_->seal({.host_memory = host,
                           .nvme = {{disk_}},
                           .checkpoint_directory = checkpoints_,
                           .placement = placed,
                           .weights = weights_,
                           .tile_elements = block_elements * tile_blocks,
                           .threads = 2,
                           .noise_seed = 3});
  }
  result<step_report> step() {
    auto gradient = running_->gradient_buffer({0});
    if (!gradient) return gradient.error();
    auto values = gradient->gradient({0});
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>((i * 7 + steps_) % 13) - 6.0F;
    }
    ++steps_;
    if (status pushed = running_->push_gradients(*std::move(gradient), true); !pushed) {
      return pushed.error();
    }
    return running_->step({.learning_rate = 1e-2, .clip_norm = 1});
  }
  void steps(int n) {
    for (int i = 0; i < n; ++i) {
      const auto done = step();
      ASSERT_TRUE(done) << done.error().message;
    }
  }
  std::vector<float> values(state_part part) {
    std::vector<float> found(count);
    const status read = running_->read({0}, part, {0}, found);
    EXPECT_TRUE(read) << read.error().message;
    return found;
  }
  auto everything() {
    return std::array{values(state_part::weights), values(state_part::master),
                      values(state_part::momentum), values(state_part::variance)};
  }
  /// Of all files below a folder.
  static std::uint64_t size_of(const std::string& folder) {
    std::uint64_t sum = 0;
    for (const auto& each : files::recursive_directory_iterator(folder)) {
      sum += each.is_regular_file() ? each.file_size() : 0;
    }
    return sum;
  }
  static void flip_bit(const files::path& of, std::uint64_t at) {
    std::fstream file(of, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 16);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  std::string newest(const std::string& prefix) const {
    std::string found;
    for (const auto& each : files::directory_iterator(checkpoints_)) {
      const std::string name = each.path().filename();
      if (name.starts_with(prefix)) found = std::max(found, each.path().string());
    }
    return found;
  }

  nvme::testing::test_folder folder_;
  const std::string disk_ = folder_.path() + "/disk";
  const std::string checkpoints_ = folder_.path() + "/checkpoints";
  std::unique_ptr<engine> running_;
  std::uint64_t steps_ = 0;
  place weights_ = place::host;  ///< of tiles on NVMe, in the next engine
};

TEST_F(Checkpoint, GoesOnInEveryPlaceAsIfNothingHadHappened) {
  const struct {
    forced_placement fractions;
    place weights = place::host;
  } places[] = {{{0, 0}}, {{1, 0}}, {{0, 1}}, {{0.4, 0.3}}, {{0, 0}, place::nvme}};
  for (const auto& [before, weights_before] : places) {
    for (const auto& [after, weights_after] : places) {
      steps_ = 0;
      weights_ = weights_before;
      ASSERT_TRUE(open(before));
      steps(3);
      ASSERT_TRUE(running_->save("a blob"));
      steps(4);
      const auto expected = everything();
      weights_ = weights_after;
      ASSERT_TRUE(open(after, 3)) << "in tiles of another size";
      const auto blob = running_->load();
      ASSERT_TRUE(blob) << blob.error().message;
      EXPECT_EQ(*blob, "a blob");
      steps_ = 3;
      steps(4);
      EXPECT_EQ(everything(), expected) << "device " << before.device << ", host " << before.host
                                        << "; then " << after.device << ", " << after.host;
      running_.reset();
      files::remove_all(checkpoints_);
    }
  }
}

TEST_F(Checkpoint, GoesOnFromTilesThatAreLongerThanItsOwn) {
  for (const forced_placement& after : {forced_placement{0, 0}, {1, 0}, {0, 1}, {0.4, 0.3}}) {
    steps_ = 0;
    ASSERT_TRUE(open({0.5, 0}, 16)) << "all of it one tile";
    steps(3);
    ASSERT_TRUE(running_->save(""));
    steps(2);
    const auto expected = everything();
    ASSERT_TRUE(open(after, 1)) << "a slice is four tiles";
    const auto loaded = running_->load();
    ASSERT_TRUE(loaded) << loaded.error().message;
    steps_ = 3;
    steps(2);
    EXPECT_EQ(everything(), expected) << after.device << ", " << after.host;
    running_.reset();
    files::remove_all(checkpoints_);
  }
}

TEST_F(Checkpoint, KeepsWhatIsInTheCache) {
  for (const place weights : {place::host, place::nvme}) {
    weights_ = weights;
    const auto without = open({0, 0});
    ASSERT_TRUE(without);
    running_.reset();
    steps_ = 0;
    const auto cached =
        open({0, 0}, 2,
             without->total(place::host) + bytes{weights == place::nvme ? 8192u * 16 : 8192u * 12});
    ASSERT_TRUE(cached) << cached.error().message;
    EXPECT_EQ(cached->cached_tiles, 2u);
    steps(3);
    ASSERT_TRUE(running_->save(""));
    steps(2);
    ASSERT_TRUE(running_->save(""));
    steps(2);
    const auto expected = everything();
    ASSERT_TRUE(open({0, 0}, 2, cached->total(place::host)));
    ASSERT_TRUE(running_->load());
    steps_ = 5;
    steps(2);
    EXPECT_EQ(everything(), expected);
    running_.reset();
    files::remove_all(checkpoints_);
  }
}

TEST_F(Checkpoint, CopiesNoStateThatRestsOnDisk) {
  for (const place weights : {place::host, place::nvme}) {
    weights_ = weights;
    ASSERT_TRUE(open({0, 0}));
    steps(1);
    ASSERT_TRUE(running_->save(""));
    EXPECT_EQ(files::file_size(newest("state-")), weights == place::nvme ? 4096u : 2 * 10 * 4096u)
        << "the weights, 10 blocks, or a file all the same";
    const std::uint64_t on_disk = size_of(disk_);
    for (int i = 0; i < 5; ++i) {
      steps(1);
      ASSERT_TRUE(running_->save(""));
    }
    EXPECT_EQ(size_of(disk_), on_disk) << "no save takes more room than the plan has set aside";
    EXPECT_EQ(std::distance(files::directory_iterator(checkpoints_), files::directory_iterator()),
              2);
    running_.reset();
    files::remove_all(checkpoints_);
  }
}

TEST_F(Checkpoint, RefusesWhatItCannotGoOnFrom) {
  ASSERT_TRUE(open({0, 0}));
  EXPECT_FALSE(running_->has_checkpoint());
  EXPECT_EQ(running_->load().error().code, errc::invalid_argument) << "there is none";
  EXPECT_TRUE(step()) << "and nothing has changed";
  ASSERT_TRUE(running_->save(""));

  engine second(declaration(), make_backends());
  const auto taken =
      second.seal({.nvme = {{disk_}}, .checkpoint_directory = checkpoints_, .threads = 1});
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("in use by another run"));

  running_.reset();
  ASSERT_TRUE(open({0, 0}, 2, {}, count + 4096));
  const auto refused = running_->load();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("another model"));

  running_.reset();
  ASSERT_TRUE(open({0, 0}));
  EXPECT_TRUE(running_->has_checkpoint());
  EXPECT_EQ(running_->save("").error().code, errc::wrong_order) << "over another run's";
  ASSERT_TRUE(running_->load());
  EXPECT_TRUE(running_->save(""));
}

TEST_F(Checkpoint, RefusesNamesThatAManifestCannotHold) {
  for (const bool in_path : {true, false}) {
    const std::string disk = disk_ + (in_path ? "\xff" : "");
    files::create_directory(disk);
    model declared;
    declared.add_parameter(declared.add_layer(in_path ? "layer" : "layer\xff"), "p", {count},
                           {.stored = encoding::bf16});
    engine odd(std::move(declared), make_backends());
    const auto sealed = odd.seal({.nvme = {{disk}}, .checkpoint_directory = checkpoints_});
    ASSERT_FALSE(sealed);
    EXPECT_EQ(sealed.error().code, errc::invalid_argument);
    EXPECT_THAT(sealed.error().message, HasSubstr("not UTF-8"));
    files::remove_all(disk);
  }
}

TEST_F(Checkpoint, ARefusedLoadLeavesWhatIsInTheCache) {
  const auto without = open({0, 0});
  ASSERT_TRUE(without);
  steps(4);
  const auto expected = everything();
  running_.reset();
  files::remove_all(checkpoints_);
  steps_ = 0;
  const auto cached = open({0, 0}, 2, without->total(place::host) + bytes{8192 * 6 * 2});
  ASSERT_TRUE(cached);
  ASSERT_EQ(cached->cached_tiles, 2u);
  steps(3);
  EXPECT_EQ(running_->load().error().code, errc::invalid_argument);
  steps(1);
  EXPECT_EQ(everything(), expected);
}

TEST_F(Checkpoint, AFailedLoadLeavesNothingToGoOnFrom) {
  ASSERT_TRUE(open({0, 0}));
  steps(1);
  ASSERT_TRUE(running_->save(""));
  const std::string state = newest("state-");
  files::rename(state, state + "-away");
  EXPECT_EQ(running_->load().error().code, errc::io_failure);
  EXPECT_EQ(step().error().code, errc::io_failure);
  files::rename(state + "-away", state);
  EXPECT_TRUE(running_->load());
  steps(1);
}

TEST_F(Checkpoint, GoesOnInAFolderThatWasMoved) {
  ASSERT_TRUE(open({0, 0.5}));
  steps(2);
  ASSERT_TRUE(running_->save("moved"));
  steps(2);
  const auto expected = everything();
  running_.reset();
  files::rename(checkpoints_, checkpoints_ + "-moved");
  steps_ = 0;
  ASSERT_TRUE(open({0, 0.5})) << "another run in the old place";
  steps(1);
  ASSERT_TRUE(running_->save("another"));
  running_.reset();
  files::remove_all(checkpoints_);
  files::rename(checkpoints_ + "-moved", checkpoints_ + "-good");
  files::create_symlink(checkpoints_ + "-good", checkpoints_);
  ASSERT_TRUE(open({0, 0.5}));
  const auto loaded = running_->load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, "moved");
  steps_ = 2;
  steps(2);
  EXPECT_EQ(everything(), expected);
  const auto saved = running_->save("again, through a link");
  EXPECT_TRUE(saved) << saved.error().message;
  running_.reset();
  files::remove_all(checkpoints_ + "-good");
}

TEST_F(Checkpoint, NoticesEveryDamage) {
  ASSERT_TRUE(open({0, 0.5}));
  steps(2);
  ASSERT_TRUE(running_->save(""));
  running_.reset();
  std::vector<files::path> damaged{newest("manifest-"), newest("state-")};
  for (const auto& run : files::directory_iterator(disk_))
    damaged.push_back(run.path() / "segment-0");
  ASSERT_EQ(damaged.size(), 3u);
  // An extent of the first generation; the second one's are not referred to.
  for (const auto& each : damaged) {
    std::size_t noticed = 0;
    for (std::uint64_t at = 50; at < files::file_size(each); at += files::file_size(each) / 7) {
      flip_bit(each, at);
      const auto sealed = open({0, 0.5});
      const auto loaded = sealed ? running_->load() : result<std::string>(sealed.error());
      if (!loaded) {
        EXPECT_EQ(loaded.error().code, errc::corrupted) << loaded.error().message;
        ++noticed;
      }
      running_.reset();
      flip_bit(each, at);
    }
    EXPECT_GE(noticed, 3u) << each;
  }
  ASSERT_TRUE(open({0, 0.5}));
  EXPECT_TRUE(running_->load()) << "everything is as it was";
}

TEST_F(Checkpoint, AFailedSaveLeavesTheOldOne) {
  ASSERT_TRUE(open({0, 0.5}));
  steps(2);
  ASSERT_TRUE(running_->save("old"));
  steps(1);
  std::ofstream(checkpoints_ + "/state-000000000002") << "in the way";
  EXPECT_FALSE(running_->save("new"));
  steps(1);
  const auto expected = everything();
  running_.reset();
  ASSERT_TRUE(open({0, 0.5}));
  EXPECT_EQ(running_->load().value(), "old");
  steps_ = 2;
  steps(2);
  EXPECT_EQ(everything(), expected);
  EXPECT_TRUE(running_->save("new")) << "what was in the way is no checkpoint's";
}

TEST_F(Checkpoint, RestoresStateAfterAnErrorThatNothingElseUndoes) {
  ASSERT_TRUE(open({0, 0}));
  steps(2);
  ASSERT_TRUE(running_->save(""));
  steps(1);
  for (const auto& run : files::directory_iterator(disk_)) {
    for (std::uint64_t at = 0; at < files::file_size(run.path() / "segment-0"); at += 4096) {
      // The live generation is the second half; the first is the checkpoint's.
      if (at >= files::file_size(run.path() / "segment-0") / 2) {
        flip_bit(run.path() / "segment-0", at);
      }
    }
  }
  EXPECT_EQ(step().error().code, errc::corrupted);
  EXPECT_EQ(step().error().code, errc::corrupted) << "it sticks";
  const auto loaded = running_->load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  steps_ = 2;
  steps(2);
}

}  // namespace
}  // namespace ballast::tools
