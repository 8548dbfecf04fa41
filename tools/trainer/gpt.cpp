#include "tools/trainer/gpt.hpp"

#include <algorithm>
#include <optional>

#include "tools/trainer/gpt_workspace.hpp"
#include "tools/trainer/token_embedding.hpp"

namespace ballast::tools {

namespace {

template <class T>
class typed_gpt final : public gpt {
 public:
  typed_gpt(const gpt_config& config, const gpt_model& model, const batch_shape& batch)
      : config_(config),
        model_(model),
        batch_(batch),
        pool_(batch.threads),
        library_(pool_.threads()),
        offloaded_(offloaded_of(config, batch)),
        left_(offloaded_.blocks, std::vector<activation_id>(offloaded_.micro_batches)) {
    pool_.enter([&] {
      block_.emplace(library_, config, batch.sequences, batch.tokens, true);
      head_.emplace(library_, config, batch.rows(), batch.logit_rows, true);
      single_block_.emplace(library_, config, 1, batch.tokens, false);
      single_head_.emplace(library_, config, 1, 1, false);
    });
  }

  bytes activation_bytes() const override {
    carver counter;
    cut(counter);
    return {counter.used_bytes()};
  }

  status attach(training_state& state) override {
    require(state_ == nullptr, "a gpt is attached once");
    result<std::span<std::byte>> memory = state.workspace(activation_bytes());
    if (!memory) return memory.error();
    carver from(*memory);
    work_.emplace(cut(from));
    state_ = &state;
    return {};
  }

  result<double> train(const token_batch& batch) override {
    require(state_ != nullptr, "a gpt is attached before its passes");
    require(
        batch.inputs.size() == batch_.step_tokens() && batch.targets.size() == batch.inputs.size(),
        "a training batch has the declared shape");
    state_->begin_pass("train");
    if (status done = embed(batch.inputs); !done) return done.error();
    for (std::size_t index = 0; index < config_.layers; ++index) {
      if (status done = forward(index, batch_.micro_batches, true); !done) return done.error();
    }
    result<double> loss = head_forward_backward(batch.targets, batch.loss_scale);
    if (!loss) return loss;
    for (std::size_t index = config_.layers; index-- > 0;) {
      if (status done = backward(index); !done) return done.error();
    }
    if (status done = embed_backward(batch.inputs); !done) return done.error();
    return *loss / static_cast<double>(batch_.step_tokens());
  }

  result<double> evaluate(const token_batch& batch) override {
    require(state_ != nullptr, "a gpt is attached before its passes");
    const std::size_t micro_batches = batch.inputs.size() / batch_.rows();
    require(micro_batches >= 1 && micro_batches <= batch_.micro_batches &&
                micro_batches * batch_.rows() == batch.inputs.size() &&
                batch.targets.size() == batch.inputs.size(),
            "an evaluation batch has whole micro-batches");
    state_->begin_pass("evaluate");
    if (status done = embed(batch.inputs); !done) return done.error();
    for (std::size_t index = 0; index < config_.layers; ++index) {
      if (status done = forward(index, micro_batches, false); !done) return done.error();
    }
    result<std::unique_ptr<weights_view>> weights = state_->fetch(model_.head);
    if (!weights) return weights.error();
    double sum = 0;
    pool_.enter([&] {
      for (std::size_t micro = 0; micro < micro_batches; ++micro) {
        sum += head_->loss(pool_, work_->scratch, model_, **weights,
                           work_->boundaries[0][micro].data(), of_micro_batch(batch.targets, micro),
                           work_->head);
      }
    });
    return sum;
  }

  result<std::span<const float>> next_logits(std::span<const std::uint32_t> window) override;

 private:
  gpt_workspace<T> cut(carver& from) const {
    return gpt_workspace<T>(
        from, config_, batch_, head_->chunk(),
        {.threads = pool_.threads(),
         .product_bytes = library_.scratch_bytes(),
         .block_elements = std::max(block_->block_elements(), single_block_->block_elements()),
         .attention_bytes = block_->attention_scratch_bytes()});
  }

  std::span<const std::uint32_t> of_micro_batch(std::span<const std::uint32_t> all,
                                                std::size_t micro) const {
    return all.subspan(micro * batch_.rows(), batch_.rows());
  }

