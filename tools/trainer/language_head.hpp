// The last layer: ln_f, logits against the tied embedding table, cross-entropy, and the way back.
//
// Rows are taken a chunk at a time, so that logits exist for no more than `logit_rows` tokens; the
// gradient of the logits takes their place in memory. Called by one thread, works on the pool.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/trainer/carver.hpp"
#include "tools/trainer/gpt_model.hpp"
#include "tools/trainer/kernels.hpp"
#include "tools/trainer/matrix_product.hpp"
#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

/// A target that counts for nothing: padding.
inline constexpr std::uint32_t ignored_target = 0xFFFFFFFF;

/// Shapes: c = chunk, the rows whose logits exist at once; V' = vocabulary rounded up to 16
template <class T>
struct head_activations {
  std::span<float> mean, deviation, losses;  ///< [c]
  std::span<T> normal;                       ///< [c, C]: ln_f(x)
  std::span<float> logits;                   ///< [c, V']
  std::span<float> dnormal, dx;              ///< [c, C]

  head_activations(carver& from, const gpt_config& config, std::size_t chunk, bool trains);
};

template <class T>
class language_head {
 public:
  /// Chunks are the largest divisor of `rows` that is at most `logit_rows`.
  ///
  /// Threads: a member of the pool
  language_head(product_library<T>& library, const gpt_config& config, std::size_t rows,
                std::size_t logit_rows, bool trains);

  std::size_t chunk() const { return chunk_; }

  /// The sum of the rows' cross-entropies in nats.
  ///
  /// Shapes: x[rows, C], targets[rows]
  double loss(compute_pool& pool, const scratch_set& scratch, const gpt_model& gpt,
              const weights_view& weights, const float* x, std::span<const std::uint32_t> targets,
              const head_activations<T>& work) const;

  /// The same, and replaces x by the gradient of `weight` times that sum; adds the parameters'
  /// gradients, the embedding table's among them, to `gradients`.
  double loss_and_gradients(compute_pool& pool, const scratch_set& scratch, const gpt_model& gpt,
                            const weights_view& weights, gradients_view& gradients, float* x,
                            std::span<const std::uint32_t> targets, float weight,
                            const head_activations<T>& work) const;

  /// The logits of the first chunk's rows, in work.logits.
  void logits(compute_pool& pool, const scratch_set& scratch, const gpt_model& gpt,
              const weights_view& weights, const float* x, const head_activations<T>& work) const;

 private:
  /// One chunk's losses; with `weight`, the gradient of its logits in their place.
  double chunk_loss(compute_pool& pool, std::span<const std::uint32_t> targets, const float* weight,
                    const head_activations<T>& work) const;
  void chunk_backward(compute_pool& pool, const scratch_set& scratch, const gpt_model& gpt,
                      const weights_view& weights, gradients_view& gradients, float* x,
                      const head_activations<T>& work) const;

  /// Between rows of the logits' gradient, which starts where the fp32 logits' rows do.
  std::size_t gradient_stride() const { return stride_ * sizeof(float) / sizeof(T); }

  std::size_t rows_, chunk_, width_, vocabulary_, stride_;
  matrix_product<T> logits_;
  struct backward_products {
    matrix_product<T> input, table;
  };
  std::optional<backward_products> backward_;
};

}  // namespace ballast::tools
