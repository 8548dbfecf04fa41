// One matrix product of a fixed shape, cut into blocks of C that the compute pool's threads take.
//
// The cut depends on the shape alone, and each block is computed by one thread with its sums in one
// order: results do not depend on the number of threads or on who took what.
#pragma once

#include <algorithm>

#include "tools/trainer/block_product.hpp"
#include "tools/trainer/compute_pool.hpp"
#include "tools/trainer/thread_scratch.hpp"

namespace ballast::tools {

/// Shapes: as product_shape; ldc 0: C exists only block by block, in scratch, for run_blocks()

/// A block of C: its first row and column, and its extent.
struct product_block {
  std::size_t row, column, rows, columns;
};

/// Where one dimension is cut: equal parts, the last one shorter.
struct even_cut {
  std::size_t total, part;

  std::size_t count() const { return (total + part - 1) / part; }
  std::size_t length(std::size_t index) const { return std::min(part, total - index * part); }
};

template <class T>
class matrix_product {
 public:
  /// shape.ldc 0: C exists only block by block, in scratch, for run_blocks().
  matrix_product(product_library<T>& library, const product_shape& shape);

  /// C = A B or C += A B.
  void run(compute_pool& pool, const scratch_set& scratch, const T* a, const T* b, float* c) const {
    pool.for_each(blocks(), [&](std::size_t index, unsigned slot) {
      const product_block block = at(index);
      compute(block, slot, a, b, c + block.row * shape_.ldc + block.column, scratch[slot]);
    });
  }

  /// Computes each block into scratch and hands it to finish(block, values, stride) at once, while
  /// it is in cache; finish may be called from several threads.
  template <class Finish>
  void run_blocks(compute_pool& pool, const scratch_set& scratch, const T* a, const T* b,
                  const Finish& finish) const {
    pool.for_each(blocks(), [&](std::size_t index, unsigned slot) {
      const product_block block = at(index);
      float* values = scratch[slot].block.data();
      compute(block, slot, a, b, values, scratch[slot]);
      finish(block, static_cast<const float*>(values), shape_.ldc);
    });
  }

  /// Elements of scratch_set's block memory that run_blocks() needs a thread.
  std::size_t block_elements() const { return in_scratch_ ? rows_.part * columns_.part : 0; }

 private:
  std::size_t blocks() const { return rows_.count() * columns_.count(); }
  product_block at(std::size_t index) const {
    const std::size_t row = index % rows_.count();
    const std::size_t column = index / rows_.count();
    return {row * rows_.part, column * columns_.part, rows_.length(row), columns_.length(column)};
  }
  void compute(const product_block& block, unsigned slot, const T* a, const T* b, float* c,
               const thread_scratch& scratch) const;

  product_shape shape_;
  bool in_scratch_;
  even_cut rows_, columns_, depth_;
  /// By (last row block, last column block, last depth block, accumulating).
  const block_product<T>* products_[2][2][2][2] = {};
};

}  // namespace ballast::tools
