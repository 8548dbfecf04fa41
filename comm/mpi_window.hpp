// Memory of which every rank of a host has a part and sees all: one MPI-3 shared window.
//
// Making one is a collective of the host's ranks, and so is its end, which is left out where a rank
// is lost.
#pragma once

#include <mpi.h>

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <span>
#include <vector>

namespace ballast::comm {

class mpi_window {
 public:
  /// `own` bytes for this rank from a page on, zero and touched; they may differ between ranks.
  ///
  /// Errors: communicator_failure with MPI's text
  static result<mpi_window> make(MPI_Comm host, bytes own);

  mpi_window(mpi_window&& other) noexcept;
  mpi_window& operator=(mpi_window&&) = delete;
  ~mpi_window() = default;

  /// The part of the rank in a seat, at its address in this process.
  std::span<std::byte> part(rank seat) const { return parts_[seat.value]; }
  /// Collective.
  void free() { MPI_Win_free(&window_); }

 private:
  mpi_window() = default;

  MPI_Win window_ = MPI_WIN_NULL;
  std::vector<std::span<std::byte>> parts_;
};

}  // namespace ballast::comm
