// The model's forward pass once more, in double, one plain loop after the other: what the trainer's
// gradients are checked against by central differences. Shares no code with the trainer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ballast::tools {

struct reference_shape {
  std::size_t vocabulary, layers, heads, width, tokens;
};

using reference_weights = std::map<std::string, std::vector<double>>;

/// Logits of every position: [sequences * tokens, vocabulary]; parameters by their declared names.
std::vector<double> reference_logits(const reference_shape& shape, const reference_weights& weights,
                                     const std::vector<std::uint32_t>& inputs);

/// Mean cross-entropy in nats.
double reference_loss(const reference_shape& shape, const reference_weights& weights,
                      const std::vector<std::uint32_t>& inputs,
                      const std::vector<std::uint32_t>& targets);

}  // namespace ballast::tools
