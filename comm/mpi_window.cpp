#include "comm/mpi_window.hpp"

#include <cstring>
#include <utility>

#include "comm/mpi_errors.hpp"

namespace ballast::comm {

mpi_window::mpi_window(mpi_window&& other) noexcept
    : window_(std::exchange(other.window_, MPI_WIN_NULL)), parts_(std::move(other.parts_)) {}

result<mpi_window> mpi_window::make(MPI_Comm host, bytes own) {
  int self = 0;
  int ranks = 0;
  MPI_Comm_rank(host, &self);
  MPI_Comm_size(host, &ranks);
  // Every part begins at a page, near the core of its rank.
  MPI_Info info = MPI_INFO_NULL;
  MPI_Info_create(&info);
  MPI_Info_set(info, "alloc_shared_noncontig", "true");
  mpi_window made;
  void* begin = nullptr;
  const int code = MPI_Win_allocate_shared(static_cast<MPI_Aint>(own.value), 1, info, host, &begin,
                                           &made.window_);
  MPI_Info_free(&info);
  if (const status allocated = mpi_status(code, "MPI_Win_allocate_shared"); !allocated) {
    return allocated.error();
  }
  for (int seat = 0; seat < ranks; ++seat) {
    MPI_Aint size = 0;
    int unit = 0;
    void* part = nullptr;
    if (const status found = mpi_status(
            MPI_Win_shared_query(made.window_, seat, &size, &unit, &part), "MPI_Win_shared_query");
        !found) {
      return found.error();
    }
    made.parts_.emplace_back(static_cast<std::byte*>(part), static_cast<std::size_t>(size));
  }
  std::memset(begin, 0, own.value);
  return made;
}

}  // namespace ballast::comm
