// Trains y = w . x + b through the public interface, with the optimizer's state in a folder on
// disk:
//   linear_model FOLDER
// Exit 0 when the true weights were found, 1 otherwise.
#include <algorithm>
#include <array>
#include <ballast/engine.hpp>
#include <cmath>
#include <cstdio>
#include <random>

namespace {

constexpr std::size_t inputs = 8;
constexpr std::array<float, inputs> true_weights{1, -2, 3, -4, 5, -6, 7, -8};
constexpr float true_bias = 0.5F;

// Prints why a call failed; every call of the engine returns its error as a value.
template <class Result>
bool held(const Result& outcome) {
  if (!outcome) {
    std::fprintf(stderr, "linear_model: %s\n", outcome.error().message.c_str());
  }
  return static_cast<bool>(outcome);
}

// The host device's memory is the CPU's own, so weights can be read in place.
const float* floats(std::span<const std::byte> memory) {
  return reinterpret_cast<const float*>(memory.data());
}

/// One step on a batch of 16 random points; the loss, or NaN when a call failed.
double train_step(ballast::engine& engine, ballast::layer_id layer, ballast::parameter_id weight,
                  ballast::parameter_id bias, std::mt19937& random) {
  constexpr int batch = 16;
  std::normal_distribution<float> normal;
  double loss = 0;
  if (!held(engine.begin_pass("train"))) return NAN;
  const auto weights = engine.fetch(layer);
  auto gradient = engine.gradient_buffer(layer);
  if (!held(weights) || !held(gradient)) return NAN;
  const float* const w = floats(weights->weights(weight));
  const float* const b = floats(weights->weights(bias));
  for (int sample = 0; sample < batch; ++sample) {
    std::array<float, inputs> x;
    float error = *b - true_bias;
    for (std::size_t i = 0; i < inputs; ++i) {
      x[i] = normal(random);
      error += (w[i] - true_weights[i]) * x[i];
    }
    loss += error * error / batch;
    for (std::size_t i = 0; i < inputs; ++i) {
      gradient->gradient(weight)[i] += 2 * error * x[i] / batch;
    }
    gradient->gradient(bias)[0] += 2 * error / batch;
  }
  return held(engine.push_gradients(*std::move(gradient), true)) ? loss : NAN;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: linear_model FOLDER\n");
    return 2;
  }
  ballast::model model;
  const ballast::group_id group = model.add_group(ballast::adamw_options{.weight_decay = 0});
  const ballast::layer_id layer = model.add_layer("linear");
  const ballast::parameter_options options{.stored = ballast::encoding::fp32, .group = group};
  const ballast::parameter_id weight = model.add_parameter(layer, "weight", {inputs}, options);
  const ballast::parameter_id bias = model.add_parameter(layer, "bias", {1}, options);

  ballast::engine engine(model, ballast::make_backends());
  const auto plan = engine.seal({.nvme = {{arguments[1]}},
                                 .placement = ballast::forced_placement{.device = 0, .host = 0},
                                 .tile_elements = ballast::block_elements});
  if (!held(plan)) return 1;

  std::mt19937 random(1);
  double loss = 0;
  for (int step = 0; step < 400; ++step) {
    loss = train_step(engine, layer, weight, bias, random);
    if (!std::isfinite(loss) || !held(engine.step({.learning_rate = step < 300 ? 0.1 : 0.01}))) {
      return 1;
    }
  }
  std::array<float, inputs> found;
  if (!held(engine.read(weight, ballast::state_part::master, {0}, found))) return 1;
  double worst = 0;
  for (std::size_t i = 0; i < inputs; ++i) {
    worst = std::max(worst, static_cast<double>(std::abs(found[i] - true_weights[i])));
  }
  std::printf("loss %.2e, worst weight error %.2e, %u of 1 tiles on disk\n", loss, worst,
              plan->tiles[static_cast<std::size_t>(ballast::place::nvme)]);
  return loss < 1e-3 && worst < 1e-2 ? 0 : 1;
}
