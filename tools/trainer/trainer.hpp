// The training loop's pieces over a corpus: one step, the validation loss, a sample of text. What
// holds the state, what is printed and when to stop is the caller's.
//
// Where ranks share the state each has a trainer and takes its part of the batch: `batch` is a rank's,
// the step's is that of all, in order of ranks.
//
// One caller thread. Deterministic: the same options, text and state give the same bits, whatever
// the number of compute threads. Nothing is allocated after the first evaluation but oneDNN's own.
#pragma once

#include <ballast/loss_scale.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/trainer/corpus.hpp"
#include "tools/trainer/gpt.hpp"
#include "tools/trainer/learning_rate.hpp"

namespace ballast::tools {

struct trainer_options {
  gpt_config model;
  batch_shape batch;
  learning_rate_schedule learning_rate;
  double clip_norm = 1.0;              ///< 0: none
  loss_scale_options scale = {};       ///< of fp16 compute; other types compute unscaled
  std::uint64_t data_seed = 1;         ///< of the batches
  std::size_t validation_windows = 0;  ///< at most so many; 0: the whole validation text
};

struct step_result {
  double loss = 0;           ///< mean over the step's tokens, nats, before the update
  double gradient_norm = 0;  ///< unscaled, before clipping
  double learning_rate = 0;
  double loss_scale = 1;
  std::uint64_t tokens = 0;
  bool skipped = false;
};

/// Mean cross-entropy over `tokens` predictions, in the units people ask for.
struct text_loss {
  double nats = 0;
  std::uint64_t tokens = 0;

  double perplexity() const;
  /// Of byte-level tokens.
  double bits_per_byte() const;
};

struct sample_options {
  std::size_t tokens = 200;
  double temperature = 0.8;  ///< 0: always the likeliest
  std::size_t top_k = 40;    ///< 0: all
  std::uint64_t seed = 1;
};

class trainer {
 public:
  /// Takes its workspace from `state`, which was made for `model`; all but the options outlive it.
  ///
  /// Errors: invalid_argument; what workspace() says
  static result<std::unique_ptr<trainer>> make(const trainer_options& options,
                                               const gpt_model& model, const corpus& text,
                                               training_state& state);

  /// Forward, backward and update on the batch of step `index`, counted from 0. The index is the
  /// whole cursor: to resume is to go on with the next one.
  result<step_result> step(std::uint64_t index);

  /// What a checkpoint keeps of the loop beside the step's index: fp16's loss scale.
  std::optional<loss_scale::state> saved_scale() const;
  status restore_scale(const loss_scale::state& saved);

  /// The loss over the validation text.
  result<text_loss> evaluate();

  /// `prompt` and what follows it; a byte that is no printable ASCII or line end becomes '?'.
  result<std::string> sample(std::string_view prompt, const sample_options& options);

 private:
  trainer(const trainer_options& options, const corpus& text, training_state& state,
          std::unique_ptr<gpt> passes, std::optional<loss_scale> scale);

  result<double> sum_over_ranks(double mine);

  trainer_options options_;
  const corpus& text_;
  training_state& state_;
  std::unique_ptr<gpt> gpt_;
  std::optional<loss_scale> scale_;  ///< of fp16 compute only
  std::vector<text_window> validation_;
  std::vector<std::uint32_t> inputs_, targets_;
};

}  // namespace ballast::tools
