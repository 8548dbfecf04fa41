// Multi-head causal self-attention between the qkv product and the output projection.
//
// One task a (sequence, head). Queries are taken 64 rows at a time against all keys up to the last
// of them, so scores never exist for more than 64 x tokens; backward recomputes them from the kept
// log-sums (as FlashAttention does) instead of keeping probabilities. Called by one thread, works
// on the pool; all memory is the caller's.
#pragma once

#include <vector>

#include "tools/trainer/block_product.hpp"
#include "tools/trainer/compute_pool.hpp"
#include "tools/trainer/kernels.hpp"
#include "tools/trainer/thread_scratch.hpp"

namespace ballast::tools {

template <class T>
class causal_attention {
 public:
  causal_attention(product_library<T>& library, std::size_t heads, std::size_t width,
                   std::size_t tokens);

  /// What scratch_set's attention memory must hold.
  std::size_t scratch_bytes() const;

  /// Shapes: qkv[sequences, tokens, 3C], out[sequences, tokens, C],
  ///         log_sums[sequences, heads, tokens]
  void forward(compute_pool& pool, const scratch_set& scratch, std::size_t sequences, const T* qkv,
               T* out, float* log_sums) const;

  /// Shapes: dout as out, dqkv as qkv
  void backward(compute_pool& pool, const scratch_set& scratch, std::size_t sequences, const T* qkv,
                const float* log_sums, const T* dout, T* dqkv) const;

 private:
  /// Up to 64 queries and the keys they may see: [first, first + rows) against [0, keys).
  struct query_block {
    std::size_t first, rows, keys;
    const block_product<T>* scores;        ///< Q K^T
    const block_product<T>* output;        ///< P V
    const block_product<T>* dprobability;  ///< dO V^T
    const block_product<T>* dquery;        ///< dS K
    const block_product<T>* dkey;          ///< += dS^T Q
    const block_product<T>* dvalue;        ///< += P^T dO
  };
  struct head_memory;

  void forward_head(const thread_scratch& scratch, unsigned slot, const T* qkv, T* out,
                    float* log_sums) const;
  void backward_head(const thread_scratch& scratch, unsigned slot, const T* qkv,
                     const float* log_sums, const T* dout, T* dqkv) const;

  std::size_t heads_, width_, tokens_, head_width_, stride_;
  float scale_;
  std::vector<query_block> blocks_;
};

}  // namespace ballast::tools
