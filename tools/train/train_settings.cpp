#include "tools/train/train_settings.hpp"

#include <fmt/format.h>

#include "tools/command/number_text.hpp"
#include "tools/engine_settings.hpp"
#include "tools/train/given_option.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

void add_model_options(option_set& options, gpt_config& model) {
  options.section("Model (GPT-2, byte-level)");
  options.whole("layers", model.layers, {1, 4096}, "transformer blocks");
  options.whole("heads", model.heads, {1, 4096}, "attention heads of a block");
  options.whole("width", model.width, {1, 1u << 20}, "channels, a multiple of the heads");
  options.whole("context", model.context, {1, 1u << 20}, "positions the model knows");
  options.whole("vocabulary", model.vocabulary, {byte_vocabulary, 1u << 24},
                "tokens; above 256 the rest is never seen");
  options.choice<encoding>("encoding", model.stored,
                           {{"fp32", encoding::fp32},
                            {"exact", encoding::exact},
                            {"fp16", encoding::fp16},
                            {"bf16", encoding::bf16},
                            {"int8", encoding::int8}},
                           "of weights and optimizer state; exact, bf16 and int8 compute in bf16");
  options.whole("seed", model.seed, {}, "of the initial weights");
}

void add_loss_scale_options(option_set& options, train_settings& settings) {
  const auto in_fp16 = [&settings](auto preset) {
    return [&settings, preset] {
      const bool scaled = compute_type(settings.trainer.model.stored) == dtype::f16;
      return scaled ? std::optional(preset) : std::nullopt;
    };
  };
  const loss_scale_options& presets = settings.trainer.scale;
  option initial{.name = "loss-scale",
                 .kind = option_kind::real,
                 .value = "X",
                 .preset = fmt::format("{}", presets.initial),
                 .help = "of the first step, a power of two (fp16)",
                 .set = {},
                 .show = {}};
  options.add(given_option(
      std::move(initial), settings.loss_scale,
      [](const std::string& text) { return parse_real(text); }, in_fp16(presets.initial)));
  option growth{.name = "loss-scale-growth",
                .kind = option_kind::whole,
                .value = "N",
                .preset = fmt::format("{}", presets.growth_interval),
                .help = "good steps in a row after which the loss scale doubles (fp16)",
                .set = {},
                .show = {}};
  options.add(given_option(
      std::move(growth), settings.loss_scale_growth,
      [](const std::string& text) { return parse_whole(text, {.least = 1}); },
      in_fp16(presets.growth_interval)));
}

void add_training_options(option_set& options, train_settings& settings) {
  trainer_options& training = settings.trainer;
  options.section("Data");
  options.list("data", settings.data, "PATH", "the licence texts of every Debian machine",
               "text files, or folders of them");
  options.whole("data-seed", training.data_seed, {}, "of the order of the batches");

  options.section("Training");
  options.whole("steps", training.learning_rate.steps, {1, std::uint64_t{1} << 40}, "steps");
  options.whole("micro-batches", training.batch.micro_batches, {1, 1u << 20},
                "micro-batches a step (gradient accumulation)");
  options.whole("sequences", training.batch.sequences, {1, 1u << 20}, "sequences of a micro-batch");
  options.whole("tokens", training.batch.tokens, {1, 1u << 20},
                "tokens of a sequence, at most the context");
  options.real("learning-rate", training.learning_rate.peak, {0, 1e3}, "its peak, after warm-up");
  options.real("last-learning-rate", training.learning_rate.last, {0, 1e3},
               "where the cosine ends");
  options.whole("warm-up", training.learning_rate.warm_up, {}, "steps of linear warm-up");
  add_optimizer_options(options, settings.optimizer);
  add_loss_scale_options(options, settings);
  options.real("clip", training.clip_norm, {0, 1e30}, "global gradient norm; 0: no clipping");
  options.whole("compute-threads", training.batch.threads, {0, 1024},
                "threads of the model's arithmetic; 0: one a core");
  options.choice<place>(
      "activations", training.batch.activations,
      {{"device", place::device}, {"host", place::host}, {"nvme", place::nvme}},
      "where the inputs of layers rest between forward and backward; off the device, two layers' "
      "stay on it");
  options.flag("keep-activations", training.batch.keep_activations,
               "keep all activations instead of computing them again in backward");
}

}  // namespace

