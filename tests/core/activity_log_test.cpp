// Every instant is charged once, to the first class that is active in it.
#include <gtest/gtest.h>

#include <vector>

#include "activity_log.hpp"
#include "fakes.hpp"
#include "tests/faults/manual_clock.hpp"
#include "traced_link.hpp"

namespace ballast {
namespace {

using namespace std::chrono_literals;

class kept_events final : public trace_sink {
 public:
  void record(const trace_event& event) override { all.push_back(event); }
  std::vector<trace_event> all;
};

class ActivityLog : public testing::Test {
 protected:
  faults::manual_clock time_;
  activity_log log_{time_};
  kept_events events_;
};

TEST_F(ActivityLog, charges_the_first_of_what_is_active) {
  const auto read = log_.begin(activity::read);
  time_.advance(3ms);
  const auto update = log_.begin(activity::optimizer);
  time_.advance(5ms);
  log_.end(activity::read, "read", {}, read);
  time_.advance(7ms);
  log_.end(activity::optimizer, "update", {}, update);
  time_.advance(11ms);
  const attribution time = log_.take();
  EXPECT_EQ(time[activity::read], 3ms);
  EXPECT_EQ(time[activity::optimizer], 12ms);
  EXPECT_EQ(time[activity::wait], 11ms);
  EXPECT_EQ(time.wall(), 26ms);
}

TEST_F(ActivityLog, counts_what_is_active_more_than_once) {
  const auto first = log_.begin(activity::write);
  const auto second = log_.begin(activity::write);
  time_.advance(1ms);
  log_.end(activity::write, "write", {}, first);
  time_.advance(1ms);
  log_.end(activity::write, "write", {}, second);
  EXPECT_EQ(log_.take()[activity::write], 2ms);
}

TEST_F(ActivityLog, takes_what_came_since_the_last_time) {
  const auto begun = log_.begin(activity::compute);
  time_.advance(2ms);
  EXPECT_EQ(log_.take()[activity::compute], 2ms);
  time_.advance(4ms);
  EXPECT_EQ(log_.take()[activity::compute], 4ms);
  log_.end(activity::compute, "compute", {}, begun);
}

TEST_F(ActivityLog, tells_events_when_they_are_over) {
  log_.listen(&events_);
  {
    const active_span busy(log_, activity::optimizer, "update", subject::of(tile_id{3}));
    time_.advance(2ms);
    EXPECT_TRUE(events_.all.empty());
  }
  ASSERT_EQ(events_.all.size(), 1u);
  EXPECT_EQ(events_.all[0].name, "update");
  EXPECT_EQ(events_.all[0].whose, subject::of(tile_id{3}));
  EXPECT_EQ(events_.all[0].end - events_.all[0].begin, 2ms);
}

TEST_F(ActivityLog, hears_a_link_and_passes_its_completions_on) {
  std::byte memory[64];
  log_.listen(&events_);
  {
    fakes::late_link plain("read", [](const transfer&) {});
    traced_link watched(plain, activity::read, log_);
    int heard = 0;
    const completion done{[](void* context, const status&) { ++*static_cast<int*>(context); },
                          &heard};
    const ticket moved = watched.submit(
        {.address = {}, .memory = memory, .done = done, .whose = subject::of(tile_id{5})});
    EXPECT_TRUE(moved.wait());
    EXPECT_EQ(heard, 1);
    EXPECT_TRUE(watched.submit({.address = {}, .memory = memory}).wait());
  }
  ASSERT_EQ(events_.all.size(), 2u);
  EXPECT_EQ(events_.all[0].what, activity::read);
  EXPECT_EQ(events_.all[0].whose, subject::of(tile_id{5}));
  EXPECT_EQ(events_.all[0].moved, bytes{64});
}

}  // namespace
}  // namespace ballast
