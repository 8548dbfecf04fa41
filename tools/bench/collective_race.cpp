#include "tools/bench/collective_race.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

constexpr std::size_t kept_limits = 3;
/// Of each array, on which the limit's ways are tried.
constexpr elements tried{std::uint64_t{1} << 22};

std::span<float> floats(std::span<std::byte> memory) {
  return {reinterpret_cast<float*>(memory.data()), memory.size() / sizeof(float)};
}

}  // namespace

status collective_race::verify(bool flip) {
  job_.fill();
  if (const status done = job_.run(next()); !done) return done;
  if (flip) job_.shard().front() ^= std::byte{1};
  const std::uint64_t wrong = job_.wrong();
  const auto any_wrong = ranks_.any(wrong > 0, next());
  if (!any_wrong) return any_wrong.error();
  if (!*any_wrong) return {};
  return failure{errc::failed_task,
                 fmt::format("{} of {} on {} ranks: rank {} has {} wrong elements",
                             to_string(job_.operation()), rounded_size(job_.size()), ranks_.size(),
                             ranks_.self().value, wrong)};
}

work collective_race::in_step(std::function<status()> body) {
  return [this, body = std::move(body)] {
    for (const auto& each :
         {std::function<status()>([this] { return ranks_.barrier(next()); }), body,
          std::function<status()>([this] { return ranks_.barrier(next()); })}) {
      status done = each();
      if (outcome_ && !done) outcome_ = std::move(done);
    }
  };
}

/// The same on every rank: those of the first.
result<std::vector<std::size_t>> collective_race::fastest_limits(
    const std::vector<traffic_variant>& all) {
  std::vector<work> trials;
  for (const traffic_variant& each : all) {
    trials.push_back(in_step([this, each]() -> status {
      job_.move_bytes_only(each, tried);
      return {};
    }));
  }
  std::vector<double> found(std::min(kept_limits, all.size()));
  std::ranges::copy(fastest(trials, 2, found.size()), found.begin());
  std::vector<double> chosen(found.size());
  std::vector<element_range> shards(ranks_.size(), {{found.size()}, {0}});
  shards[0] = {{0}, {found.size()}};
  const auto own = std::span(found).first(shards[ranks_.self().value].count.value);
  if (const status told = ranks_.all_gather_sums(own, chosen, shards, next()); !told) {
    return told.error();
  }
  return std::vector<std::size_t>(chosen.begin(), chosen.end());
}

status collective_race::call_mpi() {
  const std::span<float> whole = floats(job_.whole());
  switch (job_.operation()) {
    case collective_operation::all_reduce: return mpi_->all_reduce(whole);
    case collective_operation::reduce_scatter:
    case collective_operation::library_sum:
      return mpi_->reduce_scatter(whole, floats(job_.shard()));
    case collective_operation::all_gather: return mpi_->all_gather(whole);
  }
  return {};
}

result<collective_times> collective_race::run(std::uint32_t rounds) {
  const std::vector<traffic_variant> all = job_.limit_variants();
  const auto chosen = fastest_limits(all);
  if (!chosen) return chosen.error();
  std::vector<work> works{in_step([this] { return job_.run(next()); })};
  for (const std::size_t each : *chosen) {
    works.push_back(in_step([this, how = all[each]]() -> status {
      job_.move_bytes_only(how, {job_.size().value});
      return {};
    }));
  }
  if (mpi_ != nullptr) works.push_back(in_step([this] { return call_mpi(); }));
  const std::vector<series> taken = interleave(works, rounds);
  if (!outcome_) return outcome_.error();
  const auto limits = std::span(taken).subspan(1, chosen->size());
  const std::size_t best = traffic_limit::best(limits);
  collective_times times{taken[0], limits[best], all[(*chosen)[best]].name()};
  if (mpi_ != nullptr) times.mpi = taken.back();
  return times;
}

}  // namespace ballast::tools
