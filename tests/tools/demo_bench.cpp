// What validation loss does a configuration reach on the default text, in how many seconds, with how
// many bytes of activations? State in plain memory; the demo's configuration was chosen with it.
//
//   demo_bench layers heads width context micro-batches sequences steps peak-rate warm-up [fp32|bf16]
#include <fmt/format.h>

#include <chrono>
#include <string>

#include "tests/tools/plain_state.hpp"
#include "tools/trainer/trainer.hpp"

int main(int count, char** texts) {
  using namespace ballast;
  using namespace ballast::tools;
  const auto text_of = [&](int index, const char* otherwise) {
    return std::string(index < count ? texts[index] : otherwise);
  };
  const auto number = [&](int index, const char* otherwise) {
    return static_cast<std::uint32_t>(std::stoul(text_of(index, otherwise)));
  };
  trainer_options options;
  options.model = {.layers = number(1, "6"), .heads = number(2, "6"), .width = number(3, "384")};
  options.model.context = number(4, "128");
  options.model.compute = text_of(10, "bf16") == "fp32" ? encoding::fp32 : encoding::exact;
  options.batch = {.micro_batches = number(5, "4"),
                   .sequences = number(6, "4"),
                   .tokens = options.model.context};
  options.learning_rate = {.peak = std::stod(text_of(8, "1e-3")),
                           .last = 1e-4,
                           .warm_up = number(9, "10"),
                           .steps = number(7, "100")};
  const result<corpus> text = corpus::load({corpus::default_folder()});
  const gpt_model model = declare(options.model);
  plain_state state(model.declared, {.threads = 0, .share_gradient_memory = true});
  const auto made = trainer::make(options, model, *text, state);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto begin = now();
  std::uint64_t parameters = 0;
  std::uint64_t in_blocks = 0;
  for (const parameter& each : model.declared.parameters()) {
    parameters += each.count.value;
    if (each.layer != model.embedding && each.layer != model.head) in_blocks += each.count.value;
  }
  fmt::print("parameters {} ({:.1f} % in blocks), text {} + {} bytes, activations {:.2f} MiB\n",
             parameters, 100.0 * static_cast<double>(in_blocks) / static_cast<double>(parameters),
             text->training_bytes(), text->validation_bytes(),
             static_cast<double>(state.workspace_bytes().value) / 1048576.0);
  for (std::uint64_t step = 0; step <= options.learning_rate.steps; ++step) {
    if (step % 20 == 0 || step == options.learning_rate.steps) {
      const text_loss loss = (*made)->evaluate().value();
      const double passed = std::chrono::duration<double>(now() - begin).count();
      fmt::print("step {:4} validation {:.4f} ({:.3f} bits/byte) after {:.1f} s\n", step, loss.nats,
                 loss.bits_per_byte(), passed);
      std::fflush(stdout);
    }
    if (step < options.learning_rate.steps && !(*made)->step(step)) return 1;
  }
  fmt::print("{}\n", (*made)->sample("This License ", {}).value());
  return 0;
}
