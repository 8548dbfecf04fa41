// Are regions backed as they say, and what does not fit refused instead of killed? Do arena places
// never overlap?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cpu/available_memory.hpp>
#include <cpu/first_fit.hpp>
#include <cpu/huge_page_region.hpp>
#include <filesystem>
#include <fstream>

namespace ballast {
namespace {

using namespace ballast::literals;
namespace fs = std::filesystem;

TEST(huge_page_region, is_aligned_zero_writable_and_says_what_backs_it) {
  for (const bytes size : {1_B, 2_MiB, 5_MiB, 64_MiB}) {
    auto region = cpu::make_huge_page_region(size);
    ASSERT_TRUE(region) << region.error().message;
    const std::span<std::byte> memory = (*region)->span();
    ASSERT_EQ(memory.size(), size.value);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % cpu::huge_page.value, 0u);
    EXPECT_TRUE(std::ranges::all_of(memory, [](std::byte b) { return b == std::byte{0}; }));
    std::ranges::fill(memory, std::byte{1});
    EXPECT_NE((*region)->backing().find("pages"), std::string::npos);
    RecordProperty("backing", (*region)->backing());
  }
}

TEST(huge_page_region, counts_its_own_pages_beside_other_regions) {
  std::vector<std::unique_ptr<memory_region>> regions;
  for (int i = 0; i < 3; ++i)
    regions.push_back(std::move(cpu::make_huge_page_region(4_MiB).value()));
  for (const auto& region : regions) EXPECT_EQ(region->backing(), regions.front()->backing());
}

TEST(huge_page_region, may_be_empty) {
  auto region = cpu::make_huge_page_region({0});
  ASSERT_TRUE(region);
  EXPECT_TRUE((*region)->span().empty());
}

TEST(huge_page_region, refuses_more_than_the_machine_has) {
  for (const bytes size : {bytes{std::uint64_t{1} << 45}, bytes{~std::uint64_t{0}}}) {
    const auto refused = cpu::make_huge_page_region(size);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::exhausted);
    EXPECT_NE(refused.error().message.find("MiB left"), std::string::npos)
        << refused.error().message;
  }
}

TEST(huge_page_region, refuses_what_the_address_space_limit_forbids) {
  std::uint64_t pages_in_use = 0;
  std::ifstream("/proc/self/statm") >> pages_in_use;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  rlimit lowered = before;
  lowered.rlim_cur = pages_in_use * static_cast<std::uint64_t>(::getpagesize()) + (64_MiB).value;
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &lowered), 0);
  const auto refused = cpu::make_huge_page_region(256_MiB);
  ::setrlimit(RLIMIT_AS, &before);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::exhausted);
  EXPECT_EQ(refused.error().system, ENOMEM);
}

TEST(huge_page_region_death_test, ends_the_process_that_runs_past_an_end) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto region = std::move(cpu::make_huge_page_region(2_MiB).value());
  EXPECT_DEATH(
      *const_cast<volatile std::byte*>(region->span().data() + (2_MiB).value) = std::byte{1}, "");
  EXPECT_DEATH(*const_cast<volatile std::byte*>(region->span().data() - 1) = std::byte{1}, "");
}

