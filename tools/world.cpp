#include "tools/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/forwarding_communicator.hpp>
#include <ballast/thread_plan.hpp>
#include <exception>
#include <thread>

namespace ballast::tools {
result<world> world::join(std::uint32_t ranks) {
  world made;
  if (started_by_mpi()) {
    auto door = join_mpi();
    if (!door) return door.error();
    const std::uint32_t size = (*door)->size();
    if (ranks != 1 && ranks != size) {
      const failure other{
          errc::invalid_argument,
          fmt::format("--ranks {}, but mpirun has started {} processes", ranks, size)};
      (*door)->abort(other.message);
      return other;
    }
    const rank self = (*door)->self();
    const std::uint32_t here = (*door)->host_size();
    made.first_ = self;
    made.size_ = size;
    made.members_.push_back({self, size, here, *std::move(door)});
    return made;
  }
  if (ranks == 1) {
    made.members_.emplace_back();
    return made;
  }
  made.size_ = ranks;
  auto doors = join_threads(ranks);
  if (!doors) return doors.error();
  for (std::uint32_t i = 0; i < ranks; ++i) {
    made.members_.push_back({{i}, ranks, ranks, std::move((*doors)[i])});
  }
  return made;
}

void world::member::set(engine_config& config) const {
  config.self = self;
  config.ranks = ranks;
  config.host_ranks = host_ranks;
}

std::uint32_t world::member::threads(std::uint32_t asked) const {
  if (asked > 0 || host_ranks == 1) return asked;
  std::uint32_t cores = 0;
  for (const numa_node& each : find_numa_nodes()) cores += each.threads;
  return std::max(1U, cores / host_ranks);
}

status world::run(const std::function<status(member)>& body) {
  std::vector<status> outcomes(members_.size());
  std::vector<std::exception_ptr> thrown(members_.size());
  std::vector<std::shared_ptr<communicator>> doors;
  for (member& each : members_) {
    doors.emplace_back(std::move(each.door));
    // Who ends it does not leave yet: a rank that has failed says why first.
    each.door = doors.back() ? std::make_unique<forwarding_communicator>(doors.back()) : nullptr;
  }
  const auto run_one = [&](std::size_t i) {
    const std::shared_ptr<communicator> door = std::move(doors[i]);
    try {
      outcomes[i] = body(std::move(members_[i]));
      if (!outcomes[i] && door) door->abort(outcomes[i].error().message);
    } catch (const std::exception& why) {
      if (door) door->abort(why.what());
      thrown[i] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (std::size_t i = 1; i < members_.size(); ++i) {
        others.emplace_back(run_one, i);
      }
    } catch (const std::exception& why) {
      doors.front()->abort(why.what());  // who has begun waits for the others
      throw;
    }
    run_one(0);
  }
  for (const std::exception_ptr& each : thrown) {
    if (each) std::rethrow_exception(each);
  }
  const auto first = [&](const auto& wanted) { return std::ranges::find_if(outcomes, wanted); };
  const auto by_itself = first(
      [](const status& each) { return !each && each.error().code != errc::communicator_failure; });
  if (by_itself != outcomes.end()) return *by_itself;
  const auto any = first([](const status& each) { return !each; });
  return any != outcomes.end() ? *any : status();
}

}  // namespace ballast::tools
