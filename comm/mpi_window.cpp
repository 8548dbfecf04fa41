#include "comm/mpi_window.hpp"

#include <algorithm>
#include <ballast/rounding.hpp>
#include <utility>

#include "comm/mpi_errors.hpp"

namespace ballast::comm {
namespace {

constexpr bytes page{4096};

/// What is left of a part behind the first page boundary; MPI keeps words of its own before it. The
/// same for every process, because all of them map the window at a page.
std::span<std::byte> whole_pages(void* begin, MPI_Aint size) {
  if (size == 0) return {};
  const bytes address{reinterpret_cast<std::uint64_t>(begin)};
  const bytes skipped = round_up(address, page) - address;
  return {static_cast<std::byte*>(begin) + skipped.value,
          static_cast<std::size_t>(size) - page.value};
}

}  // namespace

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
  const bytes asked = own == bytes{} ? own : own + page;
  const int code = MPI_Win_allocate_shared(static_cast<MPI_Aint>(asked.value), 1, info, host,
                                           &begin, &made.window_);
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
    made.parts_.push_back(whole_pages(part, size));
  }
  std::ranges::fill(made.parts_[static_cast<std::size_t>(self)], std::byte{});
  return made;
}

}  // namespace ballast::comm
