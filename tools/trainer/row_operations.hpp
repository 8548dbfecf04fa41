// Kernels applied to whole matrices on the compute pool: rows or columns are shared out in fixed
// runs, so that sums over rows are always taken in ascending order by one thread.
#pragma once

#include <type_traits>

#include "tools/trainer/compute_pool.hpp"
#include "tools/trainer/kernels.hpp"
#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

inline constexpr std::size_t rows_a_task = 16;
inline constexpr std::size_t columns_a_task = 64;

/// A parameter's weights as the compute type they are stored in.
template <class T>
const T* weights_of(const weights_view& weights, parameter_id which) {
  return reinterpret_cast<const T*>(weights.weights(which).data());
}

template <class T>
struct norm_weights {
  const T* gain;
  const T* bias;
};

template <class T>
void norm_rows(compute_pool& pool, const float* x, norm_weights<T> weights, std::size_t rows,
               std::size_t width, T* out, float* mean, float* deviation) {
  pool.for_ranges(rows, rows_a_task, [&](std::size_t first, std::size_t count, unsigned) {
    for (std::size_t row = first; row < first + count; ++row) {
      best_kernels<T>().norm(x + row * width, weights.gain, weights.bias, width, out + row * width,
                             mean + row, deviation + row);
    }
  });
}

/// Adds a LayerNorm's input gradient to dx, and its parameters' to dgain and dbias.
template <class T>
void norm_rows_backward(compute_pool& pool, const float* dy, const float* x, const T* gain,
                        const float* mean, const float* deviation, std::size_t rows,
                        std::size_t width, float* dx, float* dgain, float* dbias) {
  pool.for_ranges(width, columns_a_task, [&](std::size_t first, std::size_t count, unsigned) {
    best_kernels<T>().norm_parameters(dy + first, x + first, mean, deviation, {rows, count, width},
                                      dgain + first, dbias + first);
  });
  pool.for_ranges(rows, rows_a_task, [&](std::size_t first, std::size_t count, unsigned) {
    for (std::size_t row = first; row < first + count; ++row) {
      best_kernels<T>().norm_backward(dy + row * width, x + row * width, gain, mean[row],
                                      deviation[row], width, dx + row * width);
    }
  });
}

/// sums[c] += the values of column c.
template <class T>
void sum_columns(compute_pool& pool, const T* values, row_block block, float* sums) {
  pool.for_ranges(block.columns, columns_a_task,
                  [&](std::size_t first, std::size_t count, unsigned) {
                    best_kernels<T>().column_sums(values + first, {block.rows, count, block.stride},
                                                  sums + first);
                  });
}

/// `values` as the compute type: a rounded copy in `memory`, or the values themselves.
template <class T>
const T* narrowed(compute_pool& pool, const float* values, std::size_t rows, std::size_t width,
                  std::span<T> memory) {
  if constexpr (std::is_same_v<T, float>) {
    return values;
  } else {
    pool.for_ranges(rows, rows_a_task, [&](std::size_t first, std::size_t count, unsigned) {
      best_kernels<T>().narrow(values + first * width, count * width,
                               memory.data() + first * width);
    });
    return memory.data();
  }
}

}  // namespace ballast::tools
