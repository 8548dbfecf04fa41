#include "tests/faults/tiny_run.hpp"

#include <ballast/engine.hpp>
#include <bit>
#include <limits>

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

bytes activation_size(const tiny_options& options) {
  return bytes{sizeof(float)} * options.activation;
}

/// Where a parameter's part of its layer's activation begins.
std::size_t part_of(std::size_t index) { return index == 0 ? 0 : 8192; }

/// The activations of one step: a device buffer a layer, filled and stored in forward, brought back in
/// backward. Between them nothing of it is in the buffer.
class tiny_activations {
 public:
  tiny_activations(engine& keeper, const tiny_model& of, const tiny_options& options)
      : keeper_(keeper), of_(of), size_(activation_size(options)) {}

  status allocate() {
    for (std::size_t i = 0; i < of_.layers.size(); ++i) {
      auto memory = keeper_.allocate(place::device, size_);
      if (!memory) return memory.error();
      buffers_.push_back(*std::move(memory));
    }
    return {};
  }

  status forward(clipping clipped, std::uint64_t step) {
    stored_.clear();
    for (std::size_t layer = 0; layer < buffers_.size(); ++layer) {
      const std::span<float> values = floats(layer);
      std::ranges::fill(values, 0.0F);
      const auto& parameters = of_.declared.at(of_.layers[layer]).parameters;
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        for (std::size_t k = 0; k < of_.declared.at(parameters[i]).count.value; ++k) {
          values[part_of(i) + k] =
              value_at(step * 100 + parameters[i].value, k) * gradient_scale(clipped, step);
        }
      }
      const auto named = keeper_.store_activation(std::as_bytes(values));
      if (!named) return named.error();
      stored_.push_back(*named);
    }
    for (std::size_t layer = 0; layer < buffers_.size(); ++layer) {
      if (auto left = keeper_.await_stored(stored_[layer]); !left) return left;
      std::ranges::fill(floats(layer), std::numeric_limits<float>::quiet_NaN());
    }
    return {};
  }

  /// Begins to bring the layer's activation back.
  status expect(std::size_t layer) {
    return keeper_.expect_activation(stored_[layer], buffers_[layer].span());
  }

  result<std::span<const float>> backward(std::size_t layer) {
    if (auto loaded = keeper_.load_activation(stored_[layer], buffers_[layer].span()); !loaded) {
      return loaded.error();
    }
    return std::span<const float>(floats(layer));
  }

 private:
  std::span<float> floats(std::size_t layer) {
    return {reinterpret_cast<float*>(buffers_[layer].span().data()), size_.value / sizeof(float)};
  }

  engine& keeper_;
  const tiny_model& of_;
  const bytes size_;
  std::vector<memory_lease> buffers_;
  std::vector<activation_id> stored_;
};

status one_step(engine& running, const tiny_model& of, tiny_activations& activations,
                const tiny_options& options, std::uint64_t step, tiny_outcome& outcome) {
  const clipping clipped = options.clipped;
  const bool late = options.late && step % 2 == 1;
  const auto expect = [&] { return running.expect_step(options_of(clipped)); };
  if (auto expected = late ? status() : expect(); !expected) return expected;
  if (auto begun = running.begin_pass("train"); !begun) return begun;
  for (const layer_id layer : of.layers) {
    if (auto weights = running.fetch(layer); !weights) return weights.error();
  }
  if (auto stored = activations.forward(clipped, step); !stored) return stored;
  for (std::size_t layer = of.layers.size(); layer-- > 0;) {
    auto gradient = running.gradient_buffer(of.layers[layer]);
    if (!gradient) return gradient.error();
    const auto activation = activations.backward(layer);
    if (!activation) return activation.error();
    if (auto begun = layer > 0 ? activations.expect(layer - 1) : status(); !begun) return begun;
    const auto& parameters = of.declared.at(of.layers[layer]).parameters;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto values = gradient->gradient(parameters[i]);
      std::ranges::copy(activation->subspan(part_of(i), values.size()), values.begin());
    }
    if (auto pushed = running.push_gradients(*std::move(gradient), true); !pushed) return pushed;
    if (late && layer + 1 == of.layers.size()) {
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
  tiny_activations activations(running, of, options);
  if (auto allocated = activations.allocate(); !allocated) return allocated;
  for (std::uint64_t step = first; step < options.steps; ++step) {
    if (auto done = one_step(running, of, activations, options, step, outcome); !done) return done;
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

void reserve(engine& running, const tiny_model& of, const tiny_options& options) {
  for (std::size_t i = 0; i < of.layers.size(); ++i) {
    running.reserve(place::device, activation_size(options));
    running.reserve(options.rest.activations, activation_size(options));
  }
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
  reserve(running, of, options);
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
  reserve(resumed, of, options);
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
