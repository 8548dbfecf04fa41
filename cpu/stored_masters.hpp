// The master weight of one element as every encoding stores it.
#pragma once

#include <ballast/arithmetic/split_master.hpp>
#include <ballast/update.hpp>
#include <cpu/stored_values.hpp>

namespace ballast::cpu {

inline float load_master(encoding stored, const state_view& view, std::size_t at) {
  switch (stored) {
    case encoding::fp32: return load<float>(view.weights, at);
    case encoding::fp16: return load<float>(view.residual, at);
    case encoding::exact:
    case encoding::bf16:
      return arithmetic::join(arithmetic::split_master{load<std::uint16_t>(view.weights, at),
                                                       load<std::int16_t>(view.residual, at)});
    case encoding::int8:
      return arithmetic::join(arithmetic::short_split_master{load<std::uint16_t>(view.weights, at),
                                                             load<std::int8_t>(view.residual, at)});
  }
  return 0;
}

/// `master` is canonical; the low 8 bits of `noise` round it in int8. True when it is finite and
/// the weight is not; in int8 whenever the weight is not.
inline bool store_master(encoding stored, const state_view& view, std::size_t at, float master,
                         std::uint32_t noise) {
  switch (stored) {
    case encoding::fp32: store(view.weights, at, master); return false;
    case encoding::fp16:
      store(view.residual, at, master);
      store(view.weights, at, arithmetic::round_to_f16(master));
      return arithmetic::overflows_f16(master);
    case encoding::exact:
    case encoding::bf16: {
      const arithmetic::split_master halves = arithmetic::split(master);
      store(view.weights, at, halves.weight);
      store(view.residual, at, halves.residual);
      return arithmetic::overflows_weight(master);
    }
    case encoding::int8: {
      const float rounded = arithmetic::round_to_24_bits(master, noise & 0xFF);
      const arithmetic::short_split_master halves = arithmetic::short_split(rounded);
      store(view.weights, at, halves.weight);
      store(view.residual, at, halves.residual);
      return arithmetic::is_infinite(halves);
    }
  }
  return false;
}

}  // namespace ballast::cpu
