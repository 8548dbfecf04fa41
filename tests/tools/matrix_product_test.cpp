// Matrix products of every layout and of shapes that are cut unevenly, against plain loops in
// double. Run twice by ctest: as this processor is, and held to AVX2, where oneDNN has no bf16
// product.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/kernels.hpp"
#include "tools/trainer/matrix_product.hpp"

namespace ballast::tools {
namespace {

template <class T>
class MatrixProduct : public testing::Test {
 protected:
  static std::vector<T> random(std::size_t count, std::uint64_t key) {
    std::vector<float> wide(count);
    for (std::size_t i = 0; i < count; ++i) wide[i] = random_normal(key, i);
    std::vector<T> values(count);
    best_kernels<T>().narrow(wide.data(), count, values.data());
    return values;
  }
  static std::vector<float> widened(const std::vector<T>& values) {
    std::vector<float> wide(values.size());
    best_kernels<T>().widen(values.data(), values.size(), wide.data());
    return wide;
  }

  /// Computes C = 1 + A B (accumulating) or A B, both ways, and checks every element.
  void expect_equal(product_shape shape, bool blocks) {
    const std::vector<T> a = random((shape.a_transposed ? shape.k : shape.m) * shape.lda, 1);
    const std::vector<T> b = random((shape.b_transposed ? shape.n : shape.k) * shape.ldb, 2);
    const std::size_t ldc = shape.ldc;
    std::vector<float> c(shape.m * ldc, 1.0f);
    compute_pool pool(3);
    product_library<T> library(pool.threads());
    std::optional<matrix_product<T>> product;
    if (blocks) shape.ldc = 0;
    pool.enter([&] { product.emplace(library, shape); });
    std::vector<std::vector<std::byte>> bytes(pool.threads());
    std::vector<std::vector<float>> values(pool.threads());
    scratch_set scratch(pool.threads());
    for (unsigned slot = 0; slot < pool.threads(); ++slot) {
      bytes[slot].resize(library.scratch_bytes() + 64);
      values[slot].resize(product->block_elements());
      void* start = bytes[slot].data();
      std::size_t room = bytes[slot].size();
      std::align(64, library.scratch_bytes(), start, room);
      scratch[slot].product = {static_cast<std::byte*>(start), library.scratch_bytes()};
      scratch[slot].block = values[slot];
    }
    if (blocks) {
      product->run_blocks(pool, scratch, a.data(), b.data(),
                          [&](const product_block& at, const float* from, std::size_t stride) {
                            for (std::size_t i = 0; i < at.rows; ++i) {
                              for (std::size_t j = 0; j < at.columns; ++j) {
                                c[(at.row + i) * ldc + at.column + j] = from[i * stride + j];
                              }
                            }
                          });
    } else {
      product->run(pool, scratch, a.data(), b.data(), c.data());
    }
    const std::vector<float> wide_a = widened(a);
    const std::vector<float> wide_b = widened(b);
    for (std::size_t i = 0; i < shape.m; ++i) {
      for (std::size_t j = 0; j < shape.n; ++j) {
        double sum = shape.accumulate ? 1 : 0;
        for (std::size_t k = 0; k < shape.k; ++k) {
          sum += static_cast<double>(
                     wide_a[shape.a_transposed ? k * shape.lda + i : i * shape.lda + k]) *
                 static_cast<double>(
                     wide_b[shape.b_transposed ? j * shape.ldb + k : k * shape.ldb + j]);
        }
        ASSERT_NEAR(static_cast<double>(c[i * ldc + j]), sum,
                    2e-5 * std::sqrt(static_cast<double>(shape.k)) + 1e-4)
            << i << ", " << j;
      }
      for (std::size_t j = shape.n; j < ldc; ++j) ASSERT_EQ(c[i * ldc + j], 1.0f);
    }
  }
};

using compute_types = testing::Types<float, bfloat16, float16>;
TYPED_TEST_SUITE(MatrixProduct, compute_types);

TYPED_TEST(MatrixProduct, OfRowsAndRows) {
  this->expect_equal(
      {.m = 261, .n = 413, .k = 70, .lda = 70, .ldb = 70, .ldc = 420, .b_transposed = true}, false);
}

TYPED_TEST(MatrixProduct, InBlocks) {
  this->expect_equal(
      {.m = 37, .n = 413, .k = 66, .lda = 70, .ldb = 68, .ldc = 420, .b_transposed = true}, true);
  this->expect_equal({.m = 300, .n = 199, .k = 33, .lda = 33, .ldb = 199, .ldc = 199}, true);
}

TYPED_TEST(MatrixProduct, OfGradients) {
  this->expect_equal({.m = 413,
                      .n = 801,
                      .k = 37,
                      .lda = 440,
                      .ldb = 801,
                      .ldc = 801,
                      .a_transposed = true,
                      .accumulate = true},
                     false);
}

TYPED_TEST(MatrixProduct, OverALongSum) {
  this->expect_equal({.m = 5, .n = 70, .k = 9001, .lda = 9008, .ldb = 70, .ldc = 70}, false);
  this->expect_equal({.m = 5, .n = 70, .k = 4097, .lda = 9008, .ldb = 70, .ldc = 70}, true);
}

TYPED_TEST(MatrixProduct, OfOneRow) {
  this->expect_equal(
      {.m = 1, .n = 257, .k = 60, .lda = 60, .ldb = 60, .ldc = 272, .b_transposed = true}, false);
}

}  // namespace
}  // namespace ballast::tools
