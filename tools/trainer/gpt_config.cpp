#include "tools/trainer/gpt_config.hpp"

#include <fmt/format.h>

namespace ballast::tools {

namespace {

failure refused(std::string message) { return {errc::invalid_argument, std::move(message)}; }

}  // namespace

offloaded_inputs offloaded_of(const gpt_config& config, const batch_shape& batch) {
  if (batch.activations == place::device || config.layers <= 2) {
    return {};
  }
  return {.blocks = config.layers - 2,
          .micro_batches = batch.micro_batches,
          .each = size_of(dtype::f32) * config.width * batch.rows()};
}

status check(const gpt_config& config, const batch_shape& batch) {
  if (config.vocabulary == 0 || config.context == 0 || config.layers == 0 || config.heads == 0 ||
      config.width == 0) {
    return refused("vocabulary, context, layers, heads and width must all be at least 1");
  }
  if (config.width % config.heads != 0) {
    return refused(
        fmt::format("width {} must be a multiple of heads {}", config.width, config.heads));
  }
  if (batch.micro_batches == 0 || batch.sequences == 0 || batch.tokens == 0 ||
      batch.logit_rows == 0) {
    return refused("micro-batches, sequences, tokens and logit rows must all be at least 1");
  }
  if (batch.tokens > config.context) {
    return refused(fmt::format("sequences of {} tokens exceed the model's context of {}",
                               batch.tokens, config.context));
  }
  if (batch.activations == place::pinned) {
    return refused("activations rest on the device, in host memory or on NVMe");
  }
  return {};
}

}  // namespace ballast::tools
