// What processes of one host see of each other's memory: the shared windows that they have made.
#pragma once

#include <deque>

#include "comm/mpi_window.hpp"
#include "comm/peer_memory.hpp"

namespace ballast::comm {

class mpi_host_memory final : public peer_memory {
 public:
  /// Collective over `host`, which outlives it.
  ///
  /// Errors: as mpi_window
  static result<std::unique_ptr<mpi_host_memory>> make(MPI_Comm host);

  /// A region's memory goes back when free() is called.
  result<std::unique_ptr<memory_region>> make_region(bytes size) override;
  shared_address publish(std::span<const std::byte> memory) const override;
  const std::byte* find(rank seat, shared_address published) const override {
    return regions_[published.region].part(seat).data() + published.offset;
  }
  std::span<std::byte> stage(rank seat) const override { return stages_.part(seat); }

  /// Collective: after it nothing is left.
  void free();

 private:
  mpi_host_memory(MPI_Comm host, rank self, mpi_window stages)
      : host_(host), self_(self), stages_(std::move(stages)) {}

  MPI_Comm host_;
  rank self_;
  mpi_window stages_;
  std::deque<mpi_window> regions_;
};

}  // namespace ballast::comm
