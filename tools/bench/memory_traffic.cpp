#include "tools/bench/memory_traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ballast::tools {
namespace {

constexpr std::size_t line = 64;
constexpr elements least_turn{64};

/// Elements on which variants are tried before the rounds; more than any cache holds.
constexpr elements trial{std::uint64_t{1} << 24};
constexpr std::size_t kept_variants = 4;

/// Turns: a few lines of every array, or half a page. Whole slices were never the fastest.
constexpr std::array<elements, 2> turn_lengths{least_turn, elements{512}};

/// The arrays of `part` whose turns are whole lines, and those that have less than a line a turn.
struct turned_arrays {
  std::array<passed_array, 8> wide;
  std::size_t wide_count = 0;
  std::array<passed_array, 8> narrow;  ///< one turn is the whole part
  std::size_t narrow_count = 0;
};

turned_arrays turn_by(std::span<const worked_array> arrays, element_range part, elements turn) {
  turned_arrays made;
  for (const worked_array& each : arrays) {
    const std::size_t a_turn = each.width.of(turn).value;
    if (a_turn >= line) {
      made.wide[made.wide_count++] = {each.at(part.begin), a_turn, each.how};
    } else {
      const std::size_t all = each.width.of(part.count).value / line * line;
      made.narrow[made.narrow_count++] = {each.at(part.begin), all, each.how};
    }
  }
  return made;
}

bool has(std::span<const worked_array> arrays, access how) {
  return std::ranges::any_of(arrays, [how](const worked_array& each) { return each.how == how; });
}

}  // namespace

bytes traffic_of(std::span<const worked_array> arrays, elements count) {
  bytes sum;
  for (const worked_array& each : arrays) {
    sum += each.width.of(count) * (each.how == access::update ? 2 : 1);
  }
  return sum;
}

std::string traffic_variant::name() const {
  std::string text = fmt::format("{} B vectors", set->vector_bytes);
  if (const std::size_t ahead = prefetch_distances[distance]; ahead > 0) {
    text += fmt::format(", prefetch {} B", ahead);
  }
  text += fmt::format(", turns of {}", turn.value);
  if (stream_updates) text += ", streamed updates";
  if (stream_writes) text += ", streamed writes";
  return text;
}

std::vector<const traffic_table*> traffic_tables() {
  std::vector<const traffic_table*> found{&sse2_traffic};
  if (__builtin_cpu_supports("avx2") != 0) found.push_back(&avx2_traffic);
  if (__builtin_cpu_supports("avx512f") != 0) found.push_back(&avx512_traffic);
  return found;
}

std::vector<traffic_variant> traffic_variants(std::span<const worked_array> arrays) {
  const int updates = has(arrays, access::update) ? 2 : 1;
  const int writes = has(arrays, access::write) ? 2 : 1;
  std::vector<traffic_variant> made;
  for (const traffic_table* const set : traffic_tables()) {
    for (std::size_t distance = 0; distance < std::size(prefetch_distances); ++distance) {
      for (const elements turn : turn_lengths) {
        for (int streamed = 0; streamed < updates * writes; ++streamed) {
          made.push_back({set, distance, turn, streamed / writes != 0, streamed % writes != 0});
        }
      }
    }
  }
  return made;
}

void move_bytes(const traffic_variant& how, std::span<const worked_array> arrays,
                element_range part) {
  const traffic_loops& loops = how.set->loops[how.distance];
  const auto pass = loops.pass[how.stream_updates ? 1 : 0][how.stream_writes ? 1 : 0];
  const std::uint64_t turns = part.count.value / how.turn.value;
  const turned_arrays whole = turn_by(arrays, part, how.turn);
  pass(whole.wide.data(), whole.wide_count, turns);
  pass(whole.narrow.data(), whole.narrow_count, 1);
  const elements done = how.turn * turns;
  if (const std::uint64_t rest = (part.count - done).value / least_turn.value; rest > 0) {
    const turned_arrays last = turn_by(arrays, {part.begin + done, part.count - done}, least_turn);
    pass(last.wide.data(), last.wide_count, rest);
  }
}

std::size_t traffic_limit::best(std::span<const series> taken) {
  const auto least =
      std::ranges::min_element(taken, {}, [](const series& each) { return median(each); });
  return static_cast<std::size_t>(least - taken.begin());
}

traffic_limit find_limit(std::span<const worked_array> arrays, elements count, std::uint32_t passes,
                         thread_team& team) {
  const auto made = [&](const traffic_variant& how, elements some, std::uint32_t times) -> work {
    return [=, &team] {
      team.for_each_slice(
          some, times, [&](element_range slice, std::uint32_t) { move_bytes(how, arrays, slice); });
    };
  };
  const std::vector<traffic_variant> all = traffic_variants(arrays);
  std::vector<work> trials;
  const elements some = std::min(count, trial);
  const auto times = static_cast<std::uint32_t>(trial / some);
  for (const traffic_variant& each : all) {
    trials.push_back(made(each, some, times));
  }
  traffic_limit limit;
  for (const std::size_t kept : fastest(trials, 2, kept_variants)) {
    limit.variants.push_back(all[kept]);
    limit.works.push_back(made(all[kept], count, passes));
  }
  return limit;
}

}  // namespace ballast::tools
