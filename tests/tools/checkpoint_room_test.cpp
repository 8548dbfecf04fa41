// What an engine with checkpoints takes is what its plan says: of several folders, and of memory while
// it loads.
#include <gtest/gtest.h>

#include <ballast/engine.hpp>
#include <filesystem>
#include <fstream>

#include "tests/nvme/test_folder.hpp"

namespace ballast::tools {
namespace {

namespace files = std::filesystem;
using namespace literals;

constexpr elements tile{std::uint64_t{1} << 20};

model tiles_in_one_layer(std::uint64_t tiles) {
  model declared;
  declared.add_parameter(declared.add_layer("layer"), "p", {tile.value * tiles},
                         {.stored = encoding::bf16});
  return declared;
}

/// A line of /proc/self/status, "VmHWM:" or "VmRSS:".
bytes status_of_process(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (std::uint64_t kib = 0; word == name && status >> kib) return {kib << 10};
  }
  return {};
}

/// The peak is what there is now.
bool forget_peak() {
  std::ofstream file("/proc/self/clear_refs");
  return static_cast<bool>(file << "5" << std::flush);
}

bytes size_of(const plan& summary, const std::string& consumer_name) {
  for (const consumer& each : summary.consumers) {
    if (each.name == consumer_name) return each.size;
  }
  return {};
}

struct CheckpointRoom : testing::Test {
  ~CheckpointRoom() override {
    for (const auto& each : files::directory_iterator(folder_.path())) files::remove_all(each);
  }

  engine_config config(std::vector<std::string> disks) const {
    engine_config made{.checkpoint_directory = folder_.path() + "/checkpoints",
                       .placement = forced_placement{0, 0},
                       .tile_elements = tile,
                       .threads = 2};
    for (const std::string& each : disks) {
      made.nvme.push_back({folder_.path() + "/" + each});
      files::create_directory(made.nvme.back().directory);
    }
    return made;
  }

  nvme::testing::test_folder folder_;
};

TEST_F(CheckpointRoom, OfSeveralFoldersIsThePlans) {
  for (const auto& [undo, weights] : {std::pair{0_B, place::host}, std::pair{4_MiB, place::host},
                                      std::pair{4_MiB, place::nvme}}) {
    engine_config several = config({"a", "b", "c"});
    several.nvme.front().size = 40_MiB;
    several.undo_memory = undo;
    several.weights = weights;
    engine running(tiles_in_one_layer(5), make_backends());
    const auto sealed = running.seal(several);
    ASSERT_TRUE(sealed) << sealed.error().message;
    std::uint64_t segments = 0;
    for (const auto& each : files::recursive_directory_iterator(folder_.path())) {
      const bool segment = each.path().filename().string().starts_with("segment-");
      segments += segment ? each.file_size() : 0;
    }
    EXPECT_EQ(bytes{segments}, sealed->total(place::nvme))
        << undo.value << ", weights on " << to_string(weights);
  }
}

/// A tile takes 2 MiB of weights and 6 MiB of state.
TEST_F(CheckpointRoom, OfMemoryIsThePlansWhileItLoads) {
  engine running(tiles_in_one_layer(2), make_backends());
  const auto sealed = running.seal(config({"a"}));
  ASSERT_TRUE(sealed) << sealed.error().message;
  ASSERT_TRUE(running.save(""));
  if (!forget_peak()) GTEST_SKIP() << "the peak of memory cannot be reset here";
  const bytes before = status_of_process("VmRSS:");
  ASSERT_TRUE(running.load());
  const bytes bounce = size_of(*sealed, "checkpoint's bounce buffers");
  EXPECT_LT(status_of_process("VmHWM:") - before, bounce + 2_MiB);
}

}  // namespace
}  // namespace ballast::tools
