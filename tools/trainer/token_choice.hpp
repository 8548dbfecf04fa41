// The next token, drawn from logits: temperature, top-k, and a random number of the caller's.
#pragma once

#include <cstdint>
#include <span>

namespace ballast::tools {

/// Draws a token: from the `top_k` likeliest (0: all; ties go to the smaller id), by the softmax of
/// logits / temperature; the likeliest when temperature is 0.
///
/// Units: uniform in [0, 1)
std::uint32_t choose_token(std::span<const float> logits, double temperature, std::size_t top_k,
                           double uniform);

}  // namespace ballast::tools
