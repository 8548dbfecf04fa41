// The kernels' one source, included by kernels_baseline.cpp, kernels_avx2.cpp and
// kernels_avx512.cpp with different compile flags. Nothing here has external linkage.
//
// Tails are computed with the same operations on a vector padded with zeros (or -inf where a
// maximum is taken).
#pragma once

#include "tools/trainer/lanes.hpp"

namespace ballast::tools {
namespace {

/// Calls body(offset, whole) for each full vector of n elements and body(offset, part) for the
/// rest.
template <class Body>
BALLAST_INLINE void sweep(std::size_t n, const Body& body) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    body(i, whole{});
  }
  if (i < n) {
    body(i, part{n - i});
  }
}

BALLAST_INLINE floats splat(float value) { return floats{} + value; }
BALLAST_INLINE floats larger(floats a, floats b) { return a < b ? b : a; }

BALLAST_INLINE float sum(floats value) {
  float lane[lanes];
  __builtin_memcpy(lane, &value, sizeof(lane));
  for (std::size_t width = lanes / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) {
      lane[i] += lane[i + width];
    }
  }
  return lane[0];
}

BALLAST_INLINE float largest(floats value) {
  float best = value[0];
  for (std::size_t i = 1; i < lanes; ++i) {
    best = best < value[i] ? value[i] : best;
  }
  return best;
}

/// e^x within 2 ULP for x in [-87, 88]; clamped outside; NaN stays NaN.
/// Source: Cephes expf (argument reduction by ln 2 in two parts, polynomial of degree 5)
BALLAST_INLINE floats exponential(floats x) {
  x = x < -87.0f ? splat(-87.0f) : x;
  x = x > 88.0f ? splat(88.0f) : x;
  const floats shifted = x * 1.44269504088896341f + 12582912.0f;
  const ints exponent = (ints)shifted - 0x4B400000;
  const floats whole_part = shifted - 12582912.0f;
  const floats r = (x - whole_part * 0.693359375f) - whole_part * -2.12194440e-4f;
  floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * (r * r) + r) + 1.0f;
  return p * (floats)((exponent + 127) << 23);
}

constexpr float gelu_slope = 0.7978845608028654f * 2.0f;  // 2 sqrt(2 / pi)
constexpr float gelu_cubic = 0.044715f;

/// e^-z with z = 2 sqrt(2/pi) (x + 0.044715 x^3), so that gelu(x) = x / (1 + e^-z).
BALLAST_INLINE floats gelu_exponential(floats x) {
  const floats z = (x + (x * x * x) * gelu_cubic) * gelu_slope;
  return exponential(-(z < -60.0f ? splat(-60.0f) : z));
}

template <class T>
void widen(const T* from, std::size_t n, float* to) {
  sweep(
      n, [&](std::size_t i, auto of)
             __attribute__((always_inline)) { store(to + i, load(from + i, of), of); });
}

template <class T>
void narrow(const float* from, std::size_t n, T* to) {
  sweep(
      n, [&](std::size_t i, auto of)
             __attribute__((always_inline)) { store(to + i, load(from + i, of), of); });
}

template <class T>
void embed(const T* a, const T* b, std::size_t n, float* to) {
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        store(to + i, load(a + i, of) + load(b + i, of), of);
      });
}

void accumulate(const float* from, std::size_t n, float* to) {
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        store(to + i, load(to + i, of) + load(from + i, of), of);
      });
}

template <class T>
void norm(const float* x, const T* gain, const T* bias, std::size_t n, T* out, float* mean,
          float* inverse_deviation) {
  floats total = {};
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) { total += load(x + i, of); });
  const float center = sum(total) / static_cast<float>(n);
  floats squares = {};
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        const floats centered = load(x + i, of) - center;
        floats square = centered * centered;
        for (std::size_t lane = of.count; lane < lanes; ++lane) square[lane] = 0;
        squares += square;
      });
  const float inverse = 1.0f / __builtin_sqrtf(sum(squares) / static_cast<float>(n) + 1e-5f);
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        const floats normal = (load(x + i, of) - center) * inverse;
        store(out + i, normal * load(gain + i, of) + load(bias + i, of), of);
      });
  *mean = center;
  *inverse_deviation = inverse;
}

template <class T>
void norm_backward(const float* dy, const float* x, const T* gain, float mean,
                   float inverse_deviation, std::size_t n, float* dx) {
  floats total = {};
  floats weighted = {};
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        const floats dnormal = load(dy + i, of) * load(gain + i, of);
        total += dnormal;
        weighted += dnormal * ((load(x + i, of) - mean) * inverse_deviation);
      });
  const float mean_gradient = sum(total) / static_cast<float>(n);
  const float mean_weighted = sum(weighted) / static_cast<float>(n);
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        const floats normal = (load(x + i, of) - mean) * inverse_deviation;
        const floats dnormal = load(dy + i, of) * load(gain + i, of);
        const floats change =
            (dnormal - mean_gradient - normal * mean_weighted) * inverse_deviation;
        store(dx + i, load(dx + i, of) + change, of);
      });
}

