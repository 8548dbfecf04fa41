// What `ballast prove` can be told: which arms, which run, which damage.
#pragma once

#include <string>
#include <vector>

#include "tools/command/option_set.hpp"
#include "tools/prove/trajectory.hpp"

namespace ballast::tools {

enum class flip_target : std::uint8_t { none, memory, disk };

struct prove_settings {
  proof_run run;
  std::vector<std::string> placements = {"device", "host", "nvme", "early", "capacity", "mixed"};
  std::vector<std::string> encodings = {"exact", "fp32", "fp16", "bf16", "int8"};
  std::vector<std::string> optimizers = {"adamw", "adam", "sgd"};
  std::vector<std::string> threads = {"1", "2"};
  std::vector<std::string> tiles = {"8Ki", "20Ki"};
  std::vector<std::string> ios = {"uring", "posix", "inline"};
  std::vector<std::string> isas = {"sse2", "avx2", "avx512"};
  std::vector<std::string> stages = {"0", "1", "2", "3"};
  std::string directory = ".";
  bool quick = false;
  flip_target flip = flip_target::none;
  std::uint64_t flip_step = 3;
  std::string json;

  prove_settings();

  /// One rank has nothing to partition.
  std::vector<std::string> used_stages() const {
    return run.ranks > 1 ? stages : std::vector<std::string>{stages.back()};
  }
};

option_set prove_options(prove_settings& settings);

}  // namespace ballast::tools