  /// Fills the first boundary of as many micro-batches as `inputs` holds.
  status embed(std::span<const std::uint32_t> inputs) {
    result<std::unique_ptr<weights_view>> weights = state_->fetch(model_.embedding);
    if (!weights) return weights.error();
    pool_.enter([&] {
      for (std::size_t micro = 0; micro * batch_.rows() < inputs.size(); ++micro) {
        embed_rows<T>(pool_, model_, **weights, {of_micro_batch(inputs, micro), batch_.tokens},
                      config_.width, work_->boundaries[0][micro].data());
      }
    });
    return {};
  }

  /// One block, all micro-batches; without `keep` the first boundary is overwritten.
  status forward(std::size_t index, std::size_t micro_batches, bool keep) {
    const block_parameters& names = model_.blocks[index];
    result<std::unique_ptr<weights_view>> weights = state_->fetch(names.layer);
    if (!weights) return weights.error();
    for (std::size_t micro = 0; micro < micro_batches; ++micro) {
      if (status done = keep ? take_off(index, micro) : status(); !done) return done;
      pool_.enter([&] {
        block_->forward(pool_, work_->scratch, names, **weights,
                        work_->boundaries[keep ? index : 0][micro].data(),
                        work_->kept(index, micro),
                        work_->boundaries[keep ? index + 1 : 0][micro].data());
      });
    }
    return {};
  }

  bool leaves(std::size_t index) const { return index < offloaded_.blocks; }

  std::span<std::byte> input(std::size_t index, std::size_t micro) {
    return std::as_writable_bytes(work_->boundaries[index][micro]);
  }

  /// A block's input leaves the device, and that of the block before has left it: its memory is where
  /// the output goes.
  status take_off(std::size_t index, std::size_t micro) {
    if (leaves(index)) {
      result<activation_id> stored = state_->store_activation(input(index, micro));
      if (!stored) return stored.error();
      left_[index][micro] = *stored;
    }
    return index > 0 && leaves(index - 1) ? state_->await_stored(left_[index - 1][micro])
                                          : status();
  }

  /// A block's input is back on the device.
  status bring_back(std::size_t index, std::size_t micro) {
    return leaves(index) ? state_->load_activation(left_[index][micro], input(index, micro))
                         : status();
  }

  /// A block's input is not needed any more: that of the second block before it comes there.
  status expect_next(std::size_t index, std::size_t micro) {
    return index >= 2 && leaves(index - 2)
               ? state_->expect_activation(left_[index - 2][micro], input(index - 2, micro))
               : status();
  }

  /// Returns the sum of the losses; leaves the stream's gradient in the last boundary.
  result<double> head_forward_backward(std::span<const std::uint32_t> targets, double loss_scale) {
    result<std::unique_ptr<weights_view>> weights = state_->fetch(model_.head);
    if (!weights) return weights.error();
    result<std::unique_ptr<gradients_view>> gradients = state_->gradients(model_.head);
    if (!gradients) return gradients.error();
    const float weight = static_cast<float>(loss_scale) / static_cast<float>(batch_.step_tokens());
    double sum = 0;
    pool_.enter([&] {
      for (std::size_t micro = 0; micro < batch_.micro_batches; ++micro) {
        sum += head_->loss_and_gradients(pool_, work_->scratch, model_, **weights, **gradients,
                                         stream(micro), of_micro_batch(targets, micro), weight,
                                         work_->head);
      }
    });
    if (status done = state_->push(std::move(*gradients), true); !done) return done.error();
    return sum;
  }

  status backward(std::size_t index) {
    const block_parameters& names = model_.blocks[index];
    result<std::unique_ptr<weights_view>> weights = state_->fetch(names.layer);
    if (!weights) return weights.error();
    result<std::unique_ptr<gradients_view>> gradients = state_->gradients(names.layer);
    if (!gradients) return gradients.error();
    for (std::size_t micro = 0; micro < batch_.micro_batches; ++micro) {
      if (status done = bring_back(index, micro); !done) return done;
      pool_.enter([&] {
        const float* x = work_->boundaries[index][micro].data();
        const block_activations<T>& kept = work_->kept(index, micro);
        if (!batch_.keep_activations) {
          block_->forward(pool_, work_->scratch, names, **weights, x, kept, nullptr);
        }
        block_->backward(pool_, work_->scratch, names, **weights, **gradients, x, kept,
                         work_->gradients, stream(micro));
      });
      if (status done = expect_next(index, micro); !done) return done;
    }
    return state_->push(std::move(*gradients), true);
  }

