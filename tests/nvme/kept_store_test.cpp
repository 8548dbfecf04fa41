// Stores that outlive their process: found again by their record, checked by their digests, removed
// when nothing refers to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <nvme/durable_folder.hpp>
#include <nvme/nvme_store.hpp>
#include <nvme/queue_choice.hpp>
#include <nvme/run_folder.hpp>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/faults/fault_queue.hpp"
#include "tests/nvme/child_process.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

namespace files = std::filesystem;
using ballast::testing::fill_pattern;
using ballast::testing::guarded_buffer;
using ballast::testing::wrong_bytes;
using ::testing::HasSubstr;

constexpr std::size_t size = std::size_t{1} << 20;
const steady_clock now;

struct kept_store_test : ::testing::Test {
  kept_store_test() {
    files::create_directory(checkpoints);
    files::create_directory(disk);
  }
  ~kept_store_test() override {
    files::remove_all(checkpoints);
    files::remove_all(disk);
  }

  store_options options() const {
    return {.folders = {{disk}},
            .checkpoints = checkpoints,
            .size = bytes{size * 2},
            .slices = 2,
            .time = now,
            .segment_limit = bytes{size / 2}};
  }
  /// A store with a stamped, durable extent, closed again.
  store_record kept() {
    auto made = make_store(options());
    EXPECT_TRUE(made.has_value()) << made.error().message;
    store& held = **made;
    // Not at the beginning: the address must survive.
    (void)held.allocate(bytes{size}, 1);
    const extent where = held.allocate(bytes{size}, 1).value();
    fill_pattern(memory.span(), 7);
    held.stamp(where, 0, {memory.span()});
    EXPECT_TRUE(held.write().submit({where.address, memory.span()}).wait());
    EXPECT_TRUE(held.sync());
    address = where.address;
    digests = held.digests(where);
    return held.record();
  }
  std::size_t runs() const {
    return static_cast<std::size_t>(
        std::distance(files::directory_iterator(disk), files::directory_iterator()));
  }
  /// What is said while a further store is opened in the same folder.
  std::vector<std::string> open_another() {
    std::vector<std::string> notes;
    store_options other = options();
    other.on_note = [&](std::string_view line) { notes.emplace_back(line); };
    EXPECT_TRUE(make_store(other));
    return notes;
  }
  void commit(const std::string& contents) {
    auto held = open_durable_folder(checkpoints);
    ASSERT_TRUE(held.has_value()) << held.error().message;
    ASSERT_TRUE((*held)->commit("manifest-000000000001", contents));
  }

  testing::test_folder folder;
  const std::string checkpoints = folder.path() + "/checkpoints";
  const std::string disk = folder.path() + "/disk";
  guarded_buffer memory{size};
  tier_address address;
  std::vector<digest> digests;
};

TEST_F(kept_store_test, is_found_again_with_its_bytes) {
  const store_record record = kept();
  ASSERT_EQ(record.files.size(), 1u);
  EXPECT_EQ(record.files.front().paths.size(), 4u);
  for (const auto& path : record.files.front().paths) {
    EXPECT_EQ(files::status(path).permissions(), files::perms(0600)) << path;
    EXPECT_EQ(files::status(files::path(path).parent_path()).permissions(), files::perms(0700));
  }
  const auto opened = open_store(options(), record);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  const auto where = (*opened)->adopt(address, bytes{size}, digests);
  ASSERT_TRUE(where.has_value()) << where.error().message;
  guarded_buffer in(size);
  ASSERT_TRUE((*opened)->read().submit({where->address, in.span()}).wait());
  EXPECT_EQ(wrong_bytes(in.span(), 7), 0u);
  EXPECT_TRUE((*opened)->check(*where, 0, {in.span()}));
  in.span()[99] ^= std::byte{4};
  EXPECT_EQ((*opened)->check(*where, 0, {in.span()}).error().code, errc::corrupted);
}

TEST_F(kept_store_test, does_not_find_what_is_missing_or_short) {
  const store_record record = kept();
  const std::string last = record.files.front().paths.back();
  files::resize_file(last, 4096);
  EXPECT_THAT(open_store(options(), record).error().message, HasSubstr("4096 are there"));
  files::remove(last);
  EXPECT_EQ(open_store(options(), record).error().code, errc::io_failure);
  files::create_symlink(record.files.front().paths.front(), last);
  EXPECT_EQ(open_store(options(), record).error().code, errc::io_failure) << "a link is followed";
  store_record nothing = record;
  nothing.files.front().paths.pop_back();
  EXPECT_EQ(open_store(options(), nothing).error().code, errc::invalid_argument);
  nothing.files.clear();
  EXPECT_EQ(open_store(options(), nothing).error().code, errc::invalid_argument);
}

