// The room's one translator of MPI's error codes.
#pragma once

#include <ballast/result.hpp>
#include <source_location>
#include <string_view>

namespace ballast::comm {

/// Success, or a communicator_failure: "`what`: <MPI's text> (comm/mpi_x.cpp:12)".
status mpi_status(int code, std::string_view what,
                  std::source_location where = std::source_location::current());

}  // namespace ballast::comm
