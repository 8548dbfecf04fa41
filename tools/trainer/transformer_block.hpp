// One transformer block, forward and backward, for the rows of one micro-batch:
//   mid = x + attention(ln_1(x)) W_o,  out = mid + gelu(ln_2(mid) W_up) W_down.
//
// The residual stream, LayerNorm and softmax are fp32; what feeds a matrix product is T. Weights
// come with each call; activations and scratch are the caller's, cut once from its workspace.
// Called by one thread, works on the pool.
#pragma once

#include <optional>

#include "tools/trainer/carver.hpp"
#include "tools/trainer/causal_attention.hpp"
#include "tools/trainer/gpt_model.hpp"
#include "tools/trainer/matrix_product.hpp"
#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

/// What a block's forward pass leaves for its backward pass, besides its input.
///
/// Shapes: R = rows of a micro-batch, C = width
template <class T>
struct block_activations {
  std::span<float> mean1, deviation1, mean2, deviation2;  ///< [R]; 1 / deviation
  std::span<T> normal1;                                   ///< [R, C]: ln_1(x)
  std::span<T> qkv;                                       ///< [R, 3C]
  std::span<float> log_sums;                              ///< [R, heads]
  std::span<T> attention;                                 ///< [R, C]
  std::span<float> mid;                                   ///< [R, C]
  std::span<T> normal2;                                   ///< [R, C]: ln_2(mid)
  std::span<T> before;                                    ///< [R, 4C]: before gelu
  std::span<T> after;                                     ///< [R, 4C]

  block_activations(carver& from, const gpt_config& config, std::size_t rows);
};

/// Arrays that live inside one call of backward.
template <class T>
struct block_gradients {
  std::span<T> stream;      ///< [R, C]: the residual stream's gradient as T; empty when T is float
  std::span<T> wide;        ///< [R, 4C]: of the MLP's middle, then of qkv
  std::span<T> attention;   ///< [R, C]
  std::span<float> normal;  ///< [R, C]: of a LayerNorm's output

  block_gradients(carver& from, const gpt_config& config, std::size_t rows);
};

template <class T>
class transformer_block {
 public:
  /// Threads: a member of the pool
  transformer_block(product_library<T>& library, const gpt_config& config, std::size_t sequences,
                    std::size_t tokens, bool trains);

  std::size_t attention_scratch_bytes() const { return attention_.scratch_bytes(); }
  std::size_t block_elements() const;

  /// Shapes: x[R, C], out[R, C]; out may be x, or null where only the activations are wanted
  void forward(compute_pool& pool, const scratch_set& scratch, const block_parameters& names,
               const weights_view& weights, const float* x, const block_activations<T>& kept,
               float* out) const;

  /// Turns the gradient of out into that of x, in place, and adds the parameters' to `gradients`.
  void backward(compute_pool& pool, const scratch_set& scratch, const block_parameters& names,
                const weights_view& weights, gradients_view& gradients, const float* x,
                const block_activations<T>& kept, const block_gradients<T>& work,
                float* stream) const;

 private:
  void backward_mlp(compute_pool& pool, const scratch_set& scratch, const block_parameters& names,
                    const weights_view& weights, gradients_view& gradients,
                    const block_activations<T>& kept, const block_gradients<T>& work,
                    float* stream) const;
  void backward_attention(compute_pool& pool, const scratch_set& scratch,
                          const block_parameters& names, const weights_view& weights,
                          gradients_view& gradients, const float* x,
                          const block_activations<T>& kept, const block_gradients<T>& work,
                          float* stream) const;

  std::size_t sequences_, rows_, width_;
  causal_attention<T> attention_;
  struct products {
    matrix_product<T> qkv, attention_out, up, down;
  } forward_;
  struct backward_products {
    matrix_product<T> down, up, attention_out, qkv;  ///< of inputs
    matrix_product<T> down_weight, up_weight, attention_out_weight, qkv_weight;
  };
  std::optional<backward_products> backward_;
};

}  // namespace ballast::tools