train_settings::train_settings() {
  trainer.model.layers = 4;
  trainer.model.heads = 4;
  trainer.model.width = 256;
  trainer.batch.sequences = 8;
  trainer.batch.tokens = 128;
}

status train_settings::resolve() {
  auto hyperparameters = chosen(optimizer);
  if (!hyperparameters) {
    return hyperparameters.error();
  }
  trainer.model.optimizer = *hyperparameters;
  if (compute_type(trainer.model.stored) != dtype::f16 && (loss_scale || loss_scale_growth)) {
    return failure{errc::invalid_argument,
                   fmt::format("--loss-scale{} is no option of --encoding {}; leave it out or "
                               "choose fp16",
                               loss_scale ? "" : "-growth", to_string(trainer.model.stored))};
  }
  if (!engine.checkpoint_directory && (resume || save_every > 0)) {
    return failure{errc::invalid_argument, fmt::format("{} wants a folder: give --checkpoint DIR",
                                                       resume ? "--resume" : "--save-every")};
  }
  if (!engine.checkpoint_directory && engine.kept_checkpoints != engine_config{}.kept_checkpoints) {
    return failure{errc::invalid_argument,
                   "--keep-checkpoints wants a folder: give --checkpoint DIR"};
  }
  trainer.scale.initial = loss_scale.value_or(trainer.scale.initial);
  trainer.scale.growth_interval = loss_scale_growth.value_or(trainer.scale.growth_interval);
  if (auto usable = ballast::loss_scale::make(trainer.scale); !usable) {
    return usable.error();
  }
  return {};
}

train_settings train_settings::for_demo() {
  train_settings demo;
  demo.demo = true;
  demo.trainer.model.layers = 8;
  demo.trainer.model.heads = 6;
  demo.trainer.model.width = 384;
  demo.trainer.model.context = 64;
  demo.trainer.batch.micro_batches = 4;
  demo.trainer.batch.sequences = 2;
  demo.trainer.batch.tokens = 64;
  demo.trainer.learning_rate = {.peak = 7e-4, .last = 5e-5, .warm_up = 20, .steps = 500};
  demo.evaluate_every = 100;
  demo.sample.tokens = 400;
  demo.engine.device_memory = 28_MiB;
  demo.engine.host_memory = 67_MiB;
  demo.engine.nvme = {{"."}};
  demo.engine.tile_elements = {128 * 1024};
  demo.engine.pipeline_depth = 4;
  demo.engine.gradient_slots = 1;
  return demo;
}

failure demo_in_config() {
  return {errc::invalid_argument, "demo is no key of a config: give --demo on the command line"};
}

void add_train_options(option_set& options, train_settings& settings) {
  options.flag("demo", settings.demo,
               "start from the demo's settings: a model larger than its memory budgets");
  add_model_options(options, settings.trainer.model);
  add_training_options(options, settings);
  add_engine_options(options, settings.engine);
  options.section("Checkpoints");
  options.whole("save-every", settings.save_every, {},
                "steps between checkpoints; 0: one at the end only (needs --checkpoint)");
  options.flag("resume", settings.resume, "go on from the newest checkpoint (needs --checkpoint)");
  options.section("Output");
  options.whole("evaluate-every", settings.evaluate_every, {},
                "steps between validation losses; 0: at the start and the end only");
  options.whole("validation-windows", settings.trainer.validation_windows, {},
                "sequences of a validation; 0: the whole validation text");
  options.text("prompt", settings.prompt, "TEXT", "what the sample at the end goes on from");
  options.whole("sample-tokens", settings.sample.tokens, {0, 1u << 20},
                "tokens of the sample; 0: none");
  options.text("log", settings.log, "FILE", "one JSON object a step there; - is stdout");
  options.text("trace", settings.trace, "FILE",
               "what moved and worked when, for Perfetto or chrome://tracing");
}

option_set train_options(train_settings& settings) {
  option_set options("ballast train",
                     "Trains a GPT-2 on text, its state kept wherever the budgets allow.");
  add_train_options(options, settings);
  return options;
}

}  // namespace ballast::tools
