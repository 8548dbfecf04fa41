// What every 4096-byte sector of some files must hold: a mark that is a function of its address and
// of how often it was written, then bytes that no disk can shorten.
//
// A read of the wrong place, of an older write, or of nothing fails. While transfers are timed only
// the first sector of every 64 KiB of a transfer is marked and compared: a line changed in every
// sector cost up to a tenth of the write rate, for the disk fetches it from the core's cache.
#pragma once

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <span>
#include <vector>

namespace ballast::tools {

inline constexpr bytes sector_size{4096};

/// How much of a transfer is written anew and compared.
enum class scrutiny : unsigned char { some_marks, all_bytes };

/// Threads: any, on different sectors
class sector_ledger {
 public:
  explicit sector_ledger(bytes size);

  /// Fills memory that will be written from; whole sectors.
  void dress(std::span<std::byte> memory) const;
  /// Marks `memory` as the next writing of the sectors from `address` on. What was written with
  /// some marks can be compared by them only, in transfers of the same size.
  void stamp(std::uint64_t address, std::span<std::byte> memory, scrutiny how);
  /// Makes sure that what check() finds afterwards was read.
  void poison(std::span<std::byte> memory, scrutiny how) const;

  /// Errors: corrupted, with the address of the first sector that is not what was written last
  status check(std::uint64_t address, std::span<const std::byte> memory, scrutiny how) const;

 private:
  std::uint64_t mark_of(std::uint64_t sector) const;

  std::vector<std::uint32_t> writings_;  ///< by sector
  std::vector<std::byte> body_;          ///< of every sector, after its mark
};

}  // namespace ballast::tools
