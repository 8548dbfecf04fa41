#include "tools/bench/collective_bench.hpp"

#include <fmt/format.h>

#include <comm/ranks.hpp>
#include <thread>

#include "tools/bench/bench_document.hpp"
#include "tools/bench/collective_race.hpp"
#include "tools/bench/collective_settings.hpp"
#include "tools/command/command_call.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

/// The part of the whole that a rank sends and takes, over the whole: what its link carries.
double bus_share(const communicator& ranks, collective_operation operation) {
  const double others = static_cast<double>(ranks.size() - 1) / static_cast<double>(ranks.size());
  return operation == collective_operation::all_reduce ? 2 * others : others;
}

void say_header(bench_document& document, const communicator& ranks) {
  document.say(fmt::format("{} ranks: {}", ranks.size(), ranks.name()));
  document.say(fmt::format("{:<15} {:<5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}   {}", "collective",
                           "type", "whole", "ms", "GB/s", "bus", "of copy", "over MPI",
                           "copied by"));
}

/// Rates are of the whole, as a caller sees them; bus is what a rank sends.
void report(bench_document& document, const communicator& ranks, const collective_job& job,
            const collective_times& times) {
  const series own = rates(job.size(), times.own);
  const double bus = median(own) * bus_share(ranks, job.operation());
  bench_row row{.name = std::string(to_string(job.operation())),
                .params = {{"ranks", ranks.size()},
                           {"communicator", ranks.name()},
                           {"size", job.size().value},
                           {"type", to_string(job.type())}},
                .values = own,
                .moved = job.moved(),
                .limit = bench_row::limit_value{"copy", median(rates(job.size(), times.limit))},
                .efficiency = median(ratios(times.limit, times.own)),
                .verified = true,
                .more = {{"bus", bus},
                         {"seconds", median(times.own)},
                         {"copied_by", times.limit_name},
                         {"mpi", nullptr},
                         {"over_mpi", nullptr}}};
  std::string over_mpi = "";
  if (times.mpi) {
    row.more["mpi"] = median(rates(job.size(), *times.mpi));
    row.more["over_mpi"] = median(ratios(*times.mpi, times.own));
    over_mpi = fmt::format("{:.2f}", row.more["over_mpi"].get<double>());
  }
  document.say(fmt::format("{:<15} {:<5} {:>9} {:>9.3f} {:>9.2f} {:>9.2f} {:>9.2f} {:>9}   {}",
                           row.name, to_string(job.type()), rounded_size(job.size()),
                           1e3 * median(times.own), median(own), bus, *row.efficiency, over_mpi,
                           times.limit_name));
  document.add(row);
}

/// What every rank does; the first one has the document.
///
/// Errors: failed_task for a wrong result; as communicator
status measure(communicator& ranks, const collective_settings& settings,
               const collective_plan& plan, const comm::mpi_bare_calls* mpi,
               bench_document* document) {
  const auto memory = collective_memory::make(ranks, plan.largest());
  if (!memory) return memory.error();
  if (document != nullptr) say_header(*document, ranks);
  for (const collective_operation operation : plan.operations) {
    for (const dtype type : plan.types) {
      for (const bytes size : plan.sizes) {
        collective_job job(ranks, *memory, operation, size, type);
        collective_race race(ranks, job, mpi);
        const bool flip = settings.flip && ranks.self().value == 0;
        if (const status right = race.verify(flip); !right) return right;
        const auto times = race.run(settings.rounds);
        if (!times) return times.error();
        if (const status still = race.verify(false); !still) return still;
        if (document != nullptr) report(*document, ranks, job, *times);
      }
    }
  }
  return {};
}

/// The first failure of the ranks that this process has.
status measure_threads(std::vector<std::unique_ptr<communicator>> ranks,
                       const collective_settings& settings, const collective_plan& plan,
                       bench_document& document) {
  std::vector<status> outcomes(ranks.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      threads.emplace_back([&, r] {
        const auto own = std::move(ranks[r]);
        outcomes[r] = measure(*own, settings, plan, nullptr, r == 0 ? &document : nullptr);
      });
    }
  }
  return outcomes.front();
}

}  // namespace

exit_code bench_collective(std::span<const std::string> arguments) {
  collective_settings settings;
  const option_set options = collective_options(settings);
  const command_call call(options, arguments);
  if (call.over()) return *call.over();

  std::unique_ptr<communicator> process;
  if (settings.communicator != rank_kind::threads) {
    auto made = comm::make_mpi_communicator();
    // Without mpirun there are threads to try; what fails under it is not hidden by them.
    if (!made &&
        (settings.communicator == rank_kind::mpi || made.error().code != errc::unsupported)) {
      return call.fail(made.error(), stage::set_up);
    }
    if (made) process = *std::move(made);
  }
  const bool first = process == nullptr || process->self().value == 0;
  if (process != nullptr) settings.ranks = process->size();
  const auto plan = plan_of(settings);
  // One of the ranks says what is wrong with the words; they are the same for all.
  if (!plan) return first ? call.fail(plan.error(), stage::set_up) : exit_code_of(plan.error());
  auto document = bench_document::open(options, first ? settings.json : "");
  if (!document) return call.fail(document.error(), stage::set_up);

  status done;
  if (process != nullptr) {
    done = measure(*process, settings, *plan, comm::find_mpi_bare_calls(),
                   first ? &*document : nullptr);
  } else {
    auto threads = comm::make_thread_communicators(settings.ranks);
    if (!threads) return call.fail(threads.error(), stage::set_up);
    done = measure_threads(*std::move(threads), settings, *plan, *document);
  }
  if (!done) {
    const exit_code code = call.fail(done.error());
    return done.error().code == errc::failed_task ? exit_code::verification_failed : code;
  }
  const status written = document->write();
  return written ? exit_code::done : call.fail(written.error(), stage::set_up);
}

}  // namespace ballast::tools
