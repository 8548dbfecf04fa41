#include "tools/train/training_blob.hpp"

#include <fmt/format.h>

#include <bit>

namespace ballast::tools {
namespace {

using json = nlohmann::ordered_json;

template <class Adam>
json hyperparameters(const Adam& of) {
  return {{"--beta1", of.beta1},
          {"--beta2", of.beta2},
          {"--epsilon", of.epsilon},
          {"--weight-decay", of.weight_decay}};
}

json hyperparameters(const sgd_options& of) {
  return {{"--momentum", of.momentum},
          {"--nesterov", of.nesterov},
          {"--weight-decay", of.weight_decay}};
}

}  // namespace

std::string training_blob::text() const {
  json all{{"steps", steps}, {"settings", settings}};
  if (noise_seed) {
    all["noise_seed"] = *noise_seed;
  }
  if (scale) {
    // The value's bits: no reader rounds them.
    all["loss_scale"] = {std::bit_cast<std::uint64_t>(scale->value), scale->good_steps};
  }
  return all.dump();
}

result<training_blob> training_blob::parse(const std::string& text) {
  try {
    const json all = json::parse(text);
    training_blob read{.steps = all.at("steps").get<std::uint64_t>(),
                       .noise_seed = {},
                       .scale = {},
                       .settings = all.at("settings")};
    if (all.contains("noise_seed")) {
      read.noise_seed = all["noise_seed"].get<std::uint64_t>();
    }
    if (all.contains("loss_scale")) {
      read.scale =
          loss_scale::state{std::bit_cast<double>(all["loss_scale"].at(0).get<std::uint64_t>()),
                            all["loss_scale"].at(1).get<std::uint64_t>()};
    }
    return read;
  } catch (const json::exception& wrong) {
    return failure{errc::corrupted,
                   fmt::format("the checkpoint is not of a training run: {}", wrong.what())};
  }
}

std::optional<std::uint64_t> used_noise_seed(const train_settings& settings) {
  const encoding stored = settings.trainer.model.stored;
  const bool rounds_by_chance = stored == encoding::bf16 || stored == encoding::int8;
  return rounds_by_chance ? std::optional(settings.engine.noise_seed) : std::nullopt;
}

json loss_settings(const train_settings& settings) {
  const trainer_options& of = settings.trainer;
  const learning_rate_schedule& rate = of.learning_rate;
  json all{{"--data", settings.data},
           {"--data-seed", of.data_seed},
           {"--steps", rate.steps},
           {"--learning-rate", rate.peak},
           {"--last-learning-rate", rate.last},
           {"--warm-up", rate.warm_up},
           {"--clip", of.clip_norm},
           {"--micro-batches", of.batch.micro_batches},
           {"--sequences", of.batch.sequences},
           {"--tokens", of.batch.tokens},
           {"--heads", of.model.heads}};
  if (compute_type(of.model.stored) == dtype::f16) {
    all["--loss-scale-growth"] = of.scale.growth_interval;
  }
  all.update(
      std::visit([](const auto& chosen) { return hyperparameters(chosen); }, of.model.optimizer));
  return all;
}

std::vector<std::string> differences(const json& saved, const json& now) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : now.items()) {
    const json before = saved.contains(name) ? saved[name] : json();
    if (before != value) {
      lines.push_back(
          fmt::format("{} is {}, in the checkpoint it was {}: the losses will differ "
                      "from an uninterrupted run's",
                      name, value.dump(), before.dump()));
    }
  }
  return lines;
}

}  // namespace ballast::tools
