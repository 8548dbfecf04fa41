// The two precisions in which a rule computes moments, on vectors: a real as it is, or as two
// vectors of doubles. A rule is written once on `number`.
#pragma once

namespace ballast::cpu {

/// A real's elements in double: the low and the high half.
template <class Lanes>
struct doubled {
  using wide = typename Lanes::wide;
  wide low, high;

  [[gnu::always_inline]] friend doubled operator+(const doubled& a, const doubled& b) {
    return {a.low + b.low, a.high + b.high};
  }
  [[gnu::always_inline]] friend doubled operator*(const doubled& a, const doubled& b) {
    return {a.low * b.low, a.high * b.high};
  }
};

/// For moments that are stored in fp32.
template <class Lanes>
struct in_double {
  using real = typename Lanes::real;
  using wide = typename Lanes::wide;
  using number = doubled<Lanes>;

  [[gnu::always_inline]] static number constant(double value) { return {wide(value), wide(value)}; }
  [[gnu::always_inline]] static number from(real values) {
    return {Lanes::widen_low(values), Lanes::widen_high(values)};
  }
  [[gnu::always_inline]] static number load(const float* at) {
    return {Lanes::load_wide(at), Lanes::load_wide(at + Lanes::width / 2)};
  }
  [[gnu::always_inline]] static real rounded(const number& value) {
    return Lanes::narrow(value.low, value.high);
  }
  /// sum + a * b. The product is exact (round_to_29_bits), so one rounding is as good as two.
  [[gnu::always_inline]] static number plus_exact_product(const number& sum, const number& a,
                                                          const number& b) {
    return {Lanes::multiply_add(a.low, b.low, sum.low),
            Lanes::multiply_add(a.high, b.high, sum.high)};
  }
};

/// For moments that are rounded further: double would buy nothing.
template <class Lanes>
struct in_float {
  using real = typename Lanes::real;
  using number = real;

  [[gnu::always_inline]] static number constant(double value) {
    return real(static_cast<float>(value));
  }
  [[gnu::always_inline]] static number from(real values) { return values; }
  [[gnu::always_inline]] static number load(const float* at) { return real::load_unaligned(at); }
  [[gnu::always_inline]] static real rounded(number value) { return value; }
  /// sum + a * b, rounded twice: in fp32 no product is exact.
  [[gnu::always_inline]] static number plus_exact_product(number sum, number a, number b) {
    return a * b + sum;
  }
};

}  // namespace ballast::cpu
