// The master weights of two vectors of elements as every encoding stores them: load, and store with
// a note of those whose weight is infinite although they are not.
#pragma once

#include <cpu/kernels/table.hpp>

namespace ballast::cpu {

/// Bytes of an element in weights and residual.
struct master_bytes {
  std::size_t weights, residual;
};

/// Notes finite values of a magnitude from the bits `Least` on: those of all values, counted from
/// there, wrap below the smallest and pass infinity's above.
template <class Lanes, std::uint32_t Least>
struct finite_above {
  using words = typename Lanes::words;

  [[gnu::always_inline]] void note(typename Lanes::real value) {
    smallest = Lanes::smaller(smallest, (Lanes::bits(value) & 0x7FFFFFFFu) - Least);
  }
  [[gnu::always_inline]] bool found() const {
    return Lanes::any_word((words)(smallest < 0x7F800000u - Least));
  }

  words smallest = words{} - 1u;
};

template <class Lanes>
struct fp32_master {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr master_bytes widths = {4, 0};

  explicit fp32_master(const state_arrays& state)
      : weights(reinterpret_cast<float*>(state.weights)) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&p)[2]) const {
    p[0] = real::load_unaligned(weights + i);
    p[1] = real::load_unaligned(weights + i + Lanes::width);
  }
  [[gnu::always_inline]] void store(std::size_t i, real first, real second, const words (&)[2]) {
    first.store_unaligned(weights + i);
    second.store_unaligned(weights + i + Lanes::width);
  }
  [[gnu::always_inline]] bool overflowed() const { return false; }

  float* weights;
};

/// `exact` and `bf16`: the halves of an fp32 master.
template <class Lanes>
struct split_masters {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr master_bytes widths = {2, 2};

  explicit split_masters(const state_arrays& state)
      : weights(state.weights), residual(state.residual) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&p)[2]) const {
    Lanes::join(Lanes::load_halves(weights + 2 * i), Lanes::load_halves(residual + 2 * i), p);
  }
  [[gnu::always_inline]] void store(std::size_t i, real first, real second, const words (&)[2]) {
    const auto low = Lanes::low_halves(first, second);
    const auto high = Lanes::round_halves(first, second, low);
    Lanes::note_weight_overflow(overflow, high, low);
    Lanes::store_halves(weights + 2 * i, high);
    Lanes::store_halves(residual + 2 * i, low);
  }
  [[gnu::always_inline]] bool overflowed() const { return Lanes::any(overflow); }

  std::byte* weights;
  std::byte* residual;
  typename Lanes::flags overflow{};
};

/// The master in fp32, and its fp16 weight, which is only written: past the cache where it can be.
template <class Lanes>
struct fp16_master {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr master_bytes widths = {2, 4};

  explicit fp16_master(const state_arrays& state)
      : weights(state.weights),
        master(reinterpret_cast<float*>(state.residual)),
        stream(reinterpret_cast<std::uintptr_t>(state.weights) % 64 == 0) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&p)[2]) const {
    p[0] = real::load_unaligned(master + i);
    p[1] = real::load_unaligned(master + i + Lanes::width);
  }
  [[gnu::always_inline]] void store(std::size_t i, real first, real second, const words (&)[2]) {
    first.store_unaligned(master + i);
    second.store_unaligned(master + i + Lanes::width);
    overflow.note(first);
    overflow.note(second);
    const auto halves = Lanes::narrow_f16(first, second);
    if (stream) {
      Lanes::stream_halves(weights + 2 * i, halves);
    } else {
      Lanes::store_halves(weights + 2 * i, halves);
    }
  }
  [[gnu::always_inline]] bool overflowed() const {
    Lanes::end_streams();
    return overflow.found();
  }

  std::byte* weights;
  float* master;
  bool stream;
  // From 65520 on, which is half way from the largest f16 to the next.
  finite_above<Lanes, 0x477FF000> overflow;
};

/// `int8`: a bf16 weight and the next 8 bits, rounded up or down by the lowest 8 bits of noise.
template <class Lanes>
struct short_split_masters {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr master_bytes widths = {2, 1};

  explicit short_split_masters(const state_arrays& state)
      : weights(state.weights), residual(state.residual) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&p)[2]) const {
    Lanes::join(Lanes::load_halves(weights + 2 * i), Lanes::load_high_bytes(residual + i), p);
  }
  /// The noise may stay in the lowest 8 bits: what is stored is above them.
  [[gnu::always_inline]] void store(std::size_t i, real first, real second,
                                    const words (&noise)[2]) {
    const real a = Lanes::real_of(Lanes::bits(first) + (noise[0] & 0xFFu));
    const real b = Lanes::real_of(Lanes::bits(second) + (noise[1] & 0xFFu));
    const auto low = Lanes::low_halves(a, b);
    const auto high = Lanes::round_halves(a, b, low);
    Lanes::note_infinite(overflow, high);
    Lanes::store_halves(weights + 2 * i, high);
    Lanes::store_high_bytes(residual + i, low);
  }
  [[gnu::always_inline]] bool overflowed() const { return Lanes::any(overflow); }

  std::byte* weights;
  std::byte* residual;
  typename Lanes::flags overflow{};
};

}  // namespace ballast::cpu
