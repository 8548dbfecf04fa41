// The whole table of one instruction set, from its `Lanes`.
#pragma once

#include <cpu/kernels/conversion.hpp>
#include <cpu/kernels/update.hpp>

namespace ballast::cpu {

template <class Lanes, template <class, template <class> class> class Rule, class Scalars>
constexpr void list_updates(
    kernel_table::update<Scalars>* (&by_encoding)[kernel_table::encodings]) {
  by_encoding[0] = update_fp32<Lanes, Rule, Scalars>;
  by_encoding[1] = update_exact<Lanes, Rule, Scalars>;
  by_encoding[2] = update_fp16<Lanes, Rule, Scalars>;
  by_encoding[3] = update_bf16<Lanes, Rule, Scalars>;
  by_encoding[4] = update_int8<Lanes, Rule, Scalars>;
}

template <class Lanes>
constexpr kernel_table make_table() {
  kernel_table made{};
  list_updates<Lanes, adamw_rule>(made.adamw);
  list_updates<Lanes, adam_rule>(made.adam);
  list_updates<Lanes, sgd_rule>(made.sgd);
  made.encode[0] = encode<Lanes, gradient_type::f32>;
  made.encode[1] = encode<Lanes, gradient_type::bf16>;
  made.encode[2] = encode<Lanes, gradient_type::f16>;
  made.accumulate = accumulate<Lanes>;
  made.canonicalize = canonicalize<Lanes>;
  made.split = split<Lanes>;
  made.join = join<Lanes>;
  return made;
}

}  // namespace ballast::cpu
