// One matrix product of a fixed shape that runs in the calling thread: C = A B or C += A B, with A
// and B of the compute type T and C in fp32. A oneDNN primitive, or, where oneDNN has none for T on
// this processor (f16 on any, bf16 on some), the fp32 one on widened copies.
//
// Made once a shape by a product_library, which owns it. run() allocates nothing of its own;
// threads call it at the same time with different slots.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <memory>

#include "tools/trainer/bfloat16.hpp"
#include "tools/trainer/float16.hpp"

namespace ballast::tools {

/// Shapes: A[m, k], B[k, n], C[m, n], row-major, leading dimensions in elements; a transposed
///         operand is stored as [k, m] or [n, k]
struct product_shape {
  std::size_t m, n, k;
  std::size_t lda, ldb, ldc;
  bool a_transposed = false;
  bool b_transposed = false;
  bool accumulate = false;

  friend auto operator<=>(const product_shape&, const product_shape&) = default;
};

template <class T>
class block_product {
 public:
  virtual ~block_product() = default;

  /// What run() needs as scratch, 64 B aligned.
  virtual std::size_t scratch_bytes() const = 0;
  virtual void run(unsigned slot, const T* a, const T* b, float* c, std::byte* scratch) const = 0;
};

/// Makes and keeps the products of one model; each shape is compiled once.
template <class T>
class product_library {
 public:
  /// `slots`: threads that may run products at the same time.
  explicit product_library(unsigned slots);
  ~product_library();

  /// The product stays valid as long as the library.
  ///
  /// Threads: a member of the compute pool, so that oneDNN plans for one thread
  const block_product<T>& get(const product_shape& shape);

  /// The most scratch any product so far needs.
  std::size_t scratch_bytes() const { return scratch_bytes_; }

 private:
  unsigned slots_;
  std::size_t scratch_bytes_ = 0;
  std::map<product_shape, std::unique_ptr<block_product<T>>> products_;
};

}  // namespace ballast::tools
