#include "tools/trainer/token_embedding.hpp"

#include "tools/trainer/row_operations.hpp"

namespace ballast::tools {

template <class T>
void embed_rows(compute_pool& pool, const gpt_model& gpt, const weights_view& weights,
                token_rows rows, std::size_t width, float* x) {
  const T* token_table = weights_of<T>(weights, gpt.token_embedding);
  const T* position_table = weights_of<T>(weights, gpt.position_embedding);
  pool.for_ranges(rows.ids.size(), rows_a_task,
                  [&](std::size_t first, std::size_t count, unsigned) {
                    for (std::size_t row = first; row < first + count; ++row) {
                      best_kernels<T>().embed(token_table + rows.ids[row] * width,
                                              position_table + rows.position(row) * width, width,
                                              x + row * width);
                    }
                  });
}

template <class T>
void embed_rows_backward(compute_pool& pool, const gpt_model& gpt, gradients_view& gradients,
                         token_rows rows, std::size_t width, const float* stream) {
  float* token_table = gradients.gradient(gpt.token_embedding).data();
  float* position_table = gradients.gradient(gpt.position_embedding).data();
  // Shared out by columns: two rows may hold the same token.
  pool.for_ranges(width, columns_a_task, [&](std::size_t first, std::size_t count, unsigned) {
    for (std::size_t row = 0; row < rows.ids.size(); ++row) {
      const float* from = stream + row * width + first;
      best_kernels<T>().accumulate(from, count, token_table + rows.ids[row] * width + first);
      best_kernels<T>().accumulate(from, count,
                                   position_table + rows.position(row) * width + first);
    }
  });
}

template void embed_rows<float>(compute_pool&, const gpt_model&, const weights_view&, token_rows,
                                std::size_t, float*);
template void embed_rows<bfloat16>(compute_pool&, const gpt_model&, const weights_view&, token_rows,
                                   std::size_t, float*);
template void embed_rows<float16>(compute_pool&, const gpt_model&, const weights_view&, token_rows,
                                  std::size_t, float*);
template void embed_rows_backward<float>(compute_pool&, const gpt_model&, gradients_view&,
                                         token_rows, std::size_t, const float*);
template void embed_rows_backward<bfloat16>(compute_pool&, const gpt_model&, gradients_view&,
                                            token_rows, std::size_t, const float*);
template void embed_rows_backward<float16>(compute_pool&, const gpt_model&, gradients_view&,
                                           token_rows, std::size_t, const float*);

}  // namespace ballast::tools
