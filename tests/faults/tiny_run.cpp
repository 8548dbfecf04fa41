#include "tests/faults/tiny_run.hpp"

#include <ballast/engine.hpp>
#include <bit>

#include "tests/faults/backends_with_queue.hpp"
#include "tests/faults/seeded_draw.hpp"

namespace ballast::faults {
namespace {

constexpr state_part parts[] = {state_part::weights, state_part::master, state_part::momentum,
                                state_part::variance};

/// In [-1, 1), from its place and time alone.
float value_at(std::uint64_t seed, std::uint64_t index) {
  seeded_draw draw(seed * 0x10001 + index);
  return static_cast<float>(draw.next() >> 40) * 0x1p-23F - 1.0F;
}

struct tiny_model {
  model declared;
  std::vector<layer_id> layers;

  explicit tiny_model(encoding second) {
    add("exact", encoding::exact, {8192, 300});
    add("second", second, {4096, 200});
  }

 private:
  void add(const std::string& name, encoding stored, std::initializer_list<std::uint64_t> sizes) {
    const layer_id made = declared.add_layer(name);
    layers.push_back(made);
    for (const std::uint64_t size : sizes) {
      const std::uint64_t seed = 1000 + declared.parameters().size();
      declared.add_parameter(
          made, name + std::to_string(size), {size},
          {.stored = stored, .init = [seed](element_range range, std::span<float> values) {
             for (std::size_t i = 0; i < values.size(); ++i) {
               values[i] = value_at(seed, range.begin.value + i);
             }
           }});
    }
  }
};

/// A gradient's norm is about 65.
constexpr step_options options_of(clipping clipped) {
  return {.learning_rate = 1e-2, .clip_norm = clipped == clipping::always ? 1.0 : 80.0};
}

float gradient_scale(clipping clipped, std::uint64_t step) {
  return clipped == clipping::seldom && step % 9 == 5 ? 4.0F : 1.0F;
}

status one_step(engine& running, const tiny_model& of, const tiny_options& options,
                std::uint64_t step, tiny_outcome& outcome) {
  const clipping clipped = options.clipped;
  const bool late = options.late && step % 2 == 1;
  const auto expect = [&] { return running.expect_step(options_of(clipped)); };
  if (auto expected = late ? status() : expect(); !expected) return expected;
  if (auto begun = running.begin_pass("train"); !begun) return begun;
  for (const layer_id layer : of.layers) {
    if (auto weights = running.fetch(layer); !weights) return weights.error();
  }
  for (auto layer = of.layers.rbegin(); layer != of.layers.rend(); ++layer) {
    auto gradient = running.gradient_buffer(*layer);
    if (!gradient) return gradient.error();
    for (const parameter_id which : of.declared.at(*layer).parameters) {
      const auto values = gradient->gradient(which);
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = value_at(step * 100 + which.value, i) * gradient_scale(clipped, step);
      }
    }
    if (auto pushed = running.push_gradients(*std::move(gradient), true); !pushed) return pushed;
    if (late && layer == of.layers.rbegin()) {
      if (auto expected = expect(); !expected) return expected;
    }
  }
  const auto stepped = running.step(options_of(clipped));
  if (!stepped) return stepped.error();
  outcome.early_tiles += stepped->early_tiles;
  outcome.rolled_back += stepped->rolled_back ? 1 : 0;
  return {};
}

status read_all(engine& running, const tiny_model& of, std::vector<std::uint32_t>& into) {
  for (std::uint32_t i = 0; i < of.declared.parameters().size(); ++i) {
    for (const state_part part : parts) {
      std::vector<float> values(of.declared.at(parameter_id{i}).count.value);
      if (auto read = running.read({i}, part, {0}, values); !read) return read;
      for (const float each : values) into.push_back(std::bit_cast<std::uint32_t>(each));
    }
  }
  return {};
}

/// Trains, saving where that is asked for; a save that fails ends nothing.
status train(engine& running, const tiny_model& of, const tiny_options& options,
             tiny_outcome& outcome, std::uint64_t first = 0) {
  for (std::uint64_t step = first; step < options.steps; ++step) {
    if (auto done = one_step(running, of, options, step, outcome); !done) return done;
    if (options.save_every == 0 || (step + 1) % options.save_every != 0) continue;
    for (int left = options.save_again ? 2 : 1; left > 0; --left) {
      const auto saved = running.save(std::to_string(step + 1));
      outcome.saves.push_back({step + 1, saved ? status() : status(saved.error()), {}});
      if (outcome.saves.back().outcome) left = 0;
    }
    if (auto read = read_all(running, of, outcome.saves.back().state); !read) return read;
  }
  return read_all(running, of, outcome.state);
}

engine_config config_of(const tiny_options& options) {
  std::vector<nvme_folder> folders;
  for (const std::string& each : options.folders) folders.push_back({each});
  return {.nvme = std::move(folders),
          .checkpoint_directory = options.checkpoints,
          .placement = forced_placement{0, 0},
          .weights = options.rest.weights,
          .gradients = options.rest.gradients,
          .tile_elements = block_elements,
          .pipeline_depth = 2,
          .threads = 2,
          .undo_memory = bytes{block_elements.value * 2} * options.undo_tiles,
          .io = options.io,
          .device = device_kind::host};
}

/// From the newest checkpoint, in the same engine.
status train_again(engine& running, const tiny_model& of, const tiny_options& options,
                   tiny_outcome& outcome) {
  const auto loaded = running.load();
  if (!loaded) return loaded.error();
  outcome.state.clear();
  return train(running, of, options, outcome, std::stoull(*loaded));
}

/// Whether every call answers with `first`.
bool repeats(engine& sick, const failure& first) {
  const auto same = [&](const auto& outcome) {
    return !outcome && outcome.error().code == first.code &&
           outcome.error().message == first.message;
  };
  std::vector<float> value(1);
  return same(sick.begin_pass("train")) && same(sick.fetch({0})) &&
         same(sick.gradient_buffer({1})) && same(sick.step({})) && same(sick.abandon()) &&
         same(sick.read({0}, state_part::master, {0}, value)) &&
         same(sick.write({0}, state_part::master, {0}, value)) &&
         same(sick.allocate(place::host, {64}));
}

}  // namespace

tiny_outcome run_tiny(const tiny_options& options) {
  const tiny_model of(options.second);
  engine running(of.declared,
                 std::make_unique<backends_with_queue>(options.open, options.time, options.notes));
  tiny_outcome outcome;
  if (const auto sealed = running.seal(config_of(options)); !sealed) {
    outcome.problem = sealed.error();
    return outcome;
  }
  auto trained = train(running, of, options, outcome);
  if (!trained && options.load_again && !outcome.saves.empty()) {
    trained = train_again(running, of, options, outcome);
  }
  if (!trained) {
    outcome.problem = trained.error();
    outcome.repeated = repeats(running, trained.error());
    outcome.state.clear();
  }
  return outcome;
}

tiny_outcome load_tiny(const tiny_options& options) {
  const tiny_model of(options.second);
  engine resumed(of.declared,
                 std::make_unique<backends_with_queue>(options.open, options.time, options.notes));
  tiny_outcome outcome;
  if (const auto sealed = resumed.seal(config_of(options)); !sealed) {
    outcome.problem = sealed.error();
  } else if (const auto loaded = resumed.load(); !loaded) {
    outcome.problem = loaded.error();
  } else if (auto read = read_all(resumed, of, outcome.state); !read) {
    outcome.problem = read.error();
  }
  return outcome;
}

}  // namespace ballast::faults
