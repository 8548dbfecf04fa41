#include "tools/prove/trajectory.hpp"

#include <algorithm>
#include <ballast/loss_scale.hpp>
#include <bit>
#include <numeric>

namespace ballast::tools {
namespace {

/// Tokens that depend on nothing but the step and their position in all ranks' batch (splitmix64).
std::vector<std::uint32_t> tokens(const proof_run& run, std::uint64_t step, rank of) {
  std::vector<std::uint32_t> drawn(run.batch.step_tokens() + 1);
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const std::uint64_t at = of.value * run.batch.step_tokens() + i;
    std::uint64_t x = (step << 32) + at + 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    drawn[i] = static_cast<std::uint32_t>((x ^ (x >> 31)) % run.model.vocabulary);
  }
  return drawn;
}

}  // namespace

result<std::vector<double>> follow(const proof_run& run, const gpt_model& declared,
                                   training_state& state, const each_rank& ranks,
                                   const std::function<status(std::uint64_t)>& after) {
  auto made = make_gpt(run.model, declared, run.batch);
  if (!made) {
    return made.error();
  }
  gpt& compute = **made;
  if (auto attached = compute.attach(state); !attached) {
    return attached.error();
  }
  // Of fp16 the first steps overflow, and the scale grows again: both are part of the trajectory.
  loss_scale scale = *loss_scale::make({.initial = 0x1p26, .growth_interval = 6});
  const bool scaled = compute_type(run.model.stored) == dtype::f16;
  std::vector<double> losses;
  for (std::uint64_t step = 1; step <= run.steps; ++step) {
    const double factor = scaled ? scale.value() : 1;
    // A clip norm that about every second step exceeds, so that both branches are walked.
    const step_options coming{.learning_rate = 1e-3, .clip_norm = 1.0, .loss_scale = factor};
    state.expect_step(coming);
    std::vector<double> parts;
    const status computed = ranks([&](rank which) -> status {
      const std::vector<std::uint32_t> drawn = tokens(run, step, which);
      const std::size_t n = drawn.size() - 1;
      const auto loss = compute.train(
          {std::span(drawn).first(n), std::span(drawn).subspan(1, n), factor / run.ranks});
      if (!loss) {
        return loss.error();
      }
      parts.push_back(*loss / run.ranks);
      return {};
    });
    if (!computed) {
      return computed.error();
    }
    if (parts.size() < run.ranks) {
      auto all = state.gather(parts.front());
      if (!all) {
        return all.error();
      }
      parts = *std::move(all);
    }
    losses.push_back(std::accumulate(parts.begin(), parts.end(), 0.0));
    const auto stepped = state.step(coming);
    if (!stepped) {
      return stepped.error();
    }
    scale.update(stepped->skipped);
    losses.push_back(stepped->gradient_norm);
    if (auto done = after(step); !done) {
      return done.error();
    }
  }
  return losses;
}

result<std::uint64_t> differing_bits(const gpt_model& declared, inspectable_state& one,
                                     inspectable_state& two, std::uint64_t& values) {
  constexpr std::uint64_t window = 1u << 18;
  std::vector<float> a(window);
  std::vector<float> b(window);
  std::uint64_t different = 0;
  const auto& parameters = declared.declared.parameters();
  for (std::uint32_t which = 0; which < parameters.size(); ++which) {
    for (const state_part part :
         {state_part::master, state_part::weights, state_part::momentum, state_part::variance}) {
      const std::uint64_t count = parameters[which].count.value;
      for (std::uint64_t first = 0; first < count; first += window) {
        const std::uint64_t n = std::min(window, count - first);
        const std::span in_a = std::span(a).first(n);
        const std::span in_b = std::span(b).first(n);
        for (const auto& [state, into] : {std::pair{&one, in_a}, std::pair{&two, in_b}}) {
          if (auto read = state->read({which}, part, {first}, into); !read) {
            return read.error();
          }
        }
        for (std::size_t i = 0; i < n; ++i) {
          different += static_cast<std::uint64_t>(std::popcount(
              std::bit_cast<std::uint32_t>(in_a[i]) ^ std::bit_cast<std::uint32_t>(in_b[i])));
        }
        values += n;
      }
    }
  }
  return different;
}

std::uint64_t differing_bits(std::span<const double> one, std::span<const double> two) {
  require(one.size() == two.size(), "both arms take the same steps");
  std::uint64_t different = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    different += static_cast<std::uint64_t>(
        std::popcount(std::bit_cast<std::uint64_t>(one[i]) ^ std::bit_cast<std::uint64_t>(two[i])));
  }
  return different;
}

}  // namespace ballast::tools
