// What `ballast bench nvme` measures: every combination of some lists.
#pragma once

#include <ballast/config.hpp>
#include <string>
#include <vector>

#include "tools/bench/block_job.hpp"
#include "tools/bench/word_list.hpp"
#include "tools/command/option_set.hpp"

namespace ballast::tools {

struct nvme_settings {
  std::vector<std::string> nvme{"."};
  bytes size{std::uint64_t{4} << 30};
  std::vector<std::string> ops{"read", "write", "mixed"};
  std::vector<std::string> orders{"sequential", "random"};
  std::vector<std::string> block_sizes{"1MiB", "4MiB"};
  std::vector<std::string> depths{"4", "8", "16"};
  std::vector<std::string> backends{"uring", "posix"};
  bytes tile{std::uint64_t{12} << 20};
  std::uint32_t tiles = 4;
  std::uint32_t rounds = 5;
  bool with_fio = false;
  bool lose_write = false;
  std::string save;
  std::string json;
};

option_set nvme_options(nvme_settings& settings);

/// The lists, understood.
struct nvme_plan {
  std::vector<std::string> folders;
  bytes each;  ///< size of the file in every folder
  std::vector<io_mix> mixes;
  std::vector<block_order> orders;
  std::vector<io_setting> settings;  ///< every block size with every depth
  std::vector<io_backend> backends;
  bytes tile;  ///< of whole slices
};

/// Errors: invalid_argument for what cannot be used, with the nearest match; no_space when a folder
///         has not the room for all files of a run
result<nvme_plan> plan_of(const nvme_settings& settings);

/// The word of --backends, which is --io's too.
std::string_view to_string(io_backend backend);

}  // namespace ballast::tools
