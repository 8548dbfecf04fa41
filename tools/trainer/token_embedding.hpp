// The first layer: x = wte[token] + wpe[position], and its gradient.
// Called by one thread, works on the pool; all memory is the caller's.
#pragma once

#include <cstdint>
#include <span>

#include "tools/trainer/compute_pool.hpp"
#include "tools/trainer/gpt_model.hpp"
#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

/// Sequences of `tokens` tokens each, one after the other.
struct token_rows {
  std::span<const std::uint32_t> ids;
  std::size_t tokens;

  std::size_t position(std::size_t row) const { return row % tokens; }
};

/// Shapes: x[rows, width]
template <class T>
void embed_rows(compute_pool& pool, const gpt_model& gpt, const weights_view& weights,
                token_rows rows, std::size_t width, float* x);

/// Adds the rows' gradients to those of wte and wpe, rows in ascending order.
///
/// Shapes: stream[rows, width]
template <class T>
void embed_rows_backward(compute_pool& pool, const gpt_model& gpt, gradients_view& gradients,
                         token_rows rows, std::size_t width, const float* stream);

}  // namespace ballast::tools
