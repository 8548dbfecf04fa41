// The element-wise half of the model: everything that is not a matrix product, one row or one run
// of columns at a time. Rows and sums are computed in fp32; T (float, bfloat16 or float16) is the
// compute type of weights and of what feeds a product, rounded to nearest even.
//
// One table of functions an instruction set, each compiled in a file of its own from
// kernels_body.hpp. All of them use the same 16 lanes and no fma, so their results are equal bit
// for bit. Any thread; nothing is allocated; no alignment is required.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tools/trainer/bfloat16.hpp"
#include "tools/trainer/float16.hpp"

namespace ballast::tools {

/// Rows of `columns` values that lie `stride` elements apart.
struct row_block {
  std::size_t rows;
  std::size_t columns;
  std::size_t stride;
};

template <class T>
struct kernel_table {
  const char* name;

  void (*widen)(const T* from, std::size_t n, float* to);
  void (*narrow)(const float* from, std::size_t n, T* to);
  /// to = a + b: the embedding of one token.
  void (*embed)(const T* a, const T* b, std::size_t n, float* to);
  /// to += from.
  void (*accumulate)(const float* from, std::size_t n, float* to);

  /// LayerNorm of one row, epsilon 1e-5; stores its mean and 1 / deviation for the backward pass.
  void (*norm)(const float* x, const T* gain, const T* bias, std::size_t n, T* out, float* mean,
               float* inverse_deviation);
  /// dx += the gradient of LayerNorm's input, one row.
  void (*norm_backward)(const float* dy, const float* x, const T* gain, float mean,
                        float inverse_deviation, std::size_t n, float* dx);
  /// dgain, dbias += LayerNorm's parameter gradients, summed over rows in ascending order.
  void (*norm_parameters)(const float* dy, const float* x, const float* mean,
                          const float* inverse_deviation, row_block block, float* dgain,
                          float* dbias);
  /// sums[c] += the values of column c, rows in ascending order.
  void (*column_sums)(const T* values, row_block block, float* sums);

  /// out = values + bias.
  void (*add_bias)(const float* values, const T* bias, std::size_t n, T* out);
  /// out = residual + (values + bias).
  void (*add_bias_residual)(const float* values, const T* bias, const float* residual,
                            std::size_t n, float* out);
  /// before = values + bias; out = gelu(before), the tanh form.
  void (*gelu)(const float* values, const T* bias, std::size_t n, T* before, T* out);
  /// out = values * gelu'(before).
  void (*gelu_backward)(const float* values, const T* before, std::size_t n, T* out);

  /// probabilities[0, n) = softmax(scale * scores), [n, padded) = 0; returns the log of the sum of
  /// exponentials of the scaled scores. Overwrites scores.
  float (*softmax)(float* scores, std::size_t n, std::size_t padded, float scale, T* probabilities);
  /// From scores, their log-sum and the probabilities' gradient: the probabilities (also rounded)
  /// and out = the gradient of the scores before scaling; all are 0 in [n, padded).
  void (*softmax_backward)(float* scores, const float* gradient, std::size_t n, std::size_t padded,
                           float scale, float log_sum, T* probabilities, T* out);

  /// Returns the cross-entropy of one row in nats. Unless `out` is null, out = weight *
  /// (softmax(logits) - one at target); it may begin where logits do. Overwrites logits.
  float (*cross_entropy)(float* logits, std::size_t n, std::size_t target, float weight, T* out);
};

/// The fastest table this processor runs.
template <class T>
const kernel_table<T>& best_kernels();

/// All tables this processor runs, the baseline first; at most 3.
template <class T>
struct available_kernels {
  const kernel_table<T>* tables[3];
  std::size_t count;
};
template <class T>
available_kernels<T> runnable_kernels();

}  // namespace ballast::tools
