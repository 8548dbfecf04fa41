// A map of files that are not there, for what only asks where a byte lies, or for a simulated disk.
#pragma once

#include <nvme/segment_map.hpp>

namespace ballast::nvme::testing {

/// `files` segments of `segment_size`, named file-0 and so on.
inline segment_map test_map(bytes segment_size, std::size_t files, io_alignment alignment) {
  segment_map map;
  for (std::size_t i = 0; i < files; ++i) map.files.push_back({-1, "file-" + std::to_string(i)});
  map.segment_size = segment_size;
  map.size = segment_size * files;
  map.alignment = alignment;
  return map;
}

}  // namespace ballast::nvme::testing
