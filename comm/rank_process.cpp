#include "comm/rank_process.hpp"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace ballast::comm {
namespace {

struct process_line {
  char state;
  std::uint64_t begun;
};

/// Of /proc/PID/stat: "PID (name) STATE ..."; the name may hold anything. Field 3 is the state, field
/// 22 the start time (proc(5)).
std::optional<process_line> read_line(std::int32_t number) {
  std::ifstream from(fmt::format("/proc/{}/stat", number));
  std::string text;
  if (!std::getline(from, text)) return std::nullopt;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  process_line read{};
  fields >> read.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> read.begun;
  return fields ? std::optional(read) : std::nullopt;
}

}  // namespace

rank_process rank_process::self() {
  const auto number = static_cast<std::int32_t>(::getpid());
  const auto line = read_line(number);
  return {number, line ? line->begun : 0};
}

bool rank_process::visible() const {
  const auto line = read_line(number);
  return begun != 0 && line && line->begun == begun;
}

bool rank_process::lives() const {
  const auto line = read_line(number);
  // A process that has no descriptor left cannot read that of another one, which may be well.
  if (!line) return ::kill(number, 0) == 0 || errno != ESRCH;
  return line->begun == begun && line->state != 'Z' && line->state != 'X';
}

void rank_process::end() const {
  // The descriptor holds on to the process, so that no later one of its number is hit.
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, number, 0));
  if (handle < 0) return;
  if (visible()) (void)::syscall(SYS_pidfd_send_signal, handle, SIGKILL, nullptr, 0);
  ::close(handle);
}

}  // namespace ballast::comm
