#include "tools/bench/memory_bench.hpp"

#include <fmt/format.h>

#include <cstring>

#include "cpu/available_memory.hpp"
#include "cpu/huge_page_region.hpp"
#include "tools/bench/adam_settings.hpp"
#include "tools/bench/bench_document.hpp"
#include "tools/bench/memory_operations.hpp"
#include "tools/bench/memory_traffic.hpp"
#include "tools/command/command_call.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

struct memory_settings {
  std::vector<std::string> sizes{"512KiB", "8MiB", "1GiB"};
  std::vector<std::string> threads = default_threads();
  std::uint32_t rounds = 9;
  std::string json;
};

/// A sample moves at least this much, in passes one after the other.
constexpr bytes sample_size = 256_MiB;
constexpr std::size_t kept_candidates = 2;
/// Elements on which each loop is checked, and on which the ways are tried.
constexpr elements checked{std::uint64_t{1} << 17};
constexpr elements tried{std::uint64_t{1} << 26};

option_set memory_options(memory_settings& settings) {
  option_set options("ballast bench memory",
                     "How fast is memory, read, written, copied and added?");
  options.list("sizes", settings.sizes, "SIZE", "", "size of each array: in cache, and beyond it");
  options.list("threads", settings.threads, "N", "", "threads");
  options.whole("rounds", settings.rounds, {1, 10000},
                "samples of each row, taken in turn; what is printed are medians");
  options.text("json", settings.json, "FILE", "one JSON document there; - is stdout");
  return options;
}

/// One way to do an operation: a row's candidate.
struct candidate {
  const traffic_table* set;
  std::size_t distance;
  work run;

  std::string name() const {
    const std::size_t ahead = prefetch_distances[distance];
    return fmt::format("{} B vectors{}", set->vector_bytes,
                       ahead > 0 ? fmt::format(", prefetch {} B", ahead) : "");
  }
};

std::vector<candidate> candidates(const operation& doing, const memory_arrays& arrays,
                                  thread_team& team) {
  const bytes size{4 * arrays.count.value};
  const auto passes = static_cast<std::uint32_t>(std::max<std::uint64_t>(sample_size / size, 1));
  std::vector<candidate> made;
  for (const traffic_table* const set : traffic_tables()) {
    for (std::size_t distance = 0; distance < std::size(prefetch_distances); ++distance) {
      made.push_back({set, distance, [=, &doing, &team] {
                        team.for_each_slice(
                            arrays.count, passes, [&](element_range slice, std::uint32_t) {
                              doing.run(set->loops[distance], arrays, 4 * slice.begin.value,
                                        4 * slice.count.value);
                            });
                      }});
    }
  }
  return made;
}

/// A row while it is measured: the operation, and the ways that seemed fastest.
struct contest {
  const operation* doing;
  std::vector<candidate> kept;
};

/// Errors: failed_task when a loop wrote something else
status check(const operation& doing, const memory_arrays& arrays, thread_team& team) {
  memory_arrays head = arrays;
  head.count = std::min(arrays.count, checked);
  for (const candidate& each : candidates(doing, head, team)) {
    std::memset(head.to, 0xA5, 4 * head.count.value);
    each.run();
    for (std::uint64_t i = 0; i < head.count.value; ++i) {
      if (!holds(doing, head, i)) {
        return failure{errc::failed_task, fmt::format("{} by {} wrote something else at {}",
                                                      doing.name, each.name(), i)};
      }
    }
  }
  return {};
}

/// The ways of every operation that are fastest on the arrays' first part.
std::vector<contest> contests(const memory_arrays& arrays, thread_team& team) {
  memory_arrays part = arrays;
  part.count = std::min(arrays.count, tried);
  std::vector<contest> made;
  for (const operation& doing : memory_operations()) {
    std::vector<work> trials;
    for (const candidate& each : candidates(doing, part, team)) trials.push_back(each.run);
    const auto all = candidates(doing, arrays, team);
    contest& row = made.emplace_back(contest{&doing, {}});
    for (const std::size_t kept : fastest(trials, 2, kept_candidates))
      row.kept.push_back(all[kept]);
  }
  return made;
}

