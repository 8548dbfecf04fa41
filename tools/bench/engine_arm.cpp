#include "tools/bench/engine_arm.hpp"

#include <fmt/ranges.h>

#include <chrono>
#include <numeric>

#include "tools/bench/cpu_clock.hpp"

namespace ballast::tools {
namespace {

class stopwatch {
 public:
  /// Seconds since the last call, or since it was made.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(since_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace

result<std::unique_ptr<engine_arm>> engine_arm::make(std::string name, const synthetic_training& of,
                                                     const engine_config& config,
                                                     std::unique_ptr<backends> parts,
                                                     std::unique_ptr<work_meter> meter) {
  std::unique_ptr<engine_arm> made(
      new engine_arm(std::move(name), of, std::move(parts), std::move(meter)));
  auto sealed = made->engine_.seal(config);
  if (!sealed) {
    return sealed.error();
  }
  made->plan_ = *std::move(sealed);
  return made;
}

std::string engine_arm::description() const {
  return fmt::format("{} tiles, {} in the cache; {}", tiles(), plan_.cached_tiles,
                     fmt::join(engine_.parts(), "; "));
}

std::uint32_t engine_arm::tiles() const {
  return std::accumulate(plan_.tiles.begin(), plan_.tiles.end(), std::uint32_t{0});
}

status engine_arm::push(std::uint32_t layer, step_sample& sample) {
  stopwatch watch;
  auto gradient = engine_.gradient_buffer({layer});
  if (!gradient) {
    return gradient.error();
  }
  sample.zero += watch.lap();
  const element_range whole = of_.range(layer);
  of_.gradients(steps_, whole.begin, gradient->memory().first(whole.count.value));
  (void)watch.lap();
  const status pushed = engine_.push_gradients(*std::move(gradient), true);
  sample.push += watch.lap();
  return pushed;
}

void engine_arm::take_meter(step_sample& sample) {
  if (meter_ != nullptr) {
    sample.copying = meter_->reading.take() + meter_->writing.take();
    sample.digests = meter_->checking.take() + meter_->stamping.take();
    sample.arithmetic = meter_->updating.take();
  }
}

result<step_sample> engine_arm::step() {
  ++steps_;
  step_sample sample;
  if (const status begun = engine_.begin_pass("train"); !begun) {
    return begun.error();
  }
  for (std::uint32_t layer = of_.layers(); layer-- > 0;) {
    if (const status pushed = push(layer, sample); !pushed) {
      return pushed.error();
    }
  }
  take_meter(sample);  // of what came before
  const double cpu = process_cpu_seconds();
  stopwatch watch;
  const auto report = engine_.step(of_.options());
  if (!report) {
    return report.error();
  }
  sample.update = watch.lap();
  sample.cpu = process_cpu_seconds() - cpu;
  take_meter(sample);
  sample.moved = report->moved[hop::read] + report->moved[hop::write];
  sample.cached_tiles = report->cached_tiles;
  return sample;
}

status engine_arm::masters(elements first, std::span<float> values) {
  const auto layer = static_cast<std::uint32_t>(first / of_.layer_elements());
  return engine_.read({layer}, state_part::master, first - of_.range(layer).begin, values);
}

}  // namespace ballast::tools