  status embed_backward(std::span<const std::uint32_t> inputs) {
    result<std::unique_ptr<gradients_view>> gradients = state_->gradients(model_.embedding);
    if (!gradients) return gradients.error();
    pool_.enter([&] {
      for (std::size_t micro = 0; micro < batch_.micro_batches; ++micro) {
        embed_rows_backward<T>(pool_, model_, **gradients,
                               {of_micro_batch(inputs, micro), batch_.tokens}, config_.width,
                               stream(micro));
      }
    });
    return state_->push(std::move(*gradients), true);
  }

  float* stream(std::size_t micro) { return work_->boundaries.back()[micro].data(); }

  gpt_config config_;
  const gpt_model& model_;
  batch_shape batch_;
  compute_pool pool_;
  product_library<T> library_;
  offloaded_inputs offloaded_;
  std::vector<std::vector<activation_id>> left_;  ///< the device; [blocks][micro-batches]
  std::optional<transformer_block<T>> block_, single_block_;
  std::optional<language_head<T>> head_, single_head_;
  training_state* state_ = nullptr;
  std::optional<gpt_workspace<T>> work_;
  std::vector<std::uint32_t> window_;
};

template <class T>
result<std::span<const float>> typed_gpt<T>::next_logits(std::span<const std::uint32_t> window) {
  require(state_ != nullptr, "a gpt is attached before its passes");
  require(!window.empty() && window.size() <= batch_.tokens,
          "a window holds at least one and at most the batch's tokens");
  // Padded at its end, where a causal model does not look.
  window_.assign(batch_.tokens, 0);
  std::ranges::copy(window, window_.begin());
  float* x = work_->boundaries[0][0].data();
  state_->begin_pass("generate");
  {
    result<std::unique_ptr<weights_view>> weights = state_->fetch(model_.embedding);
    if (!weights) return weights.error();
    embed_rows<T>(pool_, model_, **weights, {window_, batch_.tokens}, config_.width, x);
  }
  for (const block_parameters& names : model_.blocks) {
    result<std::unique_ptr<weights_view>> weights = state_->fetch(names.layer);
    if (!weights) return weights.error();
    pool_.enter([&] {
      single_block_->forward(pool_, work_->scratch, names, **weights, x, work_->kept(0, 0), x);
    });
  }
  result<std::unique_ptr<weights_view>> weights = state_->fetch(model_.head);
  if (!weights) return weights.error();
  pool_.enter([&] {
    single_head_->logits(pool_, work_->scratch, model_, **weights,
                         x + (window.size() - 1) * config_.width, work_->head);
  });
  return std::span<const float>(work_->head.logits.first(config_.vocabulary));
}

}  // namespace

result<std::unique_ptr<gpt>> make_gpt(const gpt_config& config, const gpt_model& model,
                                      const batch_shape& batch) {
  if (status usable = check(config, batch); !usable) return usable.error();
  switch (compute_type(config.stored)) {
    case dtype::f32:
      return std::unique_ptr<gpt>(std::make_unique<typed_gpt<float>>(config, model, batch));
    case dtype::f16:
      return std::unique_ptr<gpt>(std::make_unique<typed_gpt<float16>>(config, model, batch));
    case dtype::bf16: break;
  }
  return std::unique_ptr<gpt>(std::make_unique<typed_gpt<bfloat16>>(config, model, batch));
}

result<bytes> activation_bytes(const gpt_config& config, const batch_shape& batch) {
  if (status usable = check(config, batch); !usable) return usable.error();
  const gpt_model model = declare(config);
  const result<std::unique_ptr<gpt>> made = make_gpt(config, model, batch);
  if (!made) return made.error();
  return (*made)->activation_bytes();
}

}  // namespace ballast::tools
