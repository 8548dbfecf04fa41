#include "comm/queued_communicator.hpp"
#include "comm/ranks.hpp"
#include "comm/thread_ranks.hpp"

namespace ballast::comm {

result<std::vector<std::unique_ptr<communicator>>> make_thread_communicators(std::uint32_t size,
                                                                             rank_limits limits) {
  if (size == 0) return failure{errc::invalid_argument, "--ranks 0: a world has a rank at least"};
  std::vector<std::unique_ptr<communicator>> made;
  for (auto& each : make_thread_ranks(size, limits)) {
    made.push_back(std::make_unique<queued_communicator>(std::move(each)));
  }
  return made;
}

}  // namespace ballast::comm
