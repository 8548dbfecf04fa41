#include "tools/trainer/language_head.hpp"

#include <algorithm>
#include <cstring>

#include "tools/trainer/row_operations.hpp"

namespace ballast::tools {

namespace {

std::size_t divisor_up_to(std::size_t rows, std::size_t most) {
  for (std::size_t chunk = std::min(rows, most); chunk > 1; --chunk) {
    if (rows % chunk == 0) return chunk;
  }
  return 1;
}

std::size_t padded(std::size_t vocabulary) { return (vocabulary + 15) / 16 * 16; }

}  // namespace

template <class T>
head_activations<T>::head_activations(carver& from, const gpt_config& config, std::size_t chunk,
                                      bool trains) {
  mean = from.take<float>(chunk);
  deviation = from.take<float>(chunk);
  losses = from.take<float>(chunk);
  normal = from.take<T>(chunk * config.width);
  logits = from.take<float>(chunk * padded(config.vocabulary));
  dnormal = from.take<float>(trains ? chunk * config.width : 0);
  dx = from.take<float>(trains ? chunk * config.width : 0);
}

template <class T>
language_head<T>::language_head(product_library<T>& library, const gpt_config& config,
                                std::size_t rows, std::size_t logit_rows, bool trains)
    : rows_(rows),
      chunk_(divisor_up_to(rows, logit_rows)),
      width_(config.width),
      vocabulary_(config.vocabulary),
      stride_(padded(config.vocabulary)),
      logits_(library, {.m = chunk_,
                        .n = vocabulary_,
                        .k = width_,
                        .lda = width_,
                        .ldb = width_,
                        .ldc = stride_,
                        .b_transposed = true}) {
  if (!trains) return;
  backward_.emplace(backward_products{.input = {library,
                                                {.m = chunk_,
                                                 .n = width_,
                                                 .k = vocabulary_,
                                                 .lda = gradient_stride(),
                                                 .ldb = width_,
                                                 .ldc = width_}},
                                      .table = {library,
                                                {.m = vocabulary_,
                                                 .n = width_,
                                                 .k = chunk_,
                                                 .lda = gradient_stride(),
                                                 .ldb = width_,
                                                 .ldc = width_,
                                                 .a_transposed = true,
                                                 .accumulate = true}}});
}

template <class T>
void language_head<T>::logits(compute_pool& pool, const scratch_set& scratch, const gpt_model& gpt,
                              const weights_view& weights, const float* x,
                              const head_activations<T>& work) const {
  const norm_weights<T> norm{weights_of<T>(weights, gpt.final_gain),
                             weights_of<T>(weights, gpt.final_bias)};
  norm_rows<T>(pool, x, norm, chunk_, width_, work.normal.data(), work.mean.data(),
               work.deviation.data());
  logits_.run(pool, scratch, work.normal.data(), weights_of<T>(weights, gpt.token_embedding),
              work.logits.data());
}

template <class T>
double language_head<T>::chunk_loss(compute_pool& pool, std::span<const std::uint32_t> targets,
                                    const float* weight, const head_activations<T>& work) const {
  pool.for_each(chunk_, [&](std::size_t row, unsigned) {
    float* logits = work.logits.data() + row * stride_;
    T* gradient = weight == nullptr ? nullptr : reinterpret_cast<T*>(logits);
    if (targets[row] == ignored_target) {
      work.losses[row] = 0;
      if (gradient != nullptr) std::memset(gradient, 0, vocabulary_ * sizeof(T));
      return;
    }
    work.losses[row] = best_kernels<T>().cross_entropy(logits, vocabulary_, targets[row],
                                                       weight == nullptr ? 0 : *weight, gradient);
  });
  double sum = 0;
  for (std::size_t row = 0; row < chunk_; ++row) {
    sum += static_cast<double>(work.losses[row]);
  }
  return sum;
}

template <class T>
double language_head<T>::loss(compute_pool& pool, const scratch_set& scratch, const gpt_model& gpt,
                              const weights_view& weights, const float* x,
                              std::span<const std::uint32_t> targets,
                              const head_activations<T>& work) const {
  double sum = 0;
  for (std::size_t row = 0; row < rows_; row += chunk_) {
    logits(pool, scratch, gpt, weights, x + row * width_, work);
    sum += chunk_loss(pool, targets.subspan(row, chunk_), nullptr, work);
  }
  return sum;
}

template <class T>
double language_head<T>::loss_and_gradients(compute_pool& pool, const scratch_set& scratch,
                                            const gpt_model& gpt, const weights_view& weights,
                                            gradients_view& gradients, float* x,
                                            std::span<const std::uint32_t> targets, float weight,
                                            const head_activations<T>& work) const {
  double sum = 0;
  for (std::size_t row = 0; row < rows_; row += chunk_) {
    logits(pool, scratch, gpt, weights, x + row * width_, work);
    sum += chunk_loss(pool, targets.subspan(row, chunk_), &weight, work);
    chunk_backward(pool, scratch, gpt, weights, gradients, x + row * width_, work);
  }
  return sum;
}

template <class T>
void language_head<T>::chunk_backward(compute_pool& pool, const scratch_set& scratch,
                                      const gpt_model& gpt, const weights_view& weights,
                                      gradients_view& gradients, float* x,
                                      const head_activations<T>& work) const {
  const T* dlogits = reinterpret_cast<const T*>(work.logits.data());
  backward_->table.run(pool, scratch, dlogits, work.normal.data(),
                       gradients.gradient(gpt.token_embedding).data());
  backward_->input.run(pool, scratch, dlogits, weights_of<T>(weights, gpt.token_embedding),
                       work.dnormal.data());
  std::ranges::fill(work.dx, 0.0f);
  norm_rows_backward<T>(pool, work.dnormal.data(), x, weights_of<T>(weights, gpt.final_gain),
                        work.mean.data(), work.deviation.data(), chunk_, width_, work.dx.data(),
                        gradients.gradient(gpt.final_gain).data(),
                        gradients.gradient(gpt.final_bias).data());
  std::ranges::copy(work.dx, x);
}

template struct head_activations<float>;
template struct head_activations<bfloat16>;
template struct head_activations<float16>;
template class language_head<float>;
template class language_head<bfloat16>;
template class language_head<float16>;

}  // namespace ballast::tools
