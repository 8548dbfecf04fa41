#include <ballast/assert.hpp>
#include <ballast/result.hpp>
#include <cstdio>
#include <cstdlib>

namespace ballast {

void contract_failed(const char* expression, std::source_location where) {
  std::fprintf(stderr, "ballast: contract failed: %s (%s:%u, %s)\n", expression, where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name());
  std::abort();
}

std::string_view to_string(errc code) {
  switch (code) {
    case errc::invalid_argument: return "invalid argument";
    case errc::does_not_fit: return "does not fit";
    case errc::unsupported: return "unsupported";
    case errc::exhausted: return "exhausted";
    case errc::wrong_order: return "wrong order";
    case errc::io_failure: return "I/O failure";
    case errc::no_space: return "no space";
    case errc::corrupted: return "corrupted";
    case errc::deadline_exceeded: return "deadline exceeded";
    case errc::weight_overflow: return "weight overflow";
    case errc::device_failure: return "device failure";
    case errc::communicator_failure: return "communicator failure";
    case errc::failed_task: return "failed task";
  }
  return "?";
}

}  // namespace ballast