TEST_F(kept_store_test, adopts_nothing_outside_of_its_files) {
  const auto opened = open_store(options(), kept());
  ASSERT_TRUE(opened.has_value());
  const std::uint64_t end = size * 2;
  for (const auto& [begin, length] : {std::pair{end, std::uint64_t{4096}},
                                      {end - 4096, std::uint64_t{8192}},
                                      {std::uint64_t{4096}, ~std::uint64_t{4095}},
                                      {std::uint64_t{1}, std::uint64_t{4096}},
                                      {std::uint64_t{0}, std::uint64_t{0}},
                                      {~std::uint64_t{4095}, std::uint64_t{4096}}}) {
    EXPECT_EQ((*opened)->adopt({begin}, bytes{length}, digests).error().code,
              errc::invalid_argument)
        << begin << " " << length;
  }
}

TEST_F(kept_store_test, leaves_nothing_where_it_could_not_be_made) {
  store_options options = this->options();
  options.folders = {{disk, {}, 1.0}, {disk + "-missing", {}, 1.0}};
  EXPECT_EQ(make_store(options).error().code, errc::invalid_argument);
  EXPECT_EQ(runs(), 0u) << "the first folder's part";
}

TEST_F(kept_store_test, is_refused_and_does_not_die_where_no_file_may_grow) {
  const auto said = testing::in_child([&]() -> std::string {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &none);
    const auto made = make_store(options());
    return made ? "made" : std::string(to_string(made.error().code));
  });
  EXPECT_EQ(said, to_string(errc::no_space));
  EXPECT_EQ(runs(), 0u);
}

TEST_F(kept_store_test, is_collected_when_no_manifest_names_it) {
  const store_record record = kept();
  commit("refers to " + spell_run(record.run));
  EXPECT_TRUE(open_another().empty());
  EXPECT_EQ(runs(), 1u) << "the other one, to which nobody referred, went with its store";
  commit("refers to another");
  EXPECT_TRUE(open_another().empty());
  EXPECT_EQ(runs(), 0u);
  EXPECT_FALSE(files::exists(record.files.front().paths.front()));
}

TEST_F(kept_store_test, is_collected_before_folders_are_measured) {
  (void)kept();
  const std::string second = folder.path() + "/second";
  files::create_directory(second);
  store_options with = options();
  with.folders.push_back({second});
  std::vector<std::size_t> runs_seen;
  with.open_queue = [&](const queue_setup& setup) {
    runs_seen.push_back(runs());
    return choose_queue(io_backend::automatic)(setup);
  };
  EXPECT_TRUE(make_store(with));
  ASSERT_FALSE(runs_seen.empty());
  EXPECT_EQ(runs_seen.front(), 0u) << "a dead run's files were there when the disk was measured";
  files::remove_all(second);
}

TEST_F(kept_store_test, stays_while_it_is_in_use) {
  const auto living = make_store(options());
  ASSERT_TRUE(living.has_value());
  EXPECT_TRUE(open_another().empty());
  const auto record = (*living)->record();
  EXPECT_TRUE(files::exists(record.files.front().paths.front()));
  EXPECT_EQ(remove_store(record).error().code, errc::wrong_order);
}

TEST_F(kept_store_test, stays_while_its_checkpoints_cannot_be_seen) {
  const store_record record = kept();
  files::rename(checkpoints, checkpoints + "-away");
  const auto notes = open_another();
  files::rename(checkpoints + "-away", checkpoints);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes.front(), HasSubstr(spell_run(record.run)));
  EXPECT_TRUE(files::exists(record.files.front().paths.front()));
}

TEST_F(kept_store_test, stays_while_another_folder_has_its_checkpoints_path) {
  const store_record record = kept();
  commit("refers to " + spell_run(record.run));
  files::rename(checkpoints, checkpoints + "-good");
  files::create_directory(checkpoints);
  const auto notes = open_another();
  EXPECT_TRUE(files::exists(record.files.front().paths.front())) << "a moved checkpoint lost it";
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes.front(), HasSubstr(checkpoints));
  files::remove_all(checkpoints);
  files::rename(checkpoints + "-good", checkpoints);
  EXPECT_TRUE(open_another().empty());
}

TEST_F(kept_store_test, stays_while_a_manifest_cannot_be_read) {
  const store_record record = kept();
  // A folder of that name: opened, never read. (Permissions do not stop root.)
  files::create_directory(checkpoints + "/manifest-000000000001");
  EXPECT_EQ(open_another().size(), 1u);
  EXPECT_TRUE(files::exists(record.files.front().paths.front()));
}