void norm_parameters(const float* dy, const float* x, const float* mean,
                     const float* inverse_deviation, row_block block, float* dgain, float* dbias) {
  sweep(
      block.columns, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        floats gain_sum = load(dgain + i, of);
        floats bias_sum = load(dbias + i, of);
        for (std::size_t row = 0; row < block.rows; ++row) {
          const std::size_t at = row * block.stride + i;
          const floats gradient = load(dy + at, of);
          gain_sum += gradient * ((load(x + at, of) - mean[row]) * inverse_deviation[row]);
          bias_sum += gradient;
        }
        store(dgain + i, gain_sum, of);
        store(dbias + i, bias_sum, of);
      });
}

template <class T>
void column_sums(const T* values, row_block block, float* sums) {
  sweep(
      block.columns, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        floats total = load(sums + i, of);
        for (std::size_t row = 0; row < block.rows; ++row) {
          total += load(values + row * block.stride + i, of);
        }
        store(sums + i, total, of);
      });
}

template <class T>
void add_bias(const float* values, const T* bias, std::size_t n, T* out) {
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        store(out + i, load(values + i, of) + load(bias + i, of), of);
      });
}

template <class T>
void add_bias_residual(const float* values, const T* bias, const float* residual, std::size_t n,
                       float* out) {
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        store(out + i, load(residual + i, of) + (load(values + i, of) + load(bias + i, of)), of);
      });
}

template <class T>
void gelu(const float* values, const T* bias, std::size_t n, T* before, T* out) {
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        const floats sum_of = load(values + i, of) + load(bias + i, of);
        store(before + i, sum_of, of);
        const floats x = stored(sum_of, out);
        store(out + i, x / (1.0f + gelu_exponential(x)), of);
      });
}

template <class T>
void gelu_backward(const float* values, const T* before, std::size_t n, T* out) {
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        const floats x = load(before + i, of);
        const floats e = gelu_exponential(x);
        const floats sigmoid = 1.0f / (1.0f + e);
        const floats dz = ((x * x) * (3.0f * gelu_cubic) + 1.0f) * gelu_slope;
        const floats slope = sigmoid + x * dz * (e * sigmoid * sigmoid);
        store(out + i, load(values + i, of) * slope, of);
      });
}

template <class T>
void clear(T* values, std::size_t first, std::size_t last) {
  __builtin_memset(values + first, 0, (last - first) * sizeof(T));
}

/// The largest of n scaled values.
BALLAST_INLINE float scaled_maximum(const float* values, std::size_t n, float scale) {
  floats best = splat(-__builtin_inff());
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        floats value = load(values + i, of) * scale;
        for (std::size_t lane = of.count; lane < lanes; ++lane) value[lane] = -__builtin_inff();
        best = larger(best, value);
      });
  return largest(best);
}

/// values = e^(scale * values - shift); returns their sum.
BALLAST_INLINE float exponentials(float* values, std::size_t n, float scale, float shift) {
  floats total = {};
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        floats value = exponential(load(values + i, of) * scale - shift);
        for (std::size_t lane = of.count; lane < lanes; ++lane) value[lane] = 0;
        store(values + i, value, of);
        total += value;
      });
  return sum(total);
}

template <class T>
float softmax(float* scores, std::size_t n, std::size_t padded, float scale, T* probabilities) {
  const float shift = scaled_maximum(scores, n, scale);
  const float total = exponentials(scores, n, scale, shift);
  const float inverse = 1.0f / total;
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        store(probabilities + i, load(scores + i, of) * inverse, of);
      });
  clear(probabilities, n, padded);
  return shift + __builtin_logf(total);
}

template <class T>
void softmax_backward(float* scores, const float* gradient, std::size_t n, std::size_t padded,
                      float scale, float log_sum, T* probabilities, T* out) {
  exponentials(scores, n, scale, log_sum);
  floats weighted = {};
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        weighted += load(scores + i, of) * load(gradient + i, of);
      });
  const float mean = sum(weighted);
  sweep(
      n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
        const floats p = load(scores + i, of);
        store(out + i, p * (load(gradient + i, of) - mean) * scale, of);
        store(probabilities + i, p, of);
      });
  clear(out, n, padded);
  clear(probabilities, n, padded);
}

template <class T>
float cross_entropy(float* logits, std::size_t n, std::size_t target, float weight, T* out) {
  const float right = logits[target];
  const float shift = scaled_maximum(logits, n, 1.0f);
  const float total = exponentials(logits, n, 1.0f, shift);
  if (out != nullptr) {
    const float scale = weight / total;
    const float at_target = logits[target] * scale - weight;
    sweep(
        n, [&](std::size_t i, auto of) __attribute__((always_inline)) {
          store(out + i, load(logits + i, of) * scale, of);
        });
    store(out + target, splat(at_target), part{1});
  }
  return (shift - right) + __builtin_logf(total);
}

template <class T>
constexpr kernel_table<T> make_table(const char* name) {
  return {
      .name = name,
      .widen = &widen<T>,
      .narrow = &narrow<T>,
      .embed = &embed<T>,
      .accumulate = &accumulate,
      .norm = &norm<T>,
      .norm_backward = &norm_backward<T>,
      .norm_parameters = &norm_parameters,
      .column_sums = &column_sums<T>,
      .add_bias = &add_bias<T>,
      .add_bias_residual = &add_bias_residual<T>,
      .gelu = &gelu<T>,
      .gelu_backward = &gelu_backward<T>,
      .softmax = &softmax<T>,
      .softmax_backward = &softmax_backward<T>,
      .cross_entropy = &cross_entropy<T>,
  };
}

#undef BALLAST_INLINE

}  // namespace
}  // namespace ballast::tools