/// A made-up / with the files that available_memory reads.
class machine_files {
 public:
  machine_files() : root_(fs::temp_directory_path() / fs::path(unique_name())) {}
  ~machine_files() { fs::remove_all(root_); }
  void write(const fs::path& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  const fs::path& root() const { return root_; }

 private:
  static std::string unique_name() {
    static int made = 0;
    return "ballast-memory-test-" + std::to_string(::getpid()) + "-" + std::to_string(made++);
  }
  fs::path root_;
};

TEST(available_memory, is_the_machines_without_control_groups) {
  const machine_files files;
  files.write("proc/meminfo", "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable:   64 kB\n");
  const auto found = cpu::find_available_memory(files.root());
  EXPECT_EQ(found.amount, 64_KiB);
  EXPECT_EQ(found.limited_by, "the machine");
}

TEST(available_memory, is_the_tightest_group_on_the_way_up) {
  const machine_files files;
  files.write("proc/meminfo", "MemAvailable: 1000000 kB\n");
  files.write("proc/self/cgroup", "0::/jobs/train\n");
  files.write("sys/fs/cgroup/jobs/train/memory.max", "max\n");
  files.write("sys/fs/cgroup/jobs/train/memory.current", "5000\n");
  files.write("sys/fs/cgroup/jobs/memory.max", "100000\n");
  files.write("sys/fs/cgroup/jobs/memory.current", "60000\n");
  files.write("sys/fs/cgroup/jobs/memory.stat", "anon 1\nactive_file 10000\ninactive_file 20000\n");
  const auto found = cpu::find_available_memory(files.root());
  EXPECT_EQ(found.amount, 70'000_B) << "page cache gives way";
  EXPECT_EQ(found.limited_by, "the control group /jobs");
}

TEST(available_memory, reads_groups_of_the_first_version) {
  const machine_files files;
  files.write("proc/meminfo", "MemAvailable: 1000000 kB\n");
  files.write("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/y\n0::/\n");
  files.write("sys/fs/cgroup/memory/y/memory.limit_in_bytes", "5000\n");
  files.write("sys/fs/cgroup/memory/y/memory.usage_in_bytes", "9000\n");
  EXPECT_EQ(cpu::find_available_memory(files.root()).amount, 0_B) << "never below nothing";
}

TEST(available_memory, is_found_here) {
  const auto found = cpu::find_available_memory();
  EXPECT_GT(found.amount, 1_MiB);
  EXPECT_LT(found.amount, bytes{std::uint64_t{1} << 60}) << found.limited_by;
}

RC_GTEST_PROP(first_fit, places_never_overlap_and_everything_comes_back, ()) {
  constexpr bytes capacity = 64_KiB;
  constexpr bytes alignment = 256_B;
  cpu::first_fit arena(capacity, alignment);
  std::vector<cpu::arena_range> live;
  const auto steps = *rc::gen::container<std::vector<std::pair<bool, std::uint16_t>>>(
      rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange<std::uint16_t>(0, 20'000)));
  for (const auto& [takes, number] : steps) {
    if (takes) {
      const auto place = arena.take({number});
      if (!place) {
        RC_ASSERT(arena.largest_hole().value < number);
        continue;
      }
      RC_ASSERT(place->size.value >= number);
      RC_ASSERT(place->begin.value % alignment.value == 0u);
      RC_ASSERT(place->end() <= capacity);
      for (const auto& other : live) {
        RC_ASSERT(place->end() <= other.begin || other.end() <= place->begin);
      }
      live.push_back(*place);
    } else if (!live.empty()) {
      const std::size_t index = number % live.size();
      arena.give(live[index].begin);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(index));
    }
    bytes total{0};
    for (const auto& range : live) total += range.size;
    RC_ASSERT(arena.taken() == total);
  }
  for (const auto& range : live) arena.give(range.begin);
  RC_ASSERT(arena.largest_hole() == capacity);
  RC_ASSERT(arena.taken() == bytes{0});
}

TEST(first_fit, takes_the_lowest_hole_that_is_large_enough) {
  cpu::first_fit arena(10_KiB, 256_B);
  const auto a = arena.take(1_KiB);
  const auto b = arena.take(2_KiB);
  const auto c = arena.take(1_KiB);
  ASSERT_TRUE(a && b && c);
  arena.give(a->begin);
  EXPECT_EQ(arena.take(1_KiB + 1_B)->begin, c->end());
  EXPECT_EQ(arena.take(1_KiB)->begin, a->begin);
  EXPECT_EQ(arena.take({0})->size, 256_B);
  EXPECT_FALSE(arena.take({~std::uint64_t{0}}));
}

TEST(first_fit_death_test, stops_at_a_place_given_back_twice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  cpu::first_fit arena(10_KiB, 256_B);
  const auto place = arena.take({1});
  arena.give(place->begin);
  EXPECT_DEATH(arena.give(place->begin), "once");
}

}  // namespace
}  // namespace ballast
