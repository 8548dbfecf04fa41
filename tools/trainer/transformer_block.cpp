#include "tools/trainer/transformer_block.hpp"

#include <algorithm>

#include "tools/trainer/row_operations.hpp"

namespace ballast::tools {

namespace {

/// X[rows, in] W[out, in]^T, finished block by block in scratch.
product_shape linear(std::size_t rows, std::size_t out, std::size_t in) {
  return {.m = rows, .n = out, .k = in, .lda = in, .ldb = in, .ldc = 0, .b_transposed = true};
}

/// dY[rows, out] W[out, in]; `stride` 0: finished block by block in scratch.
product_shape input_gradient(std::size_t rows, std::size_t out, std::size_t in,
                             std::size_t stride) {
  return {.m = rows, .n = in, .k = out, .lda = out, .ldb = in, .ldc = stride};
}

/// dW[out, in] += dY[rows, out]^T X[rows, in].
product_shape weight_gradient(std::size_t rows, std::size_t out, std::size_t in) {
  return {.m = out,
          .n = in,
          .k = rows,
          .lda = out,
          .ldb = in,
          .ldc = in,
          .a_transposed = true,
          .accumulate = true};
}

}  // namespace

template <class T>
block_activations<T>::block_activations(carver& from, const gpt_config& config, std::size_t rows) {
  const std::size_t width = config.width;
  mean1 = from.take<float>(rows);
  deviation1 = from.take<float>(rows);
  mean2 = from.take<float>(rows);
  deviation2 = from.take<float>(rows);
  normal1 = from.take<T>(rows * width);
  qkv = from.take<T>(rows * 3 * width);
  log_sums = from.take<float>(rows * config.heads);
  attention = from.take<T>(rows * width);
  mid = from.take<float>(rows * width);
  normal2 = from.take<T>(rows * width);
  before = from.take<T>(rows * 4 * width);
  after = from.take<T>(rows * 4 * width);
}

template <class T>
block_gradients<T>::block_gradients(carver& from, const gpt_config& config, std::size_t rows) {
  const std::size_t width = config.width;
  stream = from.take<T>(std::is_same_v<T, float> ? 0 : rows * width);
  wide = from.take<T>(rows * 4 * width);
  attention = from.take<T>(rows * width);
  normal = from.take<float>(rows * width);
}

template <class T>
transformer_block<T>::transformer_block(product_library<T>& library, const gpt_config& config,
                                        std::size_t sequences, std::size_t tokens, bool trains)
    : sequences_(sequences),
      rows_(sequences * tokens),
      width_(config.width),
      attention_(library, config.heads, config.width, tokens),
      forward_{.qkv = {library, linear(rows_, 3 * width_, width_)},
               .attention_out = {library, linear(rows_, width_, width_)},
               .up = {library, linear(rows_, 4 * width_, width_)},
               .down = {library, linear(rows_, width_, 4 * width_)}} {
  if (!trains) return;
  const std::size_t c = width_;
  backward_.emplace(
      backward_products{.down = {library, input_gradient(rows_, c, 4 * c, 0)},
                        .up = {library, input_gradient(rows_, 4 * c, c, c)},
                        .attention_out = {library, input_gradient(rows_, c, c, 0)},
                        .qkv = {library, input_gradient(rows_, 3 * c, c, c)},
                        .down_weight = {library, weight_gradient(rows_, c, 4 * c)},
                        .up_weight = {library, weight_gradient(rows_, 4 * c, c)},
                        .attention_out_weight = {library, weight_gradient(rows_, c, c)},
                        .qkv_weight = {library, weight_gradient(rows_, 3 * c, c)}});
}

template <class T>
std::size_t transformer_block<T>::block_elements() const {
  std::size_t most =
      std::max({forward_.qkv.block_elements(), forward_.attention_out.block_elements(),
                forward_.up.block_elements(), forward_.down.block_elements()});
  if (backward_) {
    most = std::max(
        {most, backward_->down.block_elements(), backward_->attention_out.block_elements()});
  }
  return most;
}

template <class T>
void transformer_block<T>::forward(compute_pool& pool, const scratch_set& scratch,
                                   const block_parameters& names, const weights_view& weights,
                                   const float* x, const block_activations<T>& kept,
                                   float* out) const {
  const kernel_table<T>& kernel = best_kernels<T>();
  const std::size_t c = width_;
  const auto of = [&](parameter_id which) { return weights_of<T>(weights, which); };
  /// out = residual + (product + bias), block by block.
  const auto add_to = [&](const float* residual, const T* bias, float* sum) {
    return [=, &kernel](const product_block& block, const float* values, std::size_t stride) {
      for (std::size_t row = 0; row < block.rows; ++row) {
        const std::size_t at = (block.row + row) * c + block.column;
        kernel.add_bias_residual(values + row * stride, bias + block.column, residual + at,
                                 block.columns, sum + at);
      }
    };
  };

  norm_rows<T>(pool, x, {of(names.norm1_gain), of(names.norm1_bias)}, rows_, c, kept.normal1.data(),
               kept.mean1.data(), kept.deviation1.data());
  forward_.qkv.run_blocks(pool, scratch, kept.normal1.data(), of(names.qkv_weight),
                          [&, bias = of(names.qkv_bias)](const product_block& block,
                                                         const float* values, std::size_t stride) {
                            for (std::size_t row = 0; row < block.rows; ++row) {
                              kernel.add_bias(
                                  values + row * stride, bias + block.column, block.columns,
                                  kept.qkv.data() + (block.row + row) * 3 * c + block.column);
                            }
                          });
  attention_.forward(pool, scratch, sequences_, kept.qkv.data(), kept.attention.data(),
                     kept.log_sums.data());
  forward_.attention_out.run_blocks(pool, scratch, kept.attention.data(),
                                    of(names.attention_out_weight),
                                    add_to(x, of(names.attention_out_bias), kept.mid.data()));
  norm_rows<T>(pool, kept.mid.data(), {of(names.norm2_gain), of(names.norm2_bias)}, rows_, c,
               kept.normal2.data(), kept.mean2.data(), kept.deviation2.data());
  forward_.up.run_blocks(pool, scratch, kept.normal2.data(), of(names.up_weight),
                         [&, bias = of(names.up_bias)](const product_block& block,
                                                       const float* values, std::size_t stride) {
                           for (std::size_t row = 0; row < block.rows; ++row) {
                             const std::size_t at = (block.row + row) * 4 * c + block.column;
                             kernel.gelu(values + row * stride, bias + block.column, block.columns,
                                         kept.before.data() + at, kept.after.data() + at);
                           }
                         });
  if (out == nullptr) return;
  forward_.down.run_blocks(pool, scratch, kept.after.data(), of(names.down_weight),
                           add_to(kept.mid.data(), of(names.down_bias), out));
}

template <class T>
void transformer_block<T>::backward(compute_pool& pool, const scratch_set& scratch,
                                    const block_parameters& names, const weights_view& weights,
                                    gradients_view& gradients, const float* x,
                                    const block_activations<T>& kept,
                                    const block_gradients<T>& work, float* stream) const {
  backward_mlp(pool, scratch, names, weights, gradients, kept, work, stream);
  backward_attention(pool, scratch, names, weights, gradients, x, kept, work, stream);
}

template <class T>
void transformer_block<T>::backward_mlp(compute_pool& pool, const scratch_set& scratch,
                                        const block_parameters& names, const weights_view& weights,
                                        gradients_view& gradients, const block_activations<T>& kept,
                                        const block_gradients<T>& work, float* stream) const {
  const kernel_table<T>& kernel = best_kernels<T>();
  const std::size_t c = width_;
  const auto into = [&](parameter_id which) { return gradients.gradient(which).data(); };
  const T* dout = narrowed<T>(pool, stream, rows_, c, work.stream);
  sum_columns<float>(pool, stream, {rows_, c, c}, into(names.down_bias));
  backward_->down_weight.run(pool, scratch, dout, kept.after.data(), into(names.down_weight));
  backward_->down.run_blocks(
      pool, scratch, dout, weights_of<T>(weights, names.down_weight),
      [&](const product_block& block, const float* values, std::size_t stride) {
        for (std::size_t row = 0; row < block.rows; ++row) {
          const std::size_t at = (block.row + row) * 4 * c + block.column;
          kernel.gelu_backward(values + row * stride, kept.before.data() + at, block.columns,
                               work.wide.data() + at);
        }
      });
  sum_columns<T>(pool, work.wide.data(), {rows_, 4 * c, 4 * c}, into(names.up_bias));
  backward_->up_weight.run(pool, scratch, work.wide.data(), kept.normal2.data(),
                           into(names.up_weight));
  backward_->up.run(pool, scratch, work.wide.data(), weights_of<T>(weights, names.up_weight),
                    work.normal.data());
  norm_rows_backward<T>(pool, work.normal.data(), kept.mid.data(),
                        weights_of<T>(weights, names.norm2_gain), kept.mean2.data(),
                        kept.deviation2.data(), rows_, c, stream, into(names.norm2_gain),
                        into(names.norm2_bias));
}

template <class T>
void transformer_block<T>::backward_attention(compute_pool& pool, const scratch_set& scratch,
                                              const block_parameters& names,
                                              const weights_view& weights,
                                              gradients_view& gradients, const float* x,
                                              const block_activations<T>& kept,
                                              const block_gradients<T>& work, float* stream) const {
  const kernel_table<T>& kernel = best_kernels<T>();
  const std::size_t c = width_;
  const auto into = [&](parameter_id which) { return gradients.gradient(which).data(); };
  const T* dmid = narrowed<T>(pool, stream, rows_, c, work.stream);
  sum_columns<float>(pool, stream, {rows_, c, c}, into(names.attention_out_bias));
  backward_->attention_out_weight.run(pool, scratch, dmid, kept.attention.data(),
                                      into(names.attention_out_weight));
  backward_->attention_out.run_blocks(
      pool, scratch, dmid, weights_of<T>(weights, names.attention_out_weight),
      [&](const product_block& block, const float* values, std::size_t stride) {
        for (std::size_t row = 0; row < block.rows; ++row) {
          kernel.narrow(values + row * stride, block.columns,
                        work.attention.data() + (block.row + row) * c + block.column);
        }
      });
  T* dqkv = work.wide.data();
  attention_.backward(pool, scratch, sequences_, kept.qkv.data(), kept.log_sums.data(),
                      work.attention.data(), dqkv);
  sum_columns<T>(pool, dqkv, {rows_, 3 * c, 3 * c}, into(names.qkv_bias));
  backward_->qkv_weight.run(pool, scratch, dqkv, kept.normal1.data(), into(names.qkv_weight));
  backward_->qkv.run(pool, scratch, dqkv, weights_of<T>(weights, names.qkv_weight),
                     work.normal.data());
  norm_rows_backward<T>(pool, work.normal.data(), x, weights_of<T>(weights, names.norm1_gain),
                        kept.mean1.data(), kept.deviation1.data(), rows_, c, stream,
                        into(names.norm1_gain), into(names.norm1_bias));
}

template struct block_activations<float>;
template struct block_activations<bfloat16>;
template struct block_activations<float16>;
template struct block_gradients<float>;
template struct block_gradients<bfloat16>;
template struct block_gradients<float16>;
template class transformer_block<float>;
template class transformer_block<bfloat16>;
template class transformer_block<float16>;

}  // namespace ballast::tools
