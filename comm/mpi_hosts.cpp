#include "comm/mpi_hosts.hpp"

#include <algorithm>
#include <set>

#include "comm/mpi_errors.hpp"

namespace ballast::comm {
namespace {

status split(MPI_Comm world, std::uint32_t self, std::uint32_t pretended, MPI_Comm& host) {
  if (pretended > 0) {
    return mpi_status(
        MPI_Comm_split(world, static_cast<int>(self % pretended), static_cast<int>(self), &host),
        "MPI_Comm_split");
  }
  return mpi_status(MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, static_cast<int>(self),
                                        MPI_INFO_NULL, &host),
                    "MPI_Comm_split_type");
}

}  // namespace

result<mpi_hosts> mpi_hosts::find(std::uint32_t pretended) {
  mpi_hosts found;
  if (const status copied = mpi_status(MPI_Comm_dup(MPI_COMM_WORLD, &found.world), "MPI_Comm_dup");
      !copied) {
    return copied.error();
  }
  int self = 0;
  int size = 0;
  MPI_Comm_rank(found.world, &self);
  MPI_Comm_size(found.world, &size);
  const auto number = static_cast<std::uint32_t>(self);
  if (const status made = split(found.world, number, pretended, found.host); !made) {
    return made.error();
  }
  // A host is known by its first rank.
  auto first = number;
  MPI_Bcast(&first, 1, MPI_UINT32_T, 0, found.host);
  std::vector<std::uint32_t> firsts(static_cast<std::size_t>(size));
  if (const status told = mpi_status(
          MPI_Allgather(&first, 1, MPI_UINT32_T, firsts.data(), 1, MPI_UINT32_T, found.world),
          "MPI_Allgather");
      !told) {
    return told.error();
  }
  for (std::uint32_t each = 0; each < firsts.size(); ++each) {
    (firsts[each] == first ? found.here : found.far).push_back({each});
  }
  for (const std::uint32_t each : std::set(firsts.begin(), firsts.end())) {
    found.firsts.push_back({each});
  }
  return found;
}

}  // namespace ballast::comm
