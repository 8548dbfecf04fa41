// The store's linear address space and the files that back it, one after the other.
//
// Worked example: 5 GiB in segments of 2 GiB are three files; address 4 GiB + 8 KiB is offset 8 KiB
// of the third, with 1 GiB - 8 KiB to its end.
#pragma once

#include <ballast/assert.hpp>
#include <ballast/types.hpp>
#include <string>
#include <vector>

namespace ballast::nvme {

/// What direct I/O on these files asks for; all of it 1 where I/O is buffered, but `extent`.
struct io_alignment {
  bytes extent{4096};  ///< of addresses and sizes in the store
  bytes sector{1};     ///< of file offsets and lengths of a request
  bytes memory{1};     ///< of the caller's memory, to be used as it is
};

struct segment_map {
  struct file {
    int descriptor = -1;
    std::string name;  ///< for messages
  };
  struct location {
    std::uint32_t file;
    std::uint64_t offset;
    std::uint64_t left;  ///< bytes to the end of the segment
  };

  std::vector<file> files;
  bytes segment_size;  ///< of each but the last, which may be shorter
  bytes size;          ///< of all together
  io_alignment alignment;

  location locate(std::uint64_t address) const {
    require(address < size.value, "an address lies inside the store");
    const std::uint64_t index = address / segment_size.value;
    const std::uint64_t begin = index * segment_size.value;
    const std::uint64_t end =
        size.value - begin < segment_size.value ? size.value : begin + segment_size.value;
    return {static_cast<std::uint32_t>(index), address - begin, end - address};
  }
};

}  // namespace ballast::nvme
