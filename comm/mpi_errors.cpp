#include "comm/mpi_errors.hpp"

#include <fmt/format.h>
#include <mpi.h>

namespace ballast::comm {

status mpi_status(int code, std::string_view what, std::source_location where) {
  if (code == MPI_SUCCESS) return {};
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return failure{
      errc::communicator_failure,
      fmt::format("{}: {} ({}:{})", what, std::string_view(text, static_cast<std::size_t>(length)),
                  where.file_name(), where.line())};
}

}  // namespace ballast::comm
