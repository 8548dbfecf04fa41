#include "tools/command/progress.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace ballast::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t bar_width = 24;
constexpr std::uint64_t plain_lines = 20;

std::string bar(std::uint64_t done, std::uint64_t total) {
  const std::uint64_t full = total == 0 ? 0 : std::min(done, total) * bar_width / total;
  return std::string(full, '#') + std::string(bar_width - full, '.');
}

/// "1:05" or "2:03:00".
std::string duration_text(nanoseconds span) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  return seconds < 3600
             ? fmt::format("{}:{:02}", seconds / 60, seconds % 60)
             : fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace

progress_style progress_style::on(std::FILE* file) {
  const int descriptor = fileno(file);
  if (isatty(descriptor) == 0) {
    return {};
  }
  winsize size{};
  const bool known = ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return {.terminal = true, .columns = known ? size.ws_col : 80u};
}

progress::progress(std::FILE* to, progress_style style, std::string label, std::uint64_t total,
                   const clock& time)
    : to_(to),
      style_(style),
      label_(std::move(label)),
      total_(total),
      time_(time),
      started_(time.now()),
      drawn_at_(started_) {}

progress::~progress() {
  if (style_.terminal && anything_drawn_) {
    std::fputc('\n', to_);
  }
}

bool progress::due(std::uint64_t done) const {
  if (!anything_drawn_ || (done >= total_ && drawn_ < total_)) {
    return true;
  }
  const nanoseconds since = time_.now() - drawn_at_;
  if (style_.terminal) {
    return since >= 100ms;
  }
  const auto part = [this](std::uint64_t count) {
    return total_ == 0 ? count : count * plain_lines / total_;
  };
  return part(done) > part(drawn_) || since >= 30s;
}

void progress::update(std::uint64_t done, std::string_view note) {
  if (due(done)) {
    draw(done, note);
    anything_drawn_ = true;
    drawn_ = done;
    drawn_at_ = time_.now();
  }
}

void progress::draw(std::uint64_t done, std::string_view note) {
  const nanoseconds spent = time_.now() - started_;
  std::string left;
  if (done > 0 && done < total_) {
    const double rest = static_cast<double>(total_ - done) / static_cast<double>(done);
    left = duration_text(nanoseconds(
               static_cast<nanoseconds::rep>(static_cast<double>(spent.count()) * rest))) +
           " left";
  } else {
    left = duration_text(spent);
  }
  if (!style_.terminal) {
    fmt::print(to_, "{} {}/{}  {}  {}\n", label_, done, total_, note, left);
    std::fflush(to_);
    return;
  }
  last_ = fmt::format("[{}] {} {}/{}  {}  {}", bar(done, total_), label_, done, total_, note, left);
  if (last_.size() >= style_.columns) {
    last_.resize(style_.columns > 0 ? style_.columns - 1 : 0);
  }
  clear();
  fmt::print(to_, "{}", last_);
  std::fflush(to_);
}

void progress::clear() { fmt::print(to_, "\r\033[K"); }

void progress::say(std::string_view line) {
  if (!style_.terminal || !anything_drawn_) {
    fmt::print(to_, "{}\n", line);
  } else {
    clear();
    fmt::print(to_, "{}\n{}", line, last_);
  }
  std::fflush(to_);
}

}  // namespace ballast::tools
