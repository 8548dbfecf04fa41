// A bar that is redrawn on a terminal, plain lines elsewhere, both bounded.
#include "tools/command/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace ballast::tools {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class hand_clock final : public clock {
 public:
  time_point now() const override { return now_; }
  void advance(nanoseconds by) { now_ += by; }

 private:
  time_point now_{};
};

/// A stdio stream into memory.
class memory_file {
 public:
  memory_file() : file_(open_memstream(&text_, &size_)) {}
  ~memory_file() {
    std::fclose(file_);
    std::free(text_);
  }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;

  std::FILE* get() { return file_; }
  std::string text() {
    std::fflush(file_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
};

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Progress, PlainLinesAreOneEachFivePercent) {
  memory_file file;
  hand_clock time;
  progress bar(file.get(), {}, "step", 200, time);
  for (std::uint64_t step = 1; step <= 200; ++step) {
    time.advance(10ms);
    bar.update(step, "loss 2.5");
  }
  EXPECT_EQ(lines_of(file.text()), 21u);  // the first, then each twentieth
  EXPECT_THAT(file.text(), HasSubstr("step 200/200  loss 2.5  0:02\n"));
  EXPECT_THAT(file.text(), Not(HasSubstr("\r")));
}

TEST(Progress, PlainLinesShowThatASlowRunIsAlive) {
  memory_file file;
  hand_clock time;
  progress bar(file.get(), {}, "step", 1'000'000, time);
  for (std::uint64_t step = 1; step <= 4; ++step) {
    time.advance(31s);
    bar.update(step, "");
  }
  EXPECT_EQ(lines_of(file.text()), 4u);
}

TEST(Progress, ATerminalIsRedrawnAtMostTenTimesASecond) {
  memory_file file;
  hand_clock time;
  {
    progress bar(file.get(), {.terminal = true, .columns = 80}, "step", 10'000, time);
    for (std::uint64_t step = 1; step <= 1000; ++step) {
      time.advance(1ms);
      bar.update(step, "");
    }
  }
  const std::string text = file.text();
  EXPECT_LE(std::count(text.begin(), text.end(), '\r'), 11);
  EXPECT_EQ(lines_of(text), 1u);  // the end of the bar
}

TEST(Progress, ABarFitsItsTerminalAndShowsWhatIsLeft) {
  memory_file file;
  hand_clock time;
  progress bar(file.get(), {.terminal = true, .columns = 70}, "step", 100, time);
  time.advance(65s);
  bar.update(50, "loss 3.1");
  EXPECT_THAT(file.text(),
              HasSubstr("[############............] step 50/100  loss 3.1  1:05 left"));
  memory_file narrow_file;
  progress narrow(narrow_file.get(), {.terminal = true, .columns = 20}, "step", 100, time);
  narrow.update(50, "a note that is far too long for it");
  EXPECT_EQ(narrow_file.text().size(), std::string("\r\033[K").size() + 19);
}

TEST(Progress, WhatIsSaidStandsAboveTheBar) {
  memory_file file;
  hand_clock time;
  progress bar(file.get(), {.terminal = true, .columns = 80}, "step", 2, time);
  bar.say("before");
  bar.update(1, "");
  bar.say("between");
  EXPECT_THAT(file.text(), HasSubstr("before\n\r\033[K["));
  EXPECT_THAT(file.text(), HasSubstr("\r\033[Kbetween\n["));
}

TEST(ProgressStyle, AFileIsNoTerminal) {
  std::FILE* const file = std::tmpfile();
  EXPECT_FALSE(progress_style::on(file).terminal);
  std::fclose(file);
}

}  // namespace
}  // namespace ballast::tools
