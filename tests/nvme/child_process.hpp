// Runs a test's dangerous part in a process of its own: limits, filters and signals end with it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

namespace ballast::nvme::testing {

/// Runs `body` in a child; its text comes back, "" meaning that all went well. A death by signal is
/// told as "signal N".
inline std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const std::string said = body();
    if (::write(ends[1], said.data(), said.size()) < 0) ::_exit(3);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char part[512];
  for (ssize_t got = 0; (got = ::read(ends[0], part, sizeof part)) > 0;) {
    said.append(part, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int outcome = 0;
  ::waitpid(child, &outcome, 0);
  if (WIFSIGNALED(outcome)) return "signal " + std::to_string(WTERMSIG(outcome));
  return WEXITSTATUS(outcome) == 0 ? said : "exit " + std::to_string(WEXITSTATUS(outcome)) + said;
}

}  // namespace ballast::nvme::testing
