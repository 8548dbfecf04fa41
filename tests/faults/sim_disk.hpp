// A disk in memory: what its files hold now, and what of that would survive a power cut.
//
// A write reaches the unsynced layer, a sync of its file the synced one; power_cut() keeps what the
// seed lets reach the medium in time. Files have a fixed size: a read past it is short, then nothing, a
// write past it short, then ENOSPC. Made by a test, outlives the queues on it; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <nvme/io_queue.hpp>
#include <vector>

#include "tests/faults/seeded_draw.hpp"

namespace ballast::faults {

struct sim_options {
  std::uint64_t seed = 1;
  nanoseconds latency{0};              ///< a request takes up to that; what is ready comes shuffled
  std::uint32_t misdirect_one_in = 0;  ///< reads and writes that meet another place; 0: none
  std::uint32_t rot_one_in = 0;        ///< reads whose range has lost a bit before; 0: none
  std::uint64_t file_size = 0;         ///< of files without a descriptor to ask
};

class sim_disk {
 public:
  /// What is written or lost as a whole.
  static constexpr std::size_t sector = 512;

  explicit sim_disk(const sim_options& options = {}) : options_(options), draw_(options.seed) {}

  const sim_options& options() const { return options_; }

  /// Makes room for the files of a queue, as large as their descriptors say. A file that is there
  /// already keeps what it holds, whoever opened it under whatever name; without a descriptor it is
  /// known by its place in the list.
  ///
  /// Returns: their indices here, for perform()
  std::vector<std::uint32_t> attach(std::span<const int> descriptors);

  /// What the medium does about a request: bytes moved, or a negative errno.
  std::int64_t perform(const nvme::io_request& request);

  /// What a failed sync does: the file's unsynced sectors still read as written, no later sync writes
  /// them, and the power cut takes them.
  void forget_unsynced(std::uint32_t file);

  /// The unsynced sectors go to the medium in a shuffled order, and the power ends somewhere on the
  /// way; from then on the disk holds what reached it.
  ///
  /// Returns: how many sectors were lost
  std::size_t power_cut(std::uint64_t seed);

  /// Turns one bit of what rests in a file.
  void rot(std::uint32_t file, std::uint64_t offset, unsigned bit);

  /// What a file holds now.
  std::vector<std::byte> content(std::uint32_t file) const;
  std::size_t unsynced_sectors() const;
  /// Requests that were misdirected and bits that rotted on their own.
  std::size_t damages() const;

 private:
  enum class sector_state : std::uint8_t { synced, unsynced, forgotten };

  /// Device, inode and time of birth, since inodes are given out again.
  using identity = std::array<std::uint64_t, 4>;

  struct sim_file {
    identity known_as{};
    std::uint64_t size = 0;
    std::vector<std::byte> live;        ///< up to the end of the last sector written; zeros follow
    std::vector<std::byte> synced;      ///< as long
    std::vector<sector_state> sectors;  ///< of them

    void grow(std::uint64_t end);
    void keep(std::size_t which);
    void lose(std::size_t which);
  };

  std::uint32_t attach(int descriptor, std::uint64_t place);
  std::uint64_t elsewhere(const sim_file& file, std::uint64_t size);
  static std::int64_t read(const sim_file& from, std::uint64_t offset, std::span<std::byte> memory);
  static std::int64_t write(sim_file& to, std::uint64_t offset, std::span<const std::byte> memory);
  static void turn(sim_file& in, std::uint64_t offset, unsigned bit);

  const sim_options options_;
  mutable std::mutex mutex_;
  seeded_draw draw_;             // guarded by mutex_
  std::vector<sim_file> files_;  // guarded by mutex_
  std::size_t damages_ = 0;      // guarded by mutex_
};

/// Opens queues on `disk`.
nvme::queue_opener simulated(sim_disk& disk);

}  // namespace ballast::faults
