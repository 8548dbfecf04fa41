// The factory: what it refuses, what it says of itself, and what happens to damaged bytes.
#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <nvme/nvme_store.hpp>
#include <nvme/queue_choice.hpp>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/faults/fault_queue.hpp"
#include "tests/nvme/child_process.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

using testing::test_folder;

const steady_clock now;
constexpr bytes mib{std::uint64_t{1} << 20};

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(
      std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

TEST(nvme_store, says_what_moves_the_bytes) {
  const test_folder folder;
  for (const auto& [backend, word] : {std::pair{io_backend::automatic, "io_uring"},
                                      {io_backend::uring, "io_uring"},
                                      {io_backend::posix, "pread/pwrite"}}) {
    const auto opened =
        make_store({.folders = {{folder.path()}}, .size = mib, .time = now, .backend = backend});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ((*opened)->description().find(word), 0u) << (*opened)->description();
    EXPECT_NE((*opened)->description().find(folder.path()), std::string::npos);
    EXPECT_GE((*opened)->alignment(), bytes{4096});
  }
}

TEST(nvme_store, refuses_nonsense_with_a_line) {
  const test_folder folder;
  EXPECT_EQ(make_store({.folders = {{folder.path()}}, .size = {0}, .time = now}).error().code,
            errc::invalid_argument);
  EXPECT_EQ(
      make_store({.folders = {{folder.path() + "/none"}}, .size = mib, .time = now}).error().code,
      errc::invalid_argument);
  const auto large = make_store(
      {.folders = {{folder.path()}}, .size = bytes{std::uint64_t{1} << 42}, .time = now});
  ASSERT_FALSE(large.has_value());
  EXPECT_EQ(large.error().code, errc::no_space);
}

TEST(nvme_store, asks_the_disk_as_it_was_told) {
  const test_folder folder;
  faults::fault_script script;
  std::uint32_t depth = 0;
  const auto opened =
      make_store({.folders = {{folder.path()}},
                  .size = mib * 4,
                  .time = now,
                  .request = {65536},
                  .depth = 3,
                  .staging_buffers = 1,
                  .open_queue = [&](const queue_setup& setup) {
                    depth = setup.depth;
                    return faults::faulty(script, choose_queue(io_backend::posix))(setup);
                  }});
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_NE((*opened)->description().find("3 x 64 KiB"), std::string::npos);
  ballast::testing::guarded_buffer memory(mib.value);
  ASSERT_TRUE((*opened)->write().submit({{0}, memory.span()}).wait().has_value());
  EXPECT_EQ(depth, 4u) << "and one from the staging buffer";
  EXPECT_EQ(script.seen(), 16u);
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{4095}, std::uint64_t{1} << 30}) {
    const auto refused =
        make_store({.folders = {{folder.path()}}, .size = mib, .time = now, .request = {size}});
    EXPECT_EQ(refused.error().code, errc::invalid_argument);
  }
  const auto none =
      make_store({.folders = {{folder.path()}}, .size = mib, .time = now, .depth = 0});
  EXPECT_EQ(none.error().code, errc::invalid_argument);
}

TEST(nvme_store, leaks_no_descriptor) {
  const test_folder folder;
  const std::size_t before = open_descriptors();
  for (const auto backend : {io_backend::uring, io_backend::posix}) {
    for (int i = 0; i < 5; ++i) {
      const auto opened =
          make_store({.folders = {{folder.path()}}, .size = mib, .time = now, .backend = backend});
      ASSERT_TRUE(opened.has_value());
    }
  }
  EXPECT_EQ(open_descriptors(), before);
}

