// A store over several folders: what each gets, and that every extent comes back from where it went.
#include <nvme/path_shares.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/faults/fault_queue.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

using ballast::testing::fill_pattern;
using ballast::testing::guarded_buffer;
using ballast::testing::wrong_bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr bytes unit{4096};
const steady_clock now;

std::vector<bytes> shares(std::uint64_t units, const std::vector<store_folder>& folders,
                          const std::vector<double>& bandwidths) {
  auto shared = share_out(unit * units, {}, folders, bandwidths);
  EXPECT_TRUE(shared) << shared.error().message;
  return shared ? *shared : std::vector<bytes>{};
}

TEST(path_shares, follow_the_bandwidths) {
  EXPECT_THAT(shares(7, {{"a"}}, {123}), ElementsAre(unit * 7));
  EXPECT_THAT(shares(8, {{"a"}, {"b"}}, {6, 2}), ElementsAre(unit * 6, unit * 2));
  EXPECT_THAT(shares(9, {{"a"}, {"b"}, {"c"}}, {1, 1, 1}),
              ElementsAre(unit * 3, unit * 3, unit * 3));
  for (std::uint64_t units = 1; units < 200; ++units) {
    const auto given = shares(units, {{"a"}, {"b"}, {"c"}}, {1.1, 7.3, 0.2});
    EXPECT_EQ(std::accumulate(given.begin(), given.end(), bytes{}), unit * units);
  }
}

TEST(path_shares, stop_at_what_may_be_used) {
  const bytes most = unit * 6;
  EXPECT_THAT(shares(10, {{"a", most}, {"b"}}, {6, 2}), ElementsAre(unit * 6, unit * 4));
  EXPECT_THAT(shares(10, {{"a", most}, {"b", most}}, {1, 1}), ElementsAre(unit * 5, unit * 5));
  EXPECT_THAT(shares(12, {{"a", most}, {"b", most}}, {9, 1}), ElementsAre(unit * 6, unit * 6));
  const auto refused = share_out(unit * 13, {}, {{"a", most}, {"b", most}}, {9, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::no_space);
  EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(13 * 4096)));
}

TEST(path_shares, refuse_in_words_that_fit_the_number_of_folders) {
  const bytes most = unit * 6;
  EXPECT_EQ(share_out(unit * 7, unit * 2, {{"a", most}}, {1}).error().message,
            "28672 bytes on NVMe are needed; 24576 may be used: raise the SIZE of --nvme DIR:SIZE");
  EXPECT_EQ(
      share_out(unit * 9, unit * 2, {{"a", most}, {"b", most}}, {1, 1}).error().message,
      "36864 bytes on NVMe are needed, and 8192 more in each of 2 folders; 49152 may be used: "
      "raise a SIZE of --nvme DIR:SIZE");
}

TEST(path_shares, leave_room_for_extents_that_do_not_fit_the_border) {
  const auto given = share_out(unit * 8, unit * 3, {{"a"}, {"b"}}, {1, 1});
  ASSERT_TRUE(given);
  EXPECT_THAT(*given, ElementsAre(unit * 7, unit * 7));
}

struct several_paths : ::testing::Test {
  several_paths() {
    for (const char* name : {"/a", "/b"}) std::filesystem::create_directory(folder.path() + name);
  }
  ~several_paths() override {
    for (const char* name : {"/a", "/b"}) std::filesystem::remove_all(folder.path() + name);
  }
  store_options options(std::optional<double> first, std::optional<double> second) const {
    return {.folders = {{folder.path() + "/a", {}, first}, {folder.path() + "/b", {}, second}},
            .size = extent_size * 32,
            .spare = extent_size,
            .slices = 32,
            .time = now};
  }

  static constexpr bytes extent_size{64 << 10};
  testing::test_folder folder;
};

TEST_F(several_paths, take_turns_by_bandwidth_and_keep_every_byte) {
  auto opened = make_store(options(3, 1));
  ASSERT_TRUE(opened) << opened.error().message;
  store& held = **opened;
  guarded_buffer memory(extent_size.value);
  std::vector<extent> given;
  for (std::uint64_t i = 0; i < 32; ++i) {
    const auto where = held.allocate(extent_size, 1);
    ASSERT_TRUE(where) << "extent " << i << ": " << where.error().message;
    fill_pattern(memory.span(), i);
    held.stamp(*where, 0, {memory.span()});
    ASSERT_TRUE(held.write().submit({where->address, memory.span()}).wait());
    given.push_back(*where);
  }
  ASSERT_TRUE(held.sync());
  const std::uint64_t border = 25 * extent_size.value;  // 24 of 32, and one spare
  const auto on_first = [&](std::size_t first, std::size_t last) {
    return std::count_if(given.begin() + static_cast<long>(first),
                         given.begin() + static_cast<long>(last),
                         [&](const extent& each) { return each.address.value < border; });
  };
  EXPECT_NEAR(static_cast<double>(on_first(0, 32)), 24, 1);
  EXPECT_NEAR(static_cast<double>(on_first(0, 16)), 12, 1) << "neighbours are on different disks";
  for (std::uint64_t i = 0; i < 32; ++i) {
    ASSERT_TRUE(held.read().submit({given[i].address, memory.span()}).wait());
    EXPECT_EQ(wrong_bytes(memory.span(), i), 0u);
    EXPECT_TRUE(held.check(given[i], 0, {memory.span()}));
  }
  EXPECT_THAT(held.description(), HasSubstr("/a; "));
}

