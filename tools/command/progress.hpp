// How far a long run is, on stderr: one line that is redrawn on a terminal, plain lines elsewhere.
//
// One thread. Bounded: at most ten redraws a second on a terminal; elsewhere a line each 5 % of the
// total, and when nothing was said for 30 seconds.
#pragma once

#include <ballast/clock.hpp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace ballast::tools {

/// How lines are drawn; `on` asks the file what it is.
struct progress_style {
  bool terminal = false;
  unsigned columns = 80;

  static progress_style on(std::FILE* file);
};

class progress {
 public:
  /// `label` names what is counted: "step". `time` must outlive this.
  progress(std::FILE* to, progress_style style, std::string label, std::uint64_t total,
           const clock& time);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// `note` is what there is to say now: "loss 2.71, 310 tokens/s".
  void update(std::uint64_t done, std::string_view note);

  /// A line of its own above the bar.
  void say(std::string_view line);

 private:
  bool due(std::uint64_t done) const;
  void draw(std::uint64_t done, std::string_view note);
  void clear();

  std::FILE* to_;
  progress_style style_;
  std::string label_;
  std::uint64_t total_;
  const clock& time_;
  time_point started_;
  time_point drawn_at_;
  std::uint64_t drawn_ = 0;
  bool anything_drawn_ = false;
  std::string
      last_;  ///< the bar that stands on the terminal, to be redrawn below what say() prints
};

}  // namespace ballast::tools
