#include "tools/bench/saturation_arm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nvme/errno_translator.hpp>
#include <nvme/queue_choice.hpp>

#include "tools/bench/cpu_clock.hpp"

namespace ballast::tools {

result<std::unique_ptr<saturation_arm>> saturation_arm::make(const block_job& job,
                                                             bench_files& files,
                                                             std::span<std::byte> buffers) {
  std::vector<int> descriptors;
  for (const auto& file : files.map().files) {
    descriptors.push_back(file.descriptor);
  }
  const std::array regions{buffers};
  auto queue = nvme::choose_queue(io_backend::automatic)(
      {.files = descriptors, .registered = regions, .depth = job.setting.depth});
  if (!queue) {
    return queue.error();
  }
  return std::unique_ptr<saturation_arm>(
      new saturation_arm(block_traffic(job, files, buffers), *std::move(queue), files.map()));
}

nvme::io_request saturation_arm::request(std::uint32_t slot) const {
  const block_step& step = traffic_.step(slot);
  const auto at = map_.locate(step.address);
  return {step.op, at.file, at.offset, traffic_.buffer(slot), slot};
}

status saturation_arm::settle(const nvme::io_completion& done) {
  const auto slot = static_cast<std::uint32_t>(done.tag);
  const auto wanted = static_cast<std::int64_t>(traffic_.buffer(slot).size());
  if (done.result == wanted) {
    return traffic_.arrived(slot);
  }
  const std::string what =
      fmt::format("a plain request of {} bytes moved {}", wanted, std::max(done.result, {}));
  return done.result < 0 ? nvme::make_failure(static_cast<int>(-done.result), what)
                         : failure{errc::io_failure, what};
}

status saturation_arm::move_all() {
  std::vector<nvme::io_request> batch;
  std::vector<nvme::io_completion> done(traffic_.slots());
  for (std::uint32_t slot = 0; slot < traffic_.slots() && traffic_.next(slot); ++slot) {
    batch.push_back(request(slot));
  }
  status outcome;
  for (std::size_t under_way = batch.size(); under_way > 0; under_way += batch.size()) {
    queue_->submit(batch);
    batch.clear();
    const std::size_t count = queue_->reap(done, std::chrono::seconds(1));
    under_way -= count;
    for (std::size_t i = 0; i < count; ++i) {
      if (const status settled = settle(done[i]); !settled) {
        outcome = settled;
      }
      if (const auto slot = static_cast<std::uint32_t>(done[i].tag);
          outcome && traffic_.next(slot)) {
        batch.push_back(request(slot));
      }
    }
  }
  return outcome;
}

result<io_sample> saturation_arm::run(scrutiny how) {
  traffic_.restart(how);
  const double cpu = process_cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  if (const status moved = move_all(); !moved) {
    return moved.error();
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  return io_sample{traffic_.total(), wall.count(), process_cpu_seconds() - cpu,
                   traffic_.check_seconds()};
}

}  // namespace ballast::tools
