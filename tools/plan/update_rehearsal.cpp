#include <algorithm>
#include <ballast/engine.hpp>
#include <chrono>
#include <string>

#include "tools/bench/sampling.hpp"
#include "tools/plan/rehearsals.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

/// Of all layers together, at least one: more than the last cache holds, and a second's work.
constexpr elements most_elements{std::uint64_t{24} << 20};
constexpr std::size_t rounds = 7;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Layers as long as the model's blocks, of one parameter each.
model stand_in(const gpt_config& like, std::uint32_t layers, elements each) {
  model declared(like.optimizer);
  for (std::uint32_t i = 0; i < layers; ++i) {
    const layer_id here = declared.add_layer("layer." + std::to_string(i));
    declared.add_parameter(here, "parameter." + std::to_string(i), {each.value},
                           {.stored = like.stored});
  }
  return declared;
}

/// One step without a caller's compute: every gradient is the same.
class rehearsed_step {
 public:
  explicit rehearsed_step(engine& with) : engine_(with) {}

  status run() {
    if (auto begun = engine_.begin_pass("train"); !begun) {
      return begun;
    }
    double passes = 0;
    for (std::uint32_t i = 0; i < engine_.declared().layers().size(); ++i) {
      auto begin = std::chrono::steady_clock::now();
      auto gradient = engine_.gradient_buffer({i});
      if (!gradient) {
        return gradient.error();
      }
      passes += seconds_since(begin);
      std::ranges::fill(gradient->memory(), 1e-3F);
      begin = std::chrono::steady_clock::now();
      if (auto pushed = engine_.push_gradients(*std::move(gradient), true); !pushed) {
        return pushed;
      }
      passes += seconds_since(begin);
    }
    const auto begin = std::chrono::steady_clock::now();
    if (auto stepped = engine_.step({.learning_rate = 1e-6}); !stepped) {
      return stepped.error();
    }
    updates_.push_back(seconds_since(begin));
    gradients_.push_back(passes);
    return {};
  }

  /// Without the first one, which meets pages and files for the first time.
  double update_seconds() const { return median({updates_.begin() + 1, updates_.end()}); }
  double gradient_seconds() const { return median({gradients_.begin() + 1, gradients_.end()}); }

 private:
  engine& engine_;
  series updates_, gradients_;
};

}  // namespace

result<update_figures> rehearse_update(const engine_config& run, const gpt_config& model,
                                       const layer_run& like, place where) {
  engine_config config = run;
  config.device_memory.reset();
  config.host_memory.reset();
  config.checkpoint_directory.reset();
  config.undo_memory = 0_B;
  config.device = device_kind::host;  // the state is elsewhere, and the processors are what counts
  config.placement = forced_placement{.device = 0, .host = where == place::host ? 1.0 : 0.0};
  for (nvme_folder& folder : config.nvme) {
    folder.size.reset();
  }
  if (where == place::host) {
    config.tile_elements = tile_of(config);  // which asks for the folders
    config.nvme.clear();
  }
  const elements most = std::min(like.most, most_elements);
  const elements each = std::min(like.longest, most);
  const auto layers =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(most / each, 1, like.layers));
  engine rehearsed(stand_in(model, layers, each), make_backends());
  config = rehearsed.resolved(config);  // one rank's part of the machine
  config.ranks = 1;
  const auto sealed = rehearsed.seal(config);
  if (!sealed) {
    return sealed.error();
  }
  rehearsed_step step(rehearsed);
  for (std::size_t round = 0; round <= rounds; ++round) {
    if (auto stepped = step.run(); !stepped) {
      return stepped.error();
    }
  }
  return update_figures{.updated = elements{each.value * layers},
                        .tiles = sealed->tiles[static_cast<std::size_t>(where)],
                        .moved = sealed->nvme_step,
                        .seconds = step.update_seconds(),
                        .gradients = step.gradient_seconds()};
}

}  // namespace ballast::tools
