// One arm of a proof: the same model, batches and learning rates, kept by any state.
#pragma once

#include <functional>
#include <vector>

#include "tools/inspectable_state.hpp"
#include "tools/trainer/gpt.hpp"

namespace ballast::tools {

struct proof_run {
  gpt_config model;
  batch_shape batch;
  std::uint64_t steps = 20;
  std::uint32_t ranks = 1;  ///< each with a batch of its own
};

/// Calls compute(rank) for every rank that a state computes for, in order.
using each_rank = std::function<status(const std::function<status(rank)>& compute)>;

/// Runs the steps and returns their losses; `after` is called behind every step, with its number
/// from 1, and may end the run with an error. A state has ranks of its own by itself, or all of them
/// in turn.
result<std::vector<double>> follow(const proof_run& run, const gpt_model& declared,
                                   training_state& state, const each_rank& ranks,
                                   const std::function<status(std::uint64_t)>& after);

/// How many bits of `two`'s state differ from `one`'s: master, weights and both moments of every
/// parameter; `values` counts what was compared.
result<std::uint64_t> differing_bits(const gpt_model& declared, inspectable_state& one,
                                     inspectable_state& two, std::uint64_t& values);

/// The same of two loss curves.
std::uint64_t differing_bits(std::span<const double> one, std::span<const double> two);

}  // namespace ballast::tools
