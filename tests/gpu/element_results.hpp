// Every element function on the same inputs, as bits: compiled by g++, by nvcc for the host, and by
// nvcc for the GPU, the results must be the same.
#pragma once

#include <ballast/arithmetic/eight_bit_moments.hpp>
#include <ballast/arithmetic/optimizers.hpp>
#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/arithmetic/split_master.hpp>
#include <span>

namespace ballast::gpu {

struct element_inputs {
  arithmetic::element before;
  float gradient;
  std::uint32_t noise;
  adamw_scalars adamw;
  adam_scalars adam;
  sgd_scalars sgd;
};

inline constexpr std::size_t element_result_count = 48;

struct element_results {
  std::uint32_t word[element_result_count];
};

/// Appends to a list of results.
struct result_writer {
  std::uint32_t* next;

  BALLAST_ELEMENT void put(std::uint32_t bits) { *next++ = bits; }
  BALLAST_ELEMENT void put(float value) { put(arithmetic::bits_of(value)); }
  BALLAST_ELEMENT void put(const arithmetic::stepped_element& after) {
    put(after.state.weight);
    put(after.state.momentum);
    put(after.state.variance);
    put(after.root);
  }
};

BALLAST_ELEMENT void results_of(const element_inputs& in, element_results& out) {
  using namespace arithmetic;
  result_writer to{out.word};
  to.put(step<double>(in.adamw, in.before, in.gradient));
  to.put(step<float>(in.adamw, in.before, in.gradient));
  to.put(step<double>(in.adam, in.before, in.gradient));
  to.put(step<float>(in.adam, in.before, in.gradient));
  to.put(step<double>(in.sgd, in.before, in.gradient));
  to.put(step<float>(in.sgd, in.before, in.gradient));
  const float x = canonical(in.before.weight);
  const std::uint64_t key = group_key(noise_key(in.noise, 3), in.noise);
  to.put(static_cast<std::uint32_t>(key >> 32));
  to.put(noise(key, in.noise % 128u));
  to.put(x);
  to.put(round_to_bf16(x) | std::uint32_t{round_to_bf16(x, in.noise & 0xFFFFu)} << 16);
  to.put(round_to_f16(x) | std::uint32_t{overflows_f16(x)} << 16);
  to.put(widen_f16(static_cast<std::uint16_t>(in.noise)));
  to.put(widen_bf16(static_cast<std::uint16_t>(in.noise)));
  const split_master halves = split(x);
  to.put(halves.weight | std::uint32_t{static_cast<std::uint16_t>(halves.residual)} << 16);
  to.put(join(halves));
  to.put(std::uint32_t{overflows_weight(x)});
  const short_split_master parts = short_split(round_to_24_bits(x, in.noise & 0xFFu));
  to.put(parts.weight | std::uint32_t{static_cast<std::uint8_t>(parts.residual)} << 16);
  to.put(join(parts));
  const float magnitude = float_of(bits_of(in.before.momentum) & magnitude_mask);
  const code_scale by = scale_of(magnitude, momentum_codes);
  to.put(by.scale);
  to.put(by.inverse);
  const std::int8_t code = momentum_code(in.before.momentum, by.inverse, code_noise(in.noise));
  to.put(static_cast<std::uint32_t>(code));
  to.put(momentum_of(code, by.scale));
  to.put(std::uint32_t{root_code(magnitude, by.inverse, code_noise(in.noise))});
  to.put(variance_of(static_cast<std::uint8_t>(in.noise), by.scale));
}

/// By nvcc, on the host.
void results_by_nvcc(std::span<const element_inputs> in, std::span<element_results> out);
/// By nvcc, on the GPU; the arrays are device memory.
void launch_results(std::span<const element_inputs> in, std::span<element_results> out);
/// By g++.
void results_by_host_compiler(std::span<const element_inputs> in, std::span<element_results> out);

}  // namespace ballast::gpu
