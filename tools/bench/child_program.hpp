// Another program, run to its end: what it wrote and how it ended.
#pragma once

#include <sys/types.h>

#include <ballast/result.hpp>
#include <functional>
#include <span>
#include <string>

namespace ballast::tools {

struct program_end {
  std::string output;  ///< stdout and stderr, as they came
  int code = 0;        ///< exit status; 128 and the signal when one ended it
};

/// Runs `words`, the first of them looked for in PATH, with `settings` ("NAME=value") added to the
/// environment; stdin is empty.
///
/// Errors: unsupported when there is no such program; exhausted when the system cannot start it
/// Threads: `look` is called in between by the calling one, every 20 ms while the program runs; may
///          be empty
result<program_end> run_program(std::span<const std::string> words,
                                std::span<const std::string> settings = {},
                                const std::function<void(pid_t)>& look = {});

}  // namespace ballast::tools
