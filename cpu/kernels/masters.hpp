// The master weights of two vectors of elements as every encoding stores them: load and store, and a
// closer look at a group in which some were NaN or perhaps too large for a weight.
#pragma once

#include <ballast/arithmetic/rounding_noise.hpp>
#include <cpu/kernels/table.hpp>

namespace ballast::cpu {

/// Bytes of an element in weights and residual.
struct master_bytes {
  std::size_t weights, residual;
};

/// bf16 halves from here on are those of the largest weight, infinities and NaNs.
inline constexpr short largest_half = 0x7F7F;

template <class Lanes>
struct fp32_master {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr master_bytes widths = {4, 0};
  static constexpr bool takes_noise = false;

  explicit fp32_master(const state_arrays& state)
      : weights(reinterpret_cast<float*>(state.weights)) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&p)[2]) const {
    p[0] = real::load_unaligned(weights + i);
    p[1] = real::load_unaligned(weights + i + Lanes::width);
  }
  [[gnu::always_inline]] void store(std::size_t i, real first, real second, const words (&)[2]) {
    first.store_unaligned(weights + i);
    second.store_unaligned(weights + i + Lanes::width);
    sum = xsimd::fma(first, second, sum);
  }
  /// A NaN stays in the sum. So may what infinities make there.
  [[gnu::always_inline]] bool odd() const { return Lanes::any_nan(sum, sum); }
  [[gnu::always_inline]] void look_closer(std::size_t group) {
    for (std::size_t i = group; i < group + arithmetic::group_elements; i += Lanes::width) {
      Lanes::canonical(real::load_unaligned(weights + i)).store_unaligned(weights + i);
    }
    sum = real(0.0f);
  }
  [[gnu::always_inline]] bool overflowed() const { return false; }

  float* weights;
  real sum = real(0.0f);
};

/// The lower half of a master, whole: `exact` and `bf16`.
template <class Lanes>
struct low_half {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  using halves = typename Lanes::halves;
  static constexpr std::size_t width = 2;
  static constexpr bool takes_noise = false;

  [[gnu::always_inline]] static halves load(const std::byte* from) {
    return Lanes::load_halves(from);
  }
  [[gnu::always_inline]] static void store(std::byte* to, halves low) {
    Lanes::store_halves(to, low);
  }
  [[gnu::always_inline]] static real rounded(real master, words) { return master; }
  [[gnu::always_inline]] static void note_overflow(typename Lanes::flags& seen, halves weight,
                                                   halves low) {
    Lanes::note_weight_overflow(seen, weight, low);
  }
};

/// Its higher 8 bits, rounded up or down by the lowest 8 bits of noise: `int8`. From those infinite
/// weights cannot be told from what noise has lifted.
template <class Lanes>
struct high_byte {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  using halves = typename Lanes::halves;
  static constexpr std::size_t width = 1;
  static constexpr bool takes_noise = true;

  [[gnu::always_inline]] static halves load(const std::byte* from) {
    return Lanes::load_high_bytes(from);
  }
  [[gnu::always_inline]] static void store(std::byte* to, halves low) {
    Lanes::store_high_bytes(to, low);
  }
  /// The noise may stay in the lowest 8 bits: what is stored is above them. A NaN stays one: noise
  /// does not reach what is set of it.
  [[gnu::always_inline]] static real rounded(real master, words noise) {
    return Lanes::real_of(Lanes::bits(master) + (noise & 0xFFu));
  }
  [[gnu::always_inline]] static void note_overflow(typename Lanes::flags& seen, halves weight,
                                                   halves) {
    Lanes::note_infinite(seen, weight);
  }
};

/// An fp32 master as a bf16 weight and what its rounding took.
template <class Lanes, template <class> class Residual>
struct split_masters {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  using halves = typename Lanes::halves;
  using lower = Residual<Lanes>;
  static constexpr master_bytes widths = {2, lower::width};
  static constexpr bool takes_noise = lower::takes_noise;

