// A rank under mpirun that gathers, or has MPI sum, over and over, until one of them does something
// wrong: what mpi_failure_test.py watches.
//
//   failing_rank DEED RANK HOSTS [library]   on so many pretended hosts; 0: as they are
//
// Deeds at the third collective of that rank: abort, throw, leave, mismatch, late, compute (all of
// them do); wait is none: whoever watches does it.
//
// Prints "rank R: process P" when it has begun, and what it was told when it ends.
#include <fmt/format.h>
#include <unistd.h>

#include <comm/mpi_ranks.hpp>
#include <comm/queued_communicator.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/conformance/collective_values.hpp"

namespace {

using namespace ballast;

constexpr std::uint64_t turn_of_the_deed = 3;
constexpr std::uint64_t turns = 100'000;

void do_deed(const std::string& deed, communicator& ranks, collective_tag& tag) {
  if (deed == "abort") ranks.abort("no space left on /scratch");
  if (deed == "throw") throw std::runtime_error("an exception of the test");
  if (deed == "mismatch") tag.sequence += 100;
  if (deed == "late") std::this_thread::sleep_for(std::chrono::seconds(30));
}

status run(const std::string& deed, std::uint32_t doer, std::uint32_t hosts, bool by_library) {
  const std::chrono::seconds lateness(deed == "late" ? 2 : 60);
  auto made = comm::make_mpi_ranks({.lateness = lateness}, hosts);
  if (!made) return made.error();
  comm::queued_communicator queued(*std::move(made));
  communicator& ranks = queued;
  const std::uint32_t self = ranks.self().value;
  fmt::print("rank {}: process {}\n", self, ::getpid());
  std::fflush(stdout);
  // A sum takes long enough that most of what is done to a rank is done in one.
  const std::uint64_t blocks = by_library ? 4096 : 64;
  const auto shards = conformance::layer_shards(blocks, ranks.size());
  const auto region = ranks.make_region({blocks * 4096 * 4});
  if (!region) return region.error();
  const auto whole = (*region)->span();
  const element_range own = shards[self];
  const auto shard = whole.subspan(own.begin.value * 4, own.count.value * 4);
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    collective_tag tag{{1}, turn};
    const bool now = turn == turn_of_the_deed && self == doer;
    const bool within = by_library && deed == "abort";
    if (now && !within) {
      if (deed == "leave") return {};
      do_deed(deed, ranks, tag);
    }
    // The others compute, and look at nothing.
    if (turn == turn_of_the_deed && deed == "compute") {
      std::this_thread::sleep_for(std::chrono::seconds(60));
    }
    const ticket begun = by_library
                             ? ranks.reduce_scatter({whole, shard, shards, dtype::f32, false}, tag)
                             : ranks.all_gather({shard, whole, shards, {4}}, tag);
    if (now && within) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      do_deed(deed, ranks, tag);
    }
    if (const status done = begun.wait(); !done) return done;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};
}

}  // namespace

int main(int count, char** words) {
  if (count != 4 && count != 5) return 2;
  try {
    const status outcome = run(words[1], static_cast<std::uint32_t>(std::stoul(words[2])),
                               static_cast<std::uint32_t>(std::stoul(words[3])), count == 5);
    if (outcome) return 0;
    fmt::print(stderr, "failing_rank: {}\n", outcome.error().message);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "failing_rank: {}\n", problem.what());
  }
  return 1;
}
