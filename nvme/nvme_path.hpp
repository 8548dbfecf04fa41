// One folder's part of a store: segments, the loop that moves their bytes, and which of their
// addresses are given out.
//
// Owned by the store, whose addresses [begin, begin + size) are this path's; the loop counts from
// 0. Each path has a loop of its own, so a slow or frozen disk does not hold up another.
#pragma once

#include <nvme/extent_map.hpp>
#include <nvme/io_loop.hpp>
#include <nvme/positional_io.hpp>
#include <nvme/segment.hpp>

namespace ballast::nvme {

class nvme_path {
 public:
  struct files {
    std::vector<segment> segments;
    bytes segment_size;  ///< of each but the last
    bytes size;
    bytes spare;                     ///< of it, beyond the folder's share
    file_descriptor lock;            ///< of the run's folder, held while it is written to
    std::vector<std::string> names;  ///< absolute; none where the files have none
  };

  static result<std::unique_ptr<nvme_path>> start(const loop_options& options, queue_opener open,
                                                  files over, std::uint64_t begin);

  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return begin_ + over_.size.value; }
  extent_map& room() { return room_; }
  /// A write to it failed: nothing new goes there.
  bool avoided = false;  // guarded by the store, as the room is

  ticket submit(io_op op, transfer hop, link_meter& meter) {
    hop.address.value -= begin_;
    return loop_->submit(op, hop, meter);
  }
  /// From here on moves() bytes in the threads that ask for it.
  ///
  /// Errors: the opener's
  status open_positional(const performer_opener& open, bytes request_limit);
  /// Whether it moves bytes in the calling thread.
  bool is_positional() const { return positional_.has_value(); }
  /// Threads: any; is_positional()
  status move(io_op op, const tier_range& range) const {
    return positional_->move(op, range.address.value - begin_, range.memory);
  }

  /// Submits a sync of every file.
  std::vector<ticket> sync(link_meter& meter);

  /// "offset 4096 of FILE"
  std::string place_of(std::uint64_t address) const;
  bytes alignment() const { return over_.segments.front().alignment().extent; }
  std::string description() const;
  stored_files record() const { return {begin_, over_.size, over_.segment_size, over_.names}; }

 private:
  nvme_path(files over, std::uint64_t begin)
      : over_(std::move(over)), begin_(begin), room_(begin, over_.size, over_.spare) {}

  const files over_;
  const std::uint64_t begin_;
  extent_map room_;
  std::unique_ptr<io_loop> loop_;  ///< ends before the files it uses
  std::optional<positional_io> positional_;
};

}  // namespace ballast::nvme