void report(const contest& row, std::span<const series> taken, const memory_arrays& arrays,
            const thread_team& team, bench_document& document) {
  const std::size_t best = traffic_limit::best(taken);
  const bytes size{4 * arrays.count.value};
  const std::uint64_t passes = std::max<std::uint64_t>(sample_size / size, 1);
  const bytes moved = size * row.doing->arrays;
  bench_row made{.name = row.doing->name,
                 .params = {{"streamed", row.doing->streamed},
                            {"size", size.value},
                            {"threads", team.threads()},
                            {"variant", row.kept[best].name()}},
                 .values = rates(moved * passes, taken[best]),
                 .moved = moved,
                 .verified = true};
  document.say(fmt::format("{:<6} {:<9} {:>9} {:>7} {:>8.1f}   {}", row.doing->name,
                           row.doing->streamed ? "streamed" : "", rounded_size(size),
                           team.threads(), median(made.values), row.kept[best].name()));
  document.add(made);
}

status measure(const memory_arrays& arrays, thread_team& team, std::uint32_t rounds,
               bench_document& document) {
  fill(arrays, team);
  for (const operation& doing : memory_operations()) {
    if (const status right = check(doing, arrays, team); !right) {
      return right;
    }
  }
  const std::vector<contest> rows = contests(arrays, team);
  std::vector<work> works;
  for (const contest& row : rows) {
    for (const candidate& each : row.kept) works.push_back(each.run);
  }
  const std::vector<series> taken = interleave(works, rounds);
  std::size_t begin = 0;
  for (const contest& row : rows) {
    report(row, std::span(taken).subspan(begin, row.kept.size()), arrays, team, document);
    begin += row.kept.size();
  }
  return {};
}

/// Three arrays of each size, before anything is measured.
///
/// Errors: invalid_argument for no bytes; does_not_fit
status check_fits(const std::vector<bytes>& sizes) {
  const cpu::available_memory left = cpu::find_available_memory();
  for (const bytes size : sizes) {
    if (size.value == 0) {
      return failure{errc::invalid_argument, "--sizes: no bytes, no rows"};
    }
    if (size > left.amount / 3) {
      return failure{errc::does_not_fit,
                     fmt::format("three arrays of {} are more than the {} of memory that {} has "
                                 "left; give smaller --sizes",
                                 rounded_size(size), rounded_size(left.amount), left.limited_by)};
    }
  }
  return {};
}

status measure_all(const std::vector<bytes>& sizes, const std::vector<std::uint32_t>& threads,
                   std::uint32_t rounds, bench_document& document) {
  document.say(fmt::format("{:<6} {:<9} {:>9} {:>7} {:>8}   {}", "memory", "", "array", "threads",
                           "GB/s", "fastest of"));
  for (const bytes asked : sizes) {
    const bytes size = round_up(asked, bytes{64});
    auto region = cpu::make_huge_page_region(size * 3);
    if (!region) {
      return failure{errc::does_not_fit, region.error().message};
    }
    std::byte* const first = (*region)->span().data();
    const memory_arrays arrays{first, first + size.value, first + 2 * size.value,
                               elements{size.value / 4}};
    for (const std::uint32_t count : threads) {
      thread_team team(count);
      if (const status done = measure(arrays, team, rounds, document); !done) {
        return done;
      }
    }
  }
  return {};
}

}  // namespace

exit_code bench_memory(std::span<const std::string> arguments) {
  memory_settings settings;
  const option_set options = memory_options(settings);
  const command_call call(options, arguments);
  if (call.over()) {
    return *call.over();
  }
  const auto sizes = parse_each("sizes", settings.sizes, parse_size);
  const auto threads = parse_threads(settings.threads);
  if (!sizes || !threads) {
    return call.fail(sizes ? threads.error() : sizes.error(), stage::set_up);
  }
  if (const status fits = check_fits(*sizes); !fits) {
    return call.fail(fits.error(), stage::set_up);
  }
  auto document = bench_document::open(options, settings.json);
  if (!document) {
    return call.fail(document.error(), stage::set_up);
  }
  if (const status done = measure_all(*sizes, *threads, settings.rounds, *document); !done) {
    const exit_code code = call.fail(done.error(), stage::set_up);
    return done.error().code == errc::failed_task ? exit_code::verification_failed : code;
  }
  const status written = document->write();
  return written ? exit_code::done : call.fail(written.error(), stage::set_up);
}

}  // namespace ballast::tools
