// What the command's exit status means, and which failure leads to which.
#pragma once

#include <ballast/result.hpp>

namespace ballast::tools {

enum class exit_code : int {
  done = 0,
  failed = 1,               ///< a run-time failure
  usage = 2,                ///< an option, a key or an input cannot be used as given
  does_not_fit = 3,         ///< budgets or a full path; the message names the change that would fit
  verification_failed = 4,  ///< what had to be identical was not
};

/// When a failure was met: before step 0 an unusable path is a bad input, later it is a failure.
enum class stage : unsigned char { set_up, running };

exit_code exit_code_of(const failure& problem, stage when = stage::running);

}  // namespace ballast::tools
