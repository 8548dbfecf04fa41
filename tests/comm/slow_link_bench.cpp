// How much of a slow link does a step hide behind its compute? Verifies that the link changes no bit,
// then times steps of two ranks: without computing, on a link without delay, and with both.
//
//   slow_link_bench [LAYERS [BLOCKS [STEPS [MILLISECONDS]]]]   of the link, a layer and step
//
// Computing is sleeping, one part a layer in forward and two in backward, altogether half as long as the
// link needs, as long, and twice as long. Prints seconds a step (the median), beside the larger of the
// two alone, by ZeRO stage.
#include <fmt/format.h>

#include <algorithm>
#include <ballast/engine.hpp>
#include <cstdlib>
#include <thread>

#include "comm/queued_communicator.hpp"
#include "comm/thread_ranks.hpp"
#include "tests/comm/slow_link.hpp"

namespace {

using namespace ballast;
using seconds = std::chrono::duration<double>;

constexpr std::uint32_t ranks = 2;

struct shape {
  std::uint32_t layers = 24;
  std::uint64_t blocks = 96;
  int steps = 7;
  double milliseconds = 8;

  bytes weights() const { return bytes{2} * (block_elements.value * blocks * layers); }
  model declared() const {
    model made;
    for (std::uint32_t i = 0; i < layers; ++i) {
      const std::string name = "layer" + std::to_string(i);
      made.add_parameter(made.add_layer(name), name, {blocks * block_elements.value}, {});
    }
    return made;
  }
};

/// What a run took a step, and the bits that it left.
struct outcome {
  double step = 0;
  std::vector<float> values;
};

void compute(seconds part) { std::this_thread::sleep_for(part); }

outcome train(engine& kept, const shape& of, seconds part) {
  outcome made;
  std::vector<double> times;
  for (int number = 0; number < of.steps; ++number) {
    const auto begin = std::chrono::steady_clock::now();
    (void)kept.begin_pass("train");
    for (std::uint32_t i = 0; i < of.layers; ++i) {
      const auto weights = kept.fetch({i});
      compute(part);
    }
    for (std::uint32_t i = of.layers; i-- > 0;) {
      const auto weights = kept.fetch({i});
      compute(part * 2);
      auto gradient = kept.gradient_buffer({i});
      std::ranges::fill(gradient->memory(), static_cast<float>(number + 1) * 1e-3F);
      (void)kept.push_gradients(*std::move(gradient), true);
    }
    if (const auto stepped = kept.step({.learning_rate = 1e-2}); !stepped) {
      fmt::print(stderr, "{}\n", stepped.error().message);
      std::exit(EXIT_FAILURE);
    }
    times.push_back(seconds(std::chrono::steady_clock::now() - begin).count());
  }
  times.erase(times.begin());  // records the order
  std::ranges::sort(times);
  made.step = times[times.size() / 2];
  const std::size_t each = of.blocks * block_elements.value;
  made.values.resize(each * of.layers);
  for (std::uint32_t i = 0; i < of.layers; ++i) {
    const auto values = std::span(made.values).subspan(each * i, each);
    if (!kept.read({i}, state_part::master, {0}, values)) std::exit(EXIT_FAILURE);
  }
  return made;
}

/// One rank's part is returned: all do the same.
outcome run(const shape& of, std::uint32_t stage, seconds part, double per_second) {
  const model declared = of.declared();
  outcome first;
  std::vector<std::jthread> threads;
  std::uint32_t self = 0;
  for (auto& each : comm::make_thread_ranks(ranks, {})) {
    auto door = std::make_unique<comm::queued_communicator>(
        std::make_unique<comm::slow_link>(std::move(each), per_second));
    threads.emplace_back([&, self = self++, door = std::move(door)]() mutable {
      engine kept(declared, make_backends(std::move(door)));
      const auto sealed = kept.seal({.ranks = ranks,
                                     .self = {self},
                                     .stage = stage,
                                     .placement = forced_placement{0, 1},
                                     .layer_slots = 3,
                                     .threads = 1});
      if (!sealed) {
        fmt::print(stderr, "{}\n", sealed.error().message);
        std::exit(EXIT_FAILURE);
      }
      outcome made = train(kept, of, part);
      if (self == 0) first = std::move(made);
    });
  }
  threads.clear();
  return first;
}

std::uint64_t number(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int count, char** words) {
  shape of;
  if (count > 1) of.layers = static_cast<std::uint32_t>(number(words[1]));
  if (count > 2) of.blocks = number(words[2]);
  if (count > 3) of.steps = static_cast<int>(number(words[3]));
  if (count > 4) of.milliseconds = static_cast<double>(number(words[4]));
  constexpr double endless = 1e15;
  fmt::print("{} layers of {} blocks, {} ranks\n", of.layers, of.blocks, ranks);
  for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
    // So long the link needs for what moves in a step.
    const double units = stage == 3 ? 1.5 : 1.0;
    const seconds link(1e-3 * of.milliseconds * of.layers);
    const double per_second = static_cast<double>(of.weights().value) * units / link.count();
    const outcome linked = run(of, stage, seconds(0), per_second);
    for (const double share : {0.5, 1.0, 2.0}) {
      const seconds part = link * share / (3.0 * of.layers);
      const outcome computed = run(of, stage, part, endless);
      const outcome both = run(of, stage, part, per_second);
      if (computed.values != linked.values || computed.values != both.values) {
        fmt::print("stage {}: DIFFERENT values\n", stage);
        return EXIT_FAILURE;
      }
      const double larger = std::max(computed.step, link.count());
      fmt::print("stage {}: compute {:.4f} s, link {:.4f} s, both {:.4f} s: {:.2f} of the larger\n",
                 stage, computed.step, link.count(), both.step, both.step / larger);
    }
  }
  return EXIT_SUCCESS;
}
