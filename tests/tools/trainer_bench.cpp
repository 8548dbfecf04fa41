// How many tokens a second does the trainer train, state in plain memory, against PyTorch's of the same
// model and batch (tools/compare_pytorch.py)? Forward, backward, clipping and AdamW are timed.
//
//   trainer_bench [steps] [micro-batches sequences tokens] [layers heads width vocabulary context]
//                 [fp32|bf16] [keep|recompute]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/tools/plain_state.hpp"
#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/gpt.hpp"

namespace {

using namespace ballast;
using namespace ballast::tools;

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct phase_times {
  double compute = 0, update = 0;
};

}  // namespace

int main(int count, char** texts) {
  std::vector<std::string> given(texts + 1, texts + count);
  const auto number = [&](std::size_t index, std::uint32_t otherwise) {
    return index < given.size() ? static_cast<std::uint32_t>(std::stoul(given[index])) : otherwise;
  };
  const auto word = [&](std::size_t index, const char* otherwise) {
    return index < given.size() ? given[index] : std::string(otherwise);
  };
  const std::uint32_t steps = number(0, 10);
  const gpt_config config{.vocabulary = number(7, 50257),
                          .context = number(8, 1024),
                          .layers = number(4, 12),
                          .heads = number(5, 12),
                          .width = number(6, 768),
                          .compute = word(9, "bf16") == "fp32" ? encoding::fp32 : encoding::exact};
  const batch_shape batch{.micro_batches = number(1, 1),
                          .sequences = number(2, 4),
                          .tokens = number(3, 64),
                          .keep_activations = word(10, "keep") == "keep"};
  const gpt_model model = declare(config);
  plain_state state(model.declared, {.threads = 0, .share_gradient_memory = true});
  const std::unique_ptr<gpt> trained = std::move(make_gpt(config, model, batch)).value();
  if (!trained->attach(state)) return 1;
  std::vector<std::uint32_t> inputs(batch.step_tokens()), targets(batch.step_tokens());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] = static_cast<std::uint32_t>(random_index(1, i, config.vocabulary));
    targets[i] = static_cast<std::uint32_t>(random_index(2, i, config.vocabulary));
  }
  std::vector<double> all;
  phase_times best{1e9, 1e9};
  double loss = 0;
  for (std::uint32_t step = 0; step < steps; ++step) {
    const double begin = seconds();
    loss = trained->train({inputs, targets}).value();
    const double computed = seconds();
    const step_outcome done = state.step({.learning_rate = 1e-4, .clip_norm = 1.0}).value();
    const double end = seconds();
    fmt::print(stderr,
               "step {} loss {:.5f} norm {:.4f} forward+backward {:.1f} ms update {:.1f} ms\n",
               step, loss, done.gradient_norm, 1e3 * (computed - begin), 1e3 * (end - computed));
    if (step == 0) continue;
    all.push_back(end - begin);
    best.compute = std::min(best.compute, computed - begin);
    best.update = std::min(best.update, end - computed);
  }
  std::sort(all.begin(), all.end());
  const double median = all.empty() ? 0 : all[all.size() / 2];
  fmt::print(
      "{{\"name\": \"ballast\", \"tokens_per_s\": {:.1f}, \"step_s\": {:.4f}, \"best_step_s\": "
      "{:.4f}, "
      "\"best_compute_s\": {:.4f}, \"best_update_s\": {:.4f}, \"loss\": {:.6f}, "
      "\"activation_bytes\": {}}}\n",
      static_cast<double>(batch.step_tokens()) / median, median, all.empty() ? 0 : all.front(),
      best.compute, best.update, loss, trained->activation_bytes().value);
  return 0;
}
