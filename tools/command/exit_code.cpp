#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code exit_code_of(const failure& problem, stage when) {
  const bool early = when == stage::set_up;
  switch (problem.code) {
    case errc::invalid_argument:
    case errc::unsupported: return exit_code::usage;
    case errc::does_not_fit: return exit_code::does_not_fit;
    case errc::no_space:
    case errc::exhausted: return early ? exit_code::does_not_fit : exit_code::failed;
    case errc::io_failure: return early ? exit_code::usage : exit_code::failed;
    case errc::wrong_order:
    case errc::corrupted:
    case errc::deadline_exceeded:
    case errc::weight_overflow:
    case errc::device_failure:
    case errc::communicator_failure:
    case errc::failed_task: return exit_code::failed;
  }
  return exit_code::failed;
}

}  // namespace ballast::tools
