#include "tools/trace/trace_file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace ballast::tools {
namespace {

time_point at(int us) { return time_point(std::chrono::microseconds(us)); }

class TraceFile : public testing::Test {
 protected:
  std::unique_ptr<trace_file> open() { return *trace_file::open(path_, at(0)); }

  /// Of one phase, in the order of the file.
  std::vector<nlohmann::json> events(const std::string& phase) const {
    std::vector<nlohmann::json> found;
    const auto whole = nlohmann::json::parse(std::ifstream(path_));
    for (const auto& each : whole.at("traceEvents")) {
      if (each.at("ph") == phase) {
        found.push_back(each);
      }
    }
    return found;
  }

  void TearDown() override { std::filesystem::remove(path_); }

  /// One a test: they run at once.
  const std::string path_ = testing::TempDir() + "ballast_trace_" +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
};

TEST_F(TraceFile, draws_events_of_one_resource_side_by_side) {
  const auto trace = open();
  trace->record({activity::read, "read", subject::of(tile_id{7}), at(1), at(9), bytes{100}});
  trace->record({activity::read, "read", subject::of(tile_id{8}), at(3), at(5), bytes{50}});
  ASSERT_TRUE(trace->close());
  const auto drawn = events("X");
  ASSERT_EQ(drawn.size(), 2u);
  EXPECT_EQ(drawn[0].at("name"), "read tile 7");
  EXPECT_EQ(drawn[0].at("ts"), 1.0);
  EXPECT_EQ(drawn[0].at("dur"), 8.0);
  EXPECT_EQ(drawn[0].at("args").at("bytes"), 100);
  EXPECT_NE(drawn[0].at("tid"), drawn[1].at("tid"));
}

TEST_F(TraceFile, counts_what_is_under_way) {
  const auto trace = open();
  trace->record({activity::write, "write", {}, at(1), at(4), {}});
  trace->record({activity::write, "write", {}, at(2), at(3), {}});
  trace->record({activity::write, "write", {}, at(4), at(6), {}});
  ASSERT_TRUE(trace->close());
  std::vector<int> depths;
  for (const auto& each : events("C")) {
    depths.push_back(each.at("args").at("transfers"));
  }
  EXPECT_EQ(depths, (std::vector{1, 2, 1, 2, 1, 0})) << "no gap where one follows another";
}

TEST_F(TraceFile, follows_a_tile_from_read_to_write) {
  const auto trace = open();
  const subject tile = subject::of(tile_id{2});
  trace->record({activity::write, "write", tile, at(5), at(6), {}});
  trace->record({activity::read, "read", tile, at(1), at(2), {}});
  trace->record({activity::optimizer, "update", tile, at(3), at(4), {}});
  ASSERT_TRUE(trace->flush());
  trace->record({activity::read, "read", tile, at(11), at(12), {}});
  ASSERT_TRUE(trace->close());
  const auto starts = events("s");
  ASSERT_EQ(starts.size(), 2u);
  ASSERT_EQ(events("t").size(), 1u);
  ASSERT_EQ(events("f").size(), 1u);
  EXPECT_EQ(events("t")[0].at("id"), starts[0].at("id"));
  EXPECT_EQ(events("f")[0].at("id"), starts[0].at("id"));
  EXPECT_NE(starts[1].at("id"), starts[0].at("id")) << "the next step's arrow is another";
}

TEST_F(TraceFile, names_each_row_once) {
  const auto trace = open();
  for (int step = 0; step < 3; ++step) {
    trace->record(
        {activity::upload, "upload", subject::of(layer_id{0}), at(step), at(step + 1), {}});
    ASSERT_TRUE(trace->flush());
  }
  ASSERT_TRUE(trace->close());
  EXPECT_EQ(events("M").size(), 3u) << "the process, the row's name, its place";
}

TEST(TraceFileErrors, say_which_file_cannot_be_written) {
  const auto refused = trace_file::open("/nowhere/at/all.json", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_argument);
  EXPECT_NE(refused.error().message.find("/nowhere/at/all.json"), std::string::npos);
}

TEST(TraceFileErrors, are_reported_by_the_flush_that_met_them) {
  const auto trace = trace_file::open("/dev/full", {});
  ASSERT_TRUE(trace);
  (*trace)->record({activity::read, "read", {}, at(0), at(1), {}});
  const status written = (*trace)->close();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, errc::no_space);
}

}  // namespace
}  // namespace ballast::tools
