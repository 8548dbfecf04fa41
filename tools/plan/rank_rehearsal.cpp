#include <algorithm>
#include <ballast/ranks.hpp>
#include <ballast/rounding.hpp>
#include <ballast/shard.hpp>
#include <chrono>
#include <thread>

#include "tools/plan/rehearsals.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

constexpr bytes longest_piece = 64_MiB;
constexpr std::uint64_t rounds = 9;

/// Gathers over and over; the last half of the rounds is timed.
result<double> gather(communicator& ranks, elements whole) {
  std::vector<element_range> shards;
  for (std::uint32_t i = 0; i < ranks.size(); ++i) {
    shards.push_back(shard_of(whole, {i}, ranks.size()));
  }
  const bytes width = size_of(dtype::bf16);
  const auto region = ranks.make_region(width * whole.value);
  if (!region) {
    return region.error();
  }
  const auto memory = (*region)->span().first(whole.value * width.value);
  const element_range own = shards[ranks.self().value];
  const gathering all{
      .shard = memory.subspan(own.begin.value * width.value, own.count.value * width.value),
      .whole = memory,
      .shards = shards,
      .element = width};
  std::chrono::steady_clock::time_point begin;
  for (std::uint64_t round = 0; round < 2 * rounds; ++round) {
    if (round == rounds) {
      begin = std::chrono::steady_clock::now();
    }
    if (const status gathered = ranks.all_gather(all, {{}, round}).wait(); !gathered) {
      return gathered.error();
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return static_cast<double>((width * (whole - own.count).value * rounds).value) / took.count();
}

}  // namespace

result<double> rehearse_ranks(std::uint32_t ranks, bytes layer) {
  auto doors = join_threads(ranks);
  if (!doors) {
    return doors.error();
  }
  const bytes piece = std::min(layer, longest_piece);
  const elements whole = round_up(elements{piece / size_of(dtype::bf16)}, block_elements);
  result<double> first = 0.0;
  std::vector<std::jthread> threads;
  for (auto& each : *doors) {
    threads.emplace_back([&first, whole, door = std::move(each)] {
      const bool speaks = door->self() == rank{0};
      auto rate = gather(*door, whole);
      if (speaks) {
        first = std::move(rate);
      }
    });
  }
  threads.clear();
  return first;
}

}  // namespace ballast::tools
