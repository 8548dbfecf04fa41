#include "tools/trace/advice.hpp"

#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

using namespace std::chrono_literals;

TEST(Advice, names_what_binds_and_what_would_help) {
  attribution time;
  time[activity::compute] = 20ms;
  time[activity::read] = 70ms;
  time[activity::wait] = 10ms;
  EXPECT_EQ(shares_text(time), "compute 20 %, read 70 %, wait 10 %");
  EXPECT_EQ(advice(time).substr(0, 29), "read binds (70 % of the time)");
  EXPECT_NE(advice(time).find("--host-memory"), std::string::npos);
}

TEST(Advice, leaves_out_what_took_next_to_nothing) {
  attribution time;
  time[activity::compute] = 999ms;
  time[activity::upload] = 1ms;
  EXPECT_EQ(shares_text(time), "compute 100 %");
}

}  // namespace
}  // namespace ballast::tools
