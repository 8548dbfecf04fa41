#include "tools/trainer/causal_attention.hpp"

#include <algorithm>
#include <cmath>

#include "tools/trainer/carver.hpp"

namespace ballast::tools {

namespace {

constexpr std::size_t most_queries = 64;

}  // namespace

/// One task's arrays, cut from a thread's attention scratch.
template <class T>
struct causal_attention<T>::head_memory {
  std::span<float> scores, dprobability;  ///< [64, stride]
  std::span<T> probability, dscores;      ///< [64, stride]
  std::span<float> rows;                  ///< [64, head width]: output or dQ
  std::span<float> dkey, dvalue;          ///< [tokens, head width]

  head_memory(carver& from, std::size_t tokens, std::size_t stride, std::size_t head_width) {
    const std::size_t queries = std::min(most_queries, tokens);
    scores = from.take<float>(queries * stride);
    dprobability = from.take<float>(queries * stride);
    probability = from.take<T>(queries * stride);
    dscores = from.take<T>(queries * stride);
    rows = from.take<float>(queries * head_width);
    dkey = from.take<float>(tokens * head_width);
    dvalue = from.take<float>(tokens * head_width);
  }
};

template <class T>
causal_attention<T>::causal_attention(product_library<T>& library, std::size_t heads,
                                      std::size_t width, std::size_t tokens)
    : heads_(heads),
      width_(width),
      tokens_(tokens),
      head_width_(width / heads),
      stride_((tokens + 15) / 16 * 16),
      scale_(1.0f / std::sqrt(static_cast<float>(width / heads))) {
  const std::size_t h = head_width_;
  for (std::size_t first = 0; first < tokens; first += most_queries) {
    const std::size_t rows = std::min(most_queries, tokens - first);
    const std::size_t keys = first + rows;
    const auto product = [&](product_shape shape) { return &library.get(shape); };
    blocks_.push_back(
        {.first = first,
         .rows = rows,
         .keys = keys,
         .scores = product({.m = rows,
                            .n = keys,
                            .k = h,
                            .lda = 3 * width,
                            .ldb = 3 * width,
                            .ldc = stride_,
                            .b_transposed = true}),
         .output =
             product({.m = rows, .n = h, .k = keys, .lda = stride_, .ldb = 3 * width, .ldc = h}),
         .dprobability = product({.m = rows,
                                  .n = keys,
                                  .k = h,
                                  .lda = width,
                                  .ldb = 3 * width,
                                  .ldc = stride_,
                                  .b_transposed = true}),
         .dquery =
             product({.m = rows, .n = h, .k = keys, .lda = stride_, .ldb = 3 * width, .ldc = h}),
         .dkey = product({.m = keys,
                          .n = h,
                          .k = rows,
                          .lda = stride_,
                          .ldb = 3 * width,
                          .ldc = h,
                          .a_transposed = true,
                          .accumulate = true}),
         .dvalue = product({.m = keys,
                            .n = h,
                            .k = rows,
                            .lda = stride_,
                            .ldb = width,
                            .ldc = h,
                            .a_transposed = true,
                            .accumulate = true})});
  }
}

template <class T>
std::size_t causal_attention<T>::scratch_bytes() const {
  carver counter;
  head_memory(counter, tokens_, stride_, head_width_);
  return counter.used_bytes();
}

template <class T>
void causal_attention<T>::forward(compute_pool& pool, const scratch_set& scratch,
                                  std::size_t sequences, const T* qkv, T* out,
                                  float* log_sums) const {
  pool.for_each(sequences * heads_, [&](std::size_t index, unsigned slot) {
    const std::size_t sequence = index / heads_;
    const std::size_t head = index % heads_;
    const std::size_t row = sequence * tokens_;
    forward_head(scratch[slot], slot, qkv + row * 3 * width_ + head * head_width_,
                 out + row * width_ + head * head_width_, log_sums + index * tokens_);
  });
}

template <class T>
void causal_attention<T>::forward_head(const thread_scratch& scratch, unsigned slot, const T* qkv,
                                       T* out, float* log_sums) const {
  carver cut(scratch.attention);
  const head_memory memory(cut, tokens_, stride_, head_width_);
  const kernel_table<T>& kernel = best_kernels<T>();
  const T* key = qkv + width_;
  const T* value = qkv + 2 * width_;
  for (const query_block& block : blocks_) {
    block.scores->run(slot, qkv + block.first * 3 * width_, key, memory.scores.data(),
                      scratch.product.data());
    for (std::size_t row = 0; row < block.rows; ++row) {
      const std::size_t query = block.first + row;
      log_sums[query] = kernel.softmax(memory.scores.data() + row * stride_, query + 1, block.keys,
                                       scale_, memory.probability.data() + row * stride_);
    }
    block.output->run(slot, memory.probability.data(), value, memory.rows.data(),
                      scratch.product.data());
    for (std::size_t row = 0; row < block.rows; ++row) {
      kernel.narrow(memory.rows.data() + row * head_width_, head_width_,
                    out + (block.first + row) * width_);
    }
  }
}

template <class T>
void causal_attention<T>::backward(compute_pool& pool, const scratch_set& scratch,
                                   std::size_t sequences, const T* qkv, const float* log_sums,
                                   const T* dout, T* dqkv) const {
  pool.for_each(sequences * heads_, [&](std::size_t index, unsigned slot) {
    const std::size_t sequence = index / heads_;
    const std::size_t head = index % heads_;
    const std::size_t wide = sequence * tokens_ * 3 * width_ + head * head_width_;
    backward_head(scratch[slot], slot, qkv + wide, log_sums + index * tokens_,
                  dout + sequence * tokens_ * width_ + head * head_width_, dqkv + wide);
  });
}

template <class T>
void causal_attention<T>::backward_head(const thread_scratch& scratch, unsigned slot, const T* qkv,
                                        const float* log_sums, const T* dout, T* dqkv) const {
  carver cut(scratch.attention);
  const head_memory memory(cut, tokens_, stride_, head_width_);
  const kernel_table<T>& kernel = best_kernels<T>();
  std::byte* product = scratch.product.data();
  const T* key = qkv + width_;
  const T* value = qkv + 2 * width_;
  std::ranges::fill(memory.dkey, 0.0f);
  std::ranges::fill(memory.dvalue, 0.0f);
  for (const query_block& block : blocks_) {
    const T* query = qkv + block.first * 3 * width_;
    const T* dout_rows = dout + block.first * width_;
    block.scores->run(slot, query, key, memory.scores.data(), product);
    block.dprobability->run(slot, dout_rows, value, memory.dprobability.data(), product);
    for (std::size_t row = 0; row < block.rows; ++row) {
      const std::size_t at = row * stride_;
      kernel.softmax_backward(memory.scores.data() + at, memory.dprobability.data() + at,
                              block.first + row + 1, block.keys, scale_,
                              log_sums[block.first + row], memory.probability.data() + at,
                              memory.dscores.data() + at);
    }
    block.dquery->run(slot, memory.dscores.data(), key, memory.rows.data(), product);
    block.dkey->run(slot, memory.dscores.data(), query, memory.dkey.data(), product);
    block.dvalue->run(slot, memory.probability.data(), dout_rows, memory.dvalue.data(), product);
    for (std::size_t row = 0; row < block.rows; ++row) {
      kernel.narrow(memory.rows.data() + row * head_width_, head_width_,
                    dqkv + (block.first + row) * 3 * width_);
    }
  }
  for (std::size_t row = 0; row < tokens_; ++row) {
    T* to = dqkv + row * 3 * width_;
    kernel.narrow(memory.dkey.data() + row * head_width_, head_width_, to + width_);
    kernel.narrow(memory.dvalue.data() + row * head_width_, head_width_, to + 2 * width_);
  }
}

template class causal_attention<float>;
template class causal_attention<bfloat16>;
template class causal_attention<float16>;

}  // namespace ballast::tools
