#include "tools/trainer/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/language_head.hpp"
#include "tools/trainer/token_choice.hpp"

namespace ballast::tools {

namespace {

status check_rates(const trainer_options& options) {
  const learning_rate_schedule& rate = options.learning_rate;
  if (!std::isfinite(rate.peak) || !std::isfinite(rate.last) || rate.peak < 0 || rate.last < 0) {
    return failure{errc::invalid_argument,
                   fmt::format("learning rates must be finite and not negative; they are {} and {}",
                               rate.peak, rate.last)};
  }
  if (!std::isfinite(options.clip_norm) || options.clip_norm < 0) {
    return failure{errc::invalid_argument,
                   fmt::format("the clipping norm must be finite and not negative; it is {}",
                               options.clip_norm)};
  }
  return {};
}

bool printable(char byte) { return (byte >= ' ' && byte <= '~') || byte == '\n' || byte == '\t'; }

}  // namespace

double text_loss::perplexity() const { return std::exp(nats); }
double text_loss::bits_per_byte() const { return nats / std::numbers::ln2; }

result<std::unique_ptr<trainer>> trainer::make(const trainer_options& options,
                                               const gpt_model& model, const corpus& text,
                                               training_state& state) {
  if (options.model.vocabulary < byte_vocabulary) {
    return failure{errc::invalid_argument,
                   fmt::format("text needs a vocabulary of {}; the model's is {}", byte_vocabulary,
                               options.model.vocabulary)};
  }
  if (status usable = check_rates(options); !usable) return usable.error();
  if (auto first = text.sample(options.data_seed, 0, 0, options.batch.tokens); !first) {
    return first.error();
  }
  result<std::unique_ptr<gpt>> passes = make_gpt(options.model, model, options.batch);
  if (!passes) return passes.error();
  if (status done = (*passes)->attach(state); !done) return done.error();
  std::optional<loss_scale> scale;
  if (compute_type(options.model.stored) == dtype::f16) {
    auto dynamic = loss_scale::make(options.scale);
    if (!dynamic) return dynamic.error();
    scale = *dynamic;
  }
  return std::unique_ptr<trainer>(new trainer(options, text, state, std::move(*passes), scale));
}

trainer::trainer(const trainer_options& options, const corpus& text, training_state& state,
                 std::unique_ptr<gpt> passes, std::optional<loss_scale> scale)
    : options_(options),
      text_(text),
      state_(state),
      gpt_(std::move(passes)),
      scale_(scale),
      validation_(text.validation_windows(options.batch.tokens, options.validation_windows)),
      inputs_(options.batch.step_tokens()),
      targets_(options.batch.step_tokens()) {}

result<step_result> trainer::step(std::uint64_t index) {
  const std::size_t tokens = options_.batch.tokens;
  const std::size_t sequences = inputs_.size() / tokens;
  const std::size_t first = sequences * state_.self().value;  // of those of all ranks
  for (std::size_t sequence = 0; sequence < sequences; ++sequence) {
    const result<text_window> window =
        text_.sample(options_.data_seed, index, first + sequence, options_.batch.tokens);
    if (!window) return window.error();
    fill(*window, std::span(inputs_).subspan(sequence * tokens, tokens),
         std::span(targets_).subspan(sequence * tokens, tokens));
  }
  const double scale = scale_ ? scale_->value() : 1;
  const double rate = options_.learning_rate.at(index);
  const step_options coming{
      .learning_rate = rate, .clip_norm = options_.clip_norm, .loss_scale = scale};
  state_.expect_step(coming);
  // The mean over all ranks' tokens: its gradient is a sum of parts.
  const double part = 1.0 / state_.ranks();
  const result<double> mine = gpt_->train({inputs_, targets_, scale * part});
  if (!mine) return mine.error();
  const result<step_outcome> outcome = state_.step(coming);
  if (!outcome) return outcome.error();
  if (scale_) scale_->update(outcome->skipped);
  const result<double> loss = sum_over_ranks(*mine * part);
  if (!loss) return loss.error();
  return step_result{.loss = *loss,
                     .gradient_norm = outcome->gradient_norm,
                     .learning_rate = rate,
                     .loss_scale = scale,
                     .tokens = options_.batch.step_tokens() * state_.ranks(),
                     .skipped = outcome->skipped};
}

/// In the order of ranks.
result<double> trainer::sum_over_ranks(double mine) {
  const result<std::vector<double>> all = state_.gather(mine);
  if (!all) return all.error();
  return std::accumulate(all->begin(), all->end(), 0.0);
}

std::optional<loss_scale::state> trainer::saved_scale() const {
  return scale_ ? std::optional(scale_->saved()) : std::nullopt;
}

status trainer::restore_scale(const loss_scale::state& saved) {
  if (!scale_) {
    return failure{errc::invalid_argument, "this run has no loss scale to restore"};
  }
  return scale_->restore(saved);
}

result<text_loss> trainer::evaluate() {
  const std::size_t tokens = options_.batch.tokens;
  const std::size_t at_once = inputs_.size() / tokens;
  double sum = 0;
  std::uint64_t counted = 0;
  // Ranks take turns, and make the same calls: whose turn has no windows evaluates none.
  for (std::size_t turn = 0; turn < validation_.size(); turn += at_once * state_.ranks()) {
    const std::size_t first = std::min(turn + at_once * state_.self().value, validation_.size());
    const std::size_t windows = std::min(at_once, validation_.size() - first);
    std::ranges::fill(inputs_, 0u);
    std::ranges::fill(targets_, ignored_target);
    for (std::size_t i = 0; i < windows; ++i) {
      counted += fill(validation_[first + i], std::span(inputs_).subspan(i * tokens, tokens),
                      std::span(targets_).subspan(i * tokens, tokens));
    }
    const std::size_t sequences = options_.batch.sequences;
    const std::size_t filled = state_.ranks() > 1 ? at_once : windows;
    const std::size_t used = (filled + sequences - 1) / sequences * sequences * tokens;
    const result<double> losses =
        gpt_->evaluate({std::span<const std::uint32_t>(inputs_).first(used),
                        std::span<const std::uint32_t>(targets_).first(used)});
    if (!losses) return losses.error();
    sum += *losses;
  }
  const result<double> total = sum_over_ranks(sum);
  const result<double> tokens_of_all = total ? sum_over_ranks(static_cast<double>(counted)) : total;
  if (!tokens_of_all) return tokens_of_all.error();
  return text_loss{*total / *tokens_of_all, static_cast<std::uint64_t>(*tokens_of_all)};
}

result<std::string> trainer::sample(std::string_view prompt, const sample_options& options) {
  std::vector<std::uint32_t> tokens;
  for (const char byte : prompt.empty() ? std::string_view("\n") : prompt) {
    tokens.push_back(static_cast<unsigned char>(byte));
  }
  const std::uint64_t key = mixed(options.seed);
  for (std::size_t made = 0; made < options.tokens; ++made) {
    const std::size_t seen = std::min<std::size_t>(tokens.size(), options_.batch.tokens);
    const result<std::span<const float>> logits =
        gpt_->next_logits(std::span<const std::uint32_t>(tokens).last(seen));
    if (!logits) return logits.error();
    // A larger vocabulary's other tokens are no bytes.
    tokens.push_back(choose_token(logits->first(byte_vocabulary), options.temperature,
                                  options.top_k, random_uniform(key, made)));
  }
  std::string text;
  for (const std::uint32_t token : tokens) {
    const char byte = static_cast<char>(token);
    text.push_back(printable(byte) ? byte : '?');
  }
  return text;
}

}  // namespace ballast::tools