/// Each number of descriptors, from none to enough: a store that works, or an error that says what to
/// change.
TEST(nvme_store, few_descriptors_are_an_error_with_a_remedy) {
  const test_folder folder;
  int opened_with = 0;
  for (rlim_t most = 3; most < 12; ++most) {  // 3 are in use
    const auto said = testing::in_child([&]() -> std::string {
      const rlimit limit{most, most};
      ::setrlimit(RLIMIT_NOFILE, &limit);
      const auto opened = make_store({.folders = {{folder.path()}}, .size = mib, .time = now});
      if (!opened) return opened.error().message;
      std::vector<std::byte> memory(mib.value);
      ballast::testing::fill_pattern(memory, most);
      if (!(*opened)->write().submit({{0}, memory}).wait()) return "write failed";
      std::ranges::fill(memory, std::byte{});
      if (!(*opened)->read().submit({{0}, memory}).wait()) return "read failed";
      return ballast::testing::wrong_bytes(memory, most) == 0 ? "" : "wrong bytes";
    });
    opened_with += said.empty() ? 1 : 0;
    EXPECT_TRUE(said.empty() || said.find("ulimit -n") != std::string::npos) << most << said;
    EXPECT_EQ(said.empty(), opened_with != 0) << "fewer were enough";
  }
  EXPECT_GT(opened_with, 4);
}

TEST(nvme_store, registers_an_arena_and_moves_through_it) {
  const test_folder folder;
  ballast::testing::guarded_buffer arena(4 * mib.value);
  const auto opened = make_store({.folders = {{folder.path()}},
                                  .size = mib * 2,
                                  .time = now,
                                  .backend = io_backend::automatic,
                                  .arena = arena.span()});
  ASSERT_TRUE(opened.has_value());
  const auto out = arena.span().first(2 * mib.value);
  const auto in = arena.span().last(2 * mib.value);
  ballast::testing::fill_pattern(out, 1);
  ASSERT_TRUE((*opened)->write().submit({{0}, out}).wait().has_value());
  ASSERT_TRUE((*opened)->read().submit({{0}, in}).wait().has_value());
  EXPECT_EQ(ballast::testing::wrong_bytes(in, 1), 0u);
}

/// The store's own staging is registered beside the arena; which of the two lies lower in memory is
/// the system's choice, so the arena is put below and above it.
TEST(nvme_store, tells_its_registered_regions_apart_in_any_order) {
  const test_folder folder;
  const std::size_t quarter = 16 * mib.value;
  for (const bool below : {true, false}) {
    // Half of a mapping is given back, above the arena or below it: the hole the staging falls into.
    void* const mapped =
        ::mmap(nullptr, 4 * quarter, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    auto* const base = static_cast<std::byte*>(mapped);
    const std::span<std::byte> kept{below ? base : base + 2 * quarter, 2 * quarter};
    ::munmap(below ? base + 2 * quarter : base, 2 * quarter);
    const std::span<std::byte> arena = below ? kept.first(4 * mib.value) : kept.last(4 * mib.value);
    {
      const auto opened = make_store({.folders = {{folder.path()}},
                                      .size = mib * 2,
                                      .time = now,
                                      .backend = io_backend::automatic,
                                      .arena = arena});
      ASSERT_TRUE(opened.has_value());
      const auto out = arena.first(2 * mib.value);
      const auto in = arena.last(2 * mib.value);
      ballast::testing::fill_pattern(out, 1);
      ASSERT_TRUE((*opened)->write().submit({{0}, out}).wait().has_value());
      ASSERT_TRUE((*opened)->read().submit({{0}, in}).wait().has_value());
      EXPECT_EQ(ballast::testing::wrong_bytes(in, 1), 0u);
    }
    ::munmap(kept.data(), kept.size());
  }
}

TEST(nvme_store, names_file_offset_and_slice_of_damage) {
  const test_folder folder;
  const auto opened =
      make_store({.folders = {{folder.path()}}, .size = mib, .slices = 2, .time = now});
  ASSERT_TRUE(opened.has_value());
  auto& disk = **opened;
  ASSERT_TRUE(disk.allocate({8192}, 1).has_value());
  const auto where = disk.allocate({4096}, 1).value();
  ballast::testing::guarded_buffer memory(4096);
  disk.stamp(where, 0, {memory.span()});
  memory.span()[100] ^= std::byte{4};
  const auto found = disk.check(where, 0, {memory.span()});
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, errc::corrupted);
  EXPECT_NE(found.error().message.find("slice 0 of the extent at offset 8192 of " + folder.path()),
            std::string::npos)
      << found.error().message;
}

}  // namespace
}  // namespace ballast::nvme
