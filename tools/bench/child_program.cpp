#include "tools/bench/child_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nvme/file_descriptor.hpp>
#include <string_view>
#include <vector>

namespace ballast::tools {
namespace {

constexpr int look_interval_ms = 20;

/// This process's environment, those of `settings` in place of its own.
std::vector<char*> environment_with(std::span<const std::string> settings) {
  std::vector<char*> made;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view own(*each);
    bool replaced = false;
    for (const std::string& setting : settings) {
      replaced = replaced || own.starts_with(setting.substr(0, setting.find('=') + 1));
    }
    if (!replaced) {
      made.push_back(*each);
    }
  }
  for (const std::string& setting : settings) {
    made.push_back(const_cast<char*>(setting.c_str()));
  }
  made.push_back(nullptr);
  return made;
}

/// Reads until every writer has closed.
std::string read_all(int from, pid_t child, const std::function<void(pid_t)>& look) {
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    pollfd waiting{from, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, look ? look_interval_ms : -1);
    if (ready == 0) {
      look(child);
    }
    if (ready <= 0) {
      continue;
    }
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
}

}  // namespace

result<program_end> run_program(std::span<const std::string> words,
                                std::span<const std::string> settings,
                                const std::function<void(pid_t)>& look) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return failure{errc::exhausted, fmt::format("no pipe: {}", std::strerror(errno)), errno};
  }
  const nvme::file_descriptor out(ends[0]);
  nvme::file_descriptor in(ends[1]);
  std::vector<char*> arguments;
  for (const std::string& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDERR_FILENO);
  pid_t child = 0;
  const int refused = ::posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(),
                                     environment_with(settings).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (refused != 0) {
    return failure{refused == ENOENT ? errc::unsupported : errc::exhausted,
                   fmt::format("cannot run {}: {}", words.front(), std::strerror(refused)),
                   refused};
  }
  in = nvme::file_descriptor();
  program_end end;
  end.output = read_all(out.get(), child, look);
  int how = 0;
  while (::waitpid(child, &how, 0) < 0 && errno == EINTR) {
  }
  end.code = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
  return end;
}

}  // namespace ballast::tools
