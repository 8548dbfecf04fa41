// Ranks as threads of a test: each runs the body, all at once.
#pragma once

#include <comm/ranks.hpp>
#include <thread>

namespace ballast::comm {

/// Calls body(std::unique_ptr<communicator>) on a thread for every rank, and waits for all.
template <class Body>
void run_threads(std::uint32_t ranks, rank_limits limits, const Body& body) {
  auto made = make_thread_communicators(ranks, limits);
  std::vector<std::jthread> threads;
  for (auto& each : *made) {
    threads.emplace_back([&body, own = std::move(each)]() mutable { body(std::move(own)); });
  }
}

template <std::uint32_t Ranks>
struct thread_world {
  static constexpr std::uint32_t ranks = Ranks;

  template <class Body>
  void run(Body body) {
    run_threads(Ranks, {}, [&](std::unique_ptr<communicator> own) { body(*own); });
  }
};

}  // namespace ballast::comm
