#include "tools/bench/block_job.hpp"

#include <algorithm>
#include <numeric>
#include <random>

namespace ballast::tools {
namespace {

nvme::io_op op_of(io_mix mix, std::uint64_t turn) {
  const bool writes = mix == io_mix::write || (mix == io_mix::mixed && turn % 2 == 1);
  return writes ? nvme::io_op::write : nvme::io_op::read;
}

}  // namespace

std::vector<block_step> steps_of(const block_job& job, bytes file_size, std::size_t files) {
  std::vector<std::uint64_t> places(file_size / job.setting.block);
  std::iota(places.begin(), places.end(), std::uint64_t{0});
  if (job.order == block_order::random) {
    std::ranges::shuffle(places, std::mt19937_64(1));
  }
  std::vector<block_step> steps;
  steps.reserve(places.size() * files);
  for (std::uint64_t turn = 0; turn < places.size(); ++turn) {
    for (std::size_t file = 0; file < files; ++file) {
      steps.push_back(
          {op_of(job.mix, turn), file_size.value * file + job.setting.block.value * places[turn]});
    }
  }
  return steps;
}

}  // namespace ballast::tools
