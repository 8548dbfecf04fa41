// A job of `ballast bench nvme`: blocks of some files that are each read or written once, so many at
// a time. What runs it is an arm.
#pragma once

#include <ballast/types.hpp>
#include <nvme/io_queue.hpp>
#include <nvme/segment_map.hpp>
#include <string>
#include <vector>

namespace ballast::tools {

enum class io_mix : unsigned char { read, write, mixed };
enum class block_order : unsigned char { sequential, random };

constexpr std::string_view to_string(io_mix mix) {
  switch (mix) {
    case io_mix::read: return "read";
    case io_mix::write: return "write";
    case io_mix::mixed: return "mixed";
  }
  return "?";
}

constexpr std::string_view to_string(block_order order) {
  return order == block_order::sequential ? "sequential" : "random";
}

/// How a disk is asked: what a search compares and a settings file keeps.
struct io_setting {
  bytes block;
  std::uint32_t depth = 0;  ///< blocks under way at once
  friend bool operator==(const io_setting&, const io_setting&) = default;
};

struct block_job {
  io_mix mix = io_mix::read;
  block_order order = block_order::sequential;
  io_setting setting;
};

struct block_step {
  nvme::io_op op = nvme::io_op::read;
  std::uint64_t address = 0;  ///< in the files' linear space
};

/// Every block of equally long files once, file by file in turn; of a mixed job every second one of
/// each file is written. In random order neighbours in time are no neighbours on disk; the order is
/// the same in every run.
std::vector<block_step> steps_of(const block_job& job, bytes file_size, std::size_t files);

}  // namespace ballast::tools
