#include "tools/bench/io_race.hpp"

#include <algorithm>

namespace ballast::tools {
namespace {

constexpr double gib = 1u << 30;

template <class Value>
series each_of(const std::vector<io_sample>& samples, const Value& value) {
  series made(samples.size());
  std::ranges::transform(samples, made.begin(), value);
  return made;
}

double gib_of(const io_sample& sample) { return static_cast<double>(sample.moved.value) / gib; }

}  // namespace

series io_series::rates() const {
  return each_of(samples, [](const io_sample& each) {
    return static_cast<double>(each.moved.value) * 1e-9 / each.wall;
  });
}

series io_series::cpu() const {
  return each_of(samples,
                 [](const io_sample& each) { return (each.cpu - each.checks) / gib_of(each); });
}

series io_series::checks() const {
  return each_of(samples, [](const io_sample& each) { return each.checks / gib_of(each); });
}

result<std::vector<io_series>> race(std::span<io_arm* const> arms, std::uint32_t rounds) {
  std::vector<io_series> taken(arms.size());
  status outcome;
  std::vector<work> works;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    works.emplace_back([&, i] {
      if (!outcome) {
        return;
      }
      const auto sample = arms[i]->run(scrutiny::some_marks);
      if (sample) {
        taken[i].samples.push_back(*sample);
      } else {
        outcome = sample.error();
      }
    });
  }
  // An arm knows better than the clock around it when its job began and ended.
  (void)interleave(works, rounds);
  if (!outcome) {
    return outcome.error();
  }
  return taken;
}

}  // namespace ballast::tools
