// The part of a transfer that one request moves: below 1 GiB, inside one file, on sectors where I/O
// is direct, in the caller's memory or through a staging buffer.
//
// Worked example: a read of 5000 bytes at address 4000 in sectors of 4096 is staged as the file's
// bytes [0, 12288); the caller's bytes begin 4000 into the buffer.
#pragma once

#include <memory>
#include <nvme/io_transfer.hpp>
#include <nvme/segment_map.hpp>

namespace ballast::nvme {

class io_piece {
 public:
  /// True when `whole` can go from and to the caller's memory as it is.
  static bool direct(const io_transfer& whole, const io_alignment& alignment);

  io_piece() = default;
  /// Takes the next at most `limit` bytes of `owner`; through `stage` when that is not empty.
  io_piece(std::shared_ptr<io_transfer> owner, const segment_map& map, std::size_t limit,
           std::span<std::byte> stage);

  /// What is left to move.
  io_request request(std::uint64_t tag) const;

  /// Counts `moved` bytes, down to whole sectors where something is left to do.
  ///
  /// Returns: false when that is no progress
  bool advance(std::size_t moved, bytes sector);
  bool complete() const { return done_ == memory_.size(); }

  /// After a read through a stage, and only then: gives the caller its bytes.
  void copy_out() const;

  io_transfer& owner() const { return *owner_; }
  std::shared_ptr<io_transfer> release() { return std::move(owner_); }
  bool in_use() const { return owner_ != nullptr; }
  std::span<std::byte> stage() const { return stage_; }

  /// Attempts in a row that moved nothing.
  unsigned stalls = 0;

 private:
  std::shared_ptr<io_transfer> owner_;
  std::uint32_t file_ = 0;
  std::uint64_t offset_ = 0;     ///< in the file, of memory_[0]
  std::span<std::byte> memory_;  ///< what the request moves
  std::size_t done_ = 0;
  std::span<std::byte> stage_;   ///< whole staging buffer; empty: direct
  std::span<std::byte> target_;  ///< the caller's bytes of a staged piece
  std::size_t lead_ = 0;         ///< where they begin in memory_
};

}  // namespace ballast::nvme