TEST_F(several_paths, have_room_left_for_what_another_one_does_not_take) {
  for (const bool from_large : {true, false}) {
    store_options with = options(15, 1);
    with.spare = extent_size * 2;
    with.slices = 33;
    auto opened = make_store(with);
    ASSERT_TRUE(opened) << opened.error().message;
    store& held = **opened;
    std::vector<extent> given;
    for (int i = 0; i < 32; ++i) given.push_back(held.allocate(extent_size, 1).value());
    const std::uint64_t border = 32 * extent_size.value;  // 30 of 32, and two spare
    const auto failed = std::ranges::find_if(
        given, [&](const extent& each) { return (each.address.value < border) == from_large; });
    ASSERT_NE(failed, given.end());
    ASSERT_TRUE(held.avoid(*failed, failure{errc::io_failure, "a write"}));
    const auto again = held.allocate(extent_size, 1);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->address.value < border, !from_large);
  }
}

TEST_F(several_paths, are_measured_where_nobody_says) {
  const auto measured = measure_bandwidth(options({}, {}), {folder.path() + "/a"});
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_GT(*measured, 1e6) << "bytes a second";
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() + "/a"));
  EXPECT_TRUE(make_store(options({}, {})));
}

TEST_F(several_paths, are_measured_in_the_stores_own_memory) {
  for (const std::size_t size : {std::size_t{12} << 10, std::size_t{8} << 20}) {
    guarded_buffer arena(size);
    faults::sim_disk disk;
    faults::fault_script script;
    store_options with = options({}, {});
    with.arena = arena.span();
    with.open_queue = faults::faulty(script, disk);
    const auto measured = measure_bandwidth(with, {folder.path() + "/a"});
    ASSERT_TRUE(measured) << measured.error().message;
    std::size_t elsewhere = 0;
    for (const io_request& each : script.requests()) {
      elsewhere += each.memory.data() < arena.span().data() ||
                   each.memory.data() + each.memory.size() > arena.span().data() + size;
    }
    EXPECT_GT(script.requests().size(), 24u);
    EXPECT_EQ(elsewhere, 0u) << "memory that no plan lists";
  }
}

TEST_F(several_paths, are_measured_with_no_more_than_may_be_used_there) {
  for (const std::uint64_t most :
       {std::uint64_t{4096}, std::uint64_t{100} << 10, std::uint64_t{3} << 20}) {
    faults::sim_disk disk;
    faults::fault_script script;
    store_options with = options({}, {});
    with.open_queue = faults::faulty(script, disk);
    const auto measured = measure_bandwidth(with, {folder.path() + "/a", bytes{most}});
    ASSERT_TRUE(measured) << measured.error().message;
    for (const io_request& each : script.requests()) {
      EXPECT_LE(each.offset + each.memory.size(), most);
    }
  }
}

TEST_F(several_paths, are_refused_where_one_cannot_be_used) {
  store_options with = options({}, {});
  with.folders[1].directory += "/none";
  const auto refused = make_store(with);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("/b/none"));
}

TEST_F(several_paths, survive_in_their_record) {
  store_options with = options(1, 1);
  std::filesystem::create_directory(folder.path() + "/a/checkpoints");
  with.checkpoints = folder.path() + "/a/checkpoints";
  store_record record;
  extent last;
  std::vector<digest> digests;
  guarded_buffer memory(extent_size.value);
  fill_pattern(memory.span(), 5);
  {
    auto opened = make_store(with);
    ASSERT_TRUE(opened) << opened.error().message;
    for (int i = 0; i < 32; ++i) last = (*opened)->allocate(extent_size, 1).value();
    (*opened)->stamp(last, 0, {memory.span()});
    ASSERT_TRUE((*opened)->write().submit({last.address, memory.span()}).wait());
    digests = (*opened)->digests(last);
    record = (*opened)->record();
  }
  ASSERT_EQ(record.files.size(), 2u);
  {
    const auto opened = open_store(with, record);
    ASSERT_TRUE(opened) << opened.error().message;
    const auto where = (*opened)->adopt(last.address, last.size, digests);
    ASSERT_TRUE(where);
    ASSERT_TRUE((*opened)->read().submit({where->address, memory.span()}).wait());
    EXPECT_EQ(wrong_bytes(memory.span(), 5), 0u);
    EXPECT_TRUE((*opened)->check(*where, 0, {memory.span()}));
  }
  ASSERT_TRUE(remove_store(record));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() + "/b"));
}

}  // namespace
}  // namespace ballast::nvme