  explicit split_masters(const state_arrays& state)
      : weights(state.weights), residual(state.residual) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&p)[2]) const {
    Lanes::join(Lanes::load_halves(weights + 2 * i), lower::load(residual + lower::width * i), p);
  }
  [[gnu::always_inline]] void store(std::size_t i, real first, real second,
                                    const words (&noise)[2]) {
    const real a = lower::rounded(first, noise[0]);
    const real b = lower::rounded(second, noise[1]);
    const halves low = Lanes::low_halves(a, b);
    const halves high = Lanes::high_halves(Lanes::bits(a), Lanes::bits(b));
    put(i, Lanes::plus_borrow(high, low), low);
    largest = Lanes::larger_magnitude(largest, high);
  }
  [[gnu::always_inline]] bool odd() const { return Lanes::any_from(largest, largest_half); }
  /// The halves of a NaN join to one.
  [[gnu::always_inline]] void look_closer(std::size_t group) {
    typename Lanes::flags seen{};
    for (std::size_t i = group; i < group + arithmetic::group_elements; i += 2 * Lanes::width) {
      real p[2];
      load(i, p);
      const real first = Lanes::canonical(p[0]);
      const real second = Lanes::canonical(p[1]);
      const halves low = Lanes::low_halves(first, second);
      const halves high = Lanes::round_halves(first, second, low);
      lower::note_overflow(seen, high, low);
      put(i, high, low);
    }
    overflow |= Lanes::any(seen);
    largest = halves{};
  }
  [[gnu::always_inline]] void put(std::size_t i, halves high, halves low) const {
    Lanes::store_halves(weights + 2 * i, high);
    lower::store(residual + lower::width * i, low);
  }
  [[gnu::always_inline]] bool overflowed() const { return overflow; }

  std::byte* weights;
  std::byte* residual;
  halves largest{};
  bool overflow = false;
};

/// The master in fp32, and its fp16 weight, which is only written: past the cache where it can be.
template <class Lanes>
struct fp16_master {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr master_bytes widths = {2, 4};
  static constexpr bool takes_noise = false;
  /// 65520, half way from the largest f16 to the next, in bits.
  static constexpr std::uint32_t too_large = 0x477FF000;

  explicit fp16_master(const state_arrays& state)
      : weights(state.weights),
        master(reinterpret_cast<float*>(state.residual)),
        stream(reinterpret_cast<std::uintptr_t>(state.weights) % 64 == 0) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&p)[2]) const {
    p[0] = real::load_unaligned(master + i);
    p[1] = real::load_unaligned(master + i + Lanes::width);
  }
  [[gnu::always_inline]] static words magnitude(real value) {
    return Lanes::bits(value) & 0x7FFFFFFFu;
  }
  [[gnu::always_inline]] void store(std::size_t i, real first, real second, const words (&)[2]) {
    first.store_unaligned(master + i);
    second.store_unaligned(master + i + Lanes::width);
    largest = Lanes::larger(largest, Lanes::larger(magnitude(first), magnitude(second)));
    const auto halves = Lanes::narrow_f16(first, second);
    if (stream) {
      Lanes::stream_halves(weights + 2 * i, halves);
    } else {
      Lanes::store_halves(weights + 2 * i, halves);
    }
  }
  [[gnu::always_inline]] bool odd() const { return Lanes::any_word((words)(largest >= too_large)); }
  [[gnu::always_inline]] void look_closer(std::size_t group) {
    constexpr std::uint32_t finite = 0x7F800000u - too_large;  // and smaller ones wrap around
    for (std::size_t i = group; i < group + arithmetic::group_elements; i += 2 * Lanes::width) {
      real p[2];
      load(i, p);
      const real first = Lanes::canonical(p[0]);
      const real second = Lanes::canonical(p[1]);
      first.store_unaligned(master + i);
      second.store_unaligned(master + i + Lanes::width);
      Lanes::store_halves(weights + 2 * i, Lanes::narrow_f16(first, second));
      const words nearest =
          Lanes::smaller(magnitude(first) - too_large, magnitude(second) - too_large);
      overflow |= Lanes::any_word((words)(nearest < finite));
    }
    largest = words{};
  }
  [[gnu::always_inline]] bool overflowed() const {
    Lanes::end_streams();
    return overflow;
  }

  std::byte* weights;
  float* master;
  bool stream;
  words largest{};
  bool overflow = false;
};

}  // namespace ballast::cpu