TEST_F(kept_store_test, is_removed_by_its_record) {
  const store_record record = kept();
  ASSERT_TRUE(remove_store(record));
  EXPECT_EQ(runs(), 0u);
  EXPECT_TRUE(remove_store(record)) << "what is gone is removed";
}

TEST_F(kept_store_test, removes_no_file_that_a_record_merely_names) {
  const std::string precious = checkpoints + "/precious";
  files::create_directory(disk + "/ballast-0000000000000001");
  const std::string other = disk + "/ballast-0000000000000001/segment-0";
  for (const auto& each : {precious, other}) {
    std::ofstream(each) << "somebody's";
    EXPECT_TRUE(remove_store({2, {{0, bytes{4096}, bytes{4096}, {each}}}}));
    EXPECT_TRUE(files::exists(each));
  }
}

TEST_F(kept_store_test, returns_a_failed_sync_for_ever) {
  faults::sim_disk simulated;
  faults::fault_script script;
  script.plan(1, faults::failed_sync());
  store_options with = options();
  with.open_queue = faults::faulty(script, simulated);
  const auto made = make_store(with);
  ASSERT_TRUE(made.has_value());
  const auto failed = (*made)->sync();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, errc::io_failure);
  EXPECT_THAT(failed.error().message, HasSubstr("sync of"));
  EXPECT_EQ((*made)->sync().error().message, failed.error().message);
  EXPECT_EQ(script.seen(), 4u) << "the second one asks no disk";
}

TEST_F(kept_store_test, a_folder_commits_whole_files) {
  auto folder_of = open_durable_folder(checkpoints);
  ASSERT_TRUE(folder_of.has_value());
  checkpoint_folder& held = **folder_of;
  const std::string large(3 << 20, 'x');
  ASSERT_TRUE(held.commit("manifest-2", large));
  ASSERT_TRUE(held.commit("manifest-1", "old"));
  ASSERT_TRUE(held.commit("manifest-1", "new"));
  EXPECT_THAT(held.names().value(), ::testing::ElementsAre("manifest-1", "manifest-2"));
  EXPECT_EQ(held.read("manifest-1").value(), "new");
  EXPECT_EQ(held.read("manifest-2").value(), large);
  EXPECT_EQ(held.read("manifest-3").error().code, errc::io_failure);
  ASSERT_TRUE(held.remove("manifest-1"));
  ASSERT_TRUE(held.remove("manifest-1"));
  EXPECT_THAT(held.names().value(), ::testing::ElementsAre("manifest-2"));
  EXPECT_EQ(open_durable_folder(checkpoints).error().code, errc::invalid_argument) << "held twice";
}

TEST_F(kept_store_test, a_folder_forgets_unfinished_commits_and_notices_damage) {
  commit("whole");
  const std::string name = checkpoints + "/manifest-000000000001";
  std::ofstream(checkpoints + "/.manifest-000000000002") << "half";
  {
    auto held = open_durable_folder(checkpoints);
    EXPECT_FALSE(files::exists(checkpoints + "/.manifest-000000000002"));
    EXPECT_EQ((*held)->read("manifest-000000000001").value(), "whole");
  }
  for (const auto length : {files::file_size(name) - 1, std::uintmax_t{3}, std::uintmax_t{0}}) {
    files::resize_file(name, length);
    EXPECT_EQ(open_durable_folder(checkpoints).value()->read("manifest-000000000001").error().code,
              errc::corrupted);
  }
}

TEST_F(kept_store_test, a_folder_says_what_is_in_the_way) {
  auto held = open_durable_folder(checkpoints);
  files::create_directories(checkpoints + "/.manifest-1");
  files::create_directories(checkpoints + "/state-1");
  const auto committed = (*held)->commit("manifest-1", "text");
  ASSERT_FALSE(committed);
  EXPECT_THAT(committed.error().message, HasSubstr("EISDIR"));
  EXPECT_EQ((*held)->remove("state-1").error().code, errc::io_failure);
}

TEST_F(kept_store_test, a_folder_is_made_where_it_is_missing) {
  EXPECT_TRUE(open_durable_folder(checkpoints + "/new"));
  EXPECT_EQ(files::status(checkpoints + "/new").permissions(), files::perms(0700));
  EXPECT_EQ(open_durable_folder(checkpoints + "/no/such").error().code, errc::io_failure);
  std::ofstream(checkpoints + "/file") << "text";
  EXPECT_EQ(open_durable_folder(checkpoints + "/file").error().code, errc::invalid_argument);
}

}  // namespace
}  // namespace ballast::nvme
