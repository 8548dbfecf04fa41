#include "tests/faults/sim_disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "tests/faults/sim_queue.hpp"

namespace ballast::faults {

using nvme::io_op;

void sim_disk::sim_file::grow(std::uint64_t end) {
  const std::uint64_t count = (end + sector - 1) / sector;
  if (count <= sectors.size()) return;
  live.resize(count * sector);
  synced.resize(count * sector);
  sectors.resize(count, sector_state::synced);
}

void sim_disk::sim_file::keep(std::size_t which) {
  const auto at = static_cast<std::ptrdiff_t>(which * sector);
  std::copy_n(live.begin() + at, sector, synced.begin() + at);
  sectors[which] = sector_state::synced;
}

void sim_disk::sim_file::lose(std::size_t which) {
  const auto at = static_cast<std::ptrdiff_t>(which * sector);
  std::copy_n(synced.begin() + at, sector, live.begin() + at);
  sectors[which] = sector_state::synced;
}

std::vector<std::uint32_t> sim_disk::attach(std::span<const int> descriptors) {
  const std::lock_guard hold(mutex_);
  std::vector<std::uint32_t> indices;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    indices.push_back(attach(descriptors[i], i));
  }
  return indices;
}

std::uint32_t sim_disk::attach(int descriptor, std::uint64_t place) {
  sim_file added;
  added.known_as = {place};
  added.size = options_.file_size;
  struct statx seen {};
  if (descriptor >= 0 &&
      ::statx(descriptor, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &seen) == 0) {
    const auto [seconds, rest] = std::pair{seen.stx_btime.tv_sec, seen.stx_btime.tv_nsec};
    added.known_as = {seen.stx_dev_minor, seen.stx_ino, static_cast<std::uint64_t>(seconds), rest};
    added.size = seen.stx_size;
  }
  const auto found = std::ranges::find(files_, added.known_as, &sim_file::known_as);
  const auto index = static_cast<std::uint32_t>(std::distance(files_.begin(), found));
  if (index == files_.size()) files_.push_back(std::move(added));
  return index;
}

std::int64_t sim_disk::perform(const nvme::io_request& request) {
  const std::lock_guard hold(mutex_);
  sim_file& file = files_.at(request.file);
  if (request.op == io_op::sync) {
    for (std::size_t i = 0; i < file.sectors.size(); ++i) {
      if (file.sectors[i] == sector_state::unsynced) file.keep(i);
    }
    return 0;
  }
  std::uint64_t offset = request.offset;
  if (draw_.one_in(options_.misdirect_one_in)) {
    offset = elsewhere(file, request.memory.size());
    ++damages_;
  }
  if (request.op == io_op::write) return write(file, offset, request.memory);
  if (draw_.one_in(options_.rot_one_in) && !request.memory.empty()) {
    turn(file, offset + draw_.below(request.memory.size()), static_cast<unsigned>(draw_.below(8)));
    ++damages_;
  }
  return read(file, offset, request.memory);
}

/// A sector from which `size` bytes fit into the file.
std::uint64_t sim_disk::elsewhere(const sim_file& file, std::uint64_t size) {
  return size >= file.size ? 0 : draw_.below((file.size - size) / sector + 1) * sector;
}

std::int64_t sim_disk::read(const sim_file& from, std::uint64_t offset,
                            std::span<std::byte> memory) {
  if (offset >= from.size) return 0;
  const std::size_t moved = std::min<std::uint64_t>(memory.size(), from.size - offset);
  const std::uint64_t end = std::min<std::uint64_t>(offset + moved, from.live.size());
  const std::size_t held = end > offset ? end - offset : 0;
  std::copy_n(from.live.begin() + static_cast<std::ptrdiff_t>(held > 0 ? offset : 0), held,
              memory.begin());
  std::ranges::fill(memory.first(moved).subspan(held), std::byte{0});
  return static_cast<std::int64_t>(moved);
}

std::int64_t sim_disk::write(sim_file& to, std::uint64_t offset,
                             std::span<const std::byte> memory) {
  if (memory.empty()) return 0;
  if (offset >= to.size) return -ENOSPC;
  const std::size_t moved = std::min<std::uint64_t>(memory.size(), to.size - offset);
  to.grow(offset + moved);
  std::ranges::copy(memory.first(moved), to.live.begin() + static_cast<std::ptrdiff_t>(offset));
  for (std::size_t i = offset / sector; i * sector < offset + moved; ++i) {
    to.sectors[i] = sector_state::unsynced;
  }
  return static_cast<std::int64_t>(moved);
}

void sim_disk::turn(sim_file& in, std::uint64_t offset, unsigned bit) {
  if (offset >= in.size) return;
  in.grow(offset + 1);
  in.live[offset] ^= std::byte{1} << bit;
  if (in.sectors[offset / sector] == sector_state::synced) in.synced[offset] ^= std::byte{1} << bit;
}

void sim_disk::forget_unsynced(std::uint32_t file) {
  const std::lock_guard hold(mutex_);
  for (sector_state& each : files_.at(file).sectors) {
    if (each == sector_state::unsynced) each = sector_state::forgotten;
  }
}

std::size_t sim_disk::power_cut(std::uint64_t seed) {
  const std::lock_guard hold(mutex_);
  std::vector<std::pair<sim_file*, std::size_t>> unsynced;
  std::size_t lost = 0;
  for (sim_file& file : files_) {
    for (std::size_t i = 0; i < file.sectors.size(); ++i) {
      if (file.sectors[i] == sector_state::unsynced) unsynced.emplace_back(&file, i);
      if (file.sectors[i] == sector_state::forgotten) file.lose(i), ++lost;
    }
  }
  seeded_draw draw(seed);
  draw.shuffle(unsynced);
  const std::size_t kept = draw.below(unsynced.size() + 1);
  for (std::size_t i = 0; i < unsynced.size(); ++i) {
    const auto [file, which] = unsynced[i];
    i < kept ? file->keep(which) : file->lose(which);
  }
  return lost + unsynced.size() - kept;
}

void sim_disk::rot(std::uint32_t file, std::uint64_t offset, unsigned bit) {
  const std::lock_guard hold(mutex_);
  turn(files_.at(file), offset, bit);
}

std::vector<std::byte> sim_disk::content(std::uint32_t file) const {
  const std::lock_guard hold(mutex_);
  std::vector<std::byte> all(files_.at(file).size);
  read(files_.at(file), 0, all);
  return all;
}

std::size_t sim_disk::unsynced_sectors() const {
  const std::lock_guard hold(mutex_);
  std::size_t count = 0;
  for (const sim_file& file : files_) {
    count += static_cast<std::size_t>(std::ranges::count_if(
        file.sectors, [](auto each) { return each != sector_state::synced; }));
  }
  return count;
}

std::size_t sim_disk::damages() const {
  const std::lock_guard hold(mutex_);
  return damages_;
}

nvme::queue_opener simulated(sim_disk& disk) {
  return [&disk](const nvme::queue_setup& setup) -> result<std::unique_ptr<nvme::io_queue>> {
    return std::unique_ptr<nvme::io_queue>(std::make_unique<sim_queue>(disk, setup));
  };
}

}  // namespace ballast::faults
