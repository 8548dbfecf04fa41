// Brings a slice of a tile from NVMe into a worker's own memory, and back: positional reads and
// writes on the calling worker, for folders that are as fast as memory (tmpfs, DAX). There a copy
// costs less than handing it to a thread that waits for a core, and the slice it brings is in the
// worker's cache when its digest is taken.
//
// A buffer holds what the slice has on NVMe, array by array in the order of tile_arrays. There is one
// for each worker; where there are more workers for a moment, one waits for the next that is given
// back. Any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "tile_homes.hpp"

namespace ballast {

class slice_mover {
 public:
  /// Takes the slice buffers of `homes`, whose links it uses; both outlive it.
  slice_mover(const layout& where, tile_homes& homes);

  /// A buffer, for as long as it lives. A thread that has one must not ask for another.
  class loan {
   public:
    explicit loan(slice_mover& from) : from_(from), memory_(from.take()) {}
    ~loan() { from_.give(memory_); }
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;

    std::span<std::byte> memory() const { return memory_; }

   private:
    slice_mover& from_;
    std::span<std::byte> memory_;
  };

  /// A slice: elements of its tile, which begin at a multiple of slice_elements.
  struct slice {
    tile_id tile;
    element_range part;  ///< in the tile
  };
  /// Which extent each of a tile's arrays is in; none where the array is not to be moved.
  using extents = std::array<std::optional<extent>, tile_array_count>;

  /// Where an array that rests on NVMe lies in a buffer.
  std::span<std::byte> memory_of(const slice& which, tile_array array, const loan& in) const;

  /// Errors: those of the links
  status read(const slice& which, const extents& from, const loan& into);
  status write(const slice& which, const extents& to, const loan& from);

 private:
  std::span<std::byte> take();
  void give(std::span<std::byte> buffer);
  status move(link& through, const slice& which, const extents& places, const loan& memory);

  const layout& where_;
  tile_homes& homes_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::span<std::byte>> free_;  ///< guarded by mutex_
};

}  // namespace ballast
