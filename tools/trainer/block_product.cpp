#include "tools/trainer/block_product.hpp"

#include <dnnl.hpp>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "tools/trainer/kernels.hpp"

namespace ballast::tools {

namespace {

using dnnl::memory;

/// The one CPU engine; it holds no state that changes.
const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc matrix(std::size_t rows, std::size_t columns, std::size_t stride, bool transposed,
                    memory::data_type type) {
  const auto r = static_cast<memory::dim>(rows);
  const auto c = static_cast<memory::dim>(columns);
  const auto s = static_cast<memory::dim>(stride);
  return {{r, c}, type, transposed ? memory::dims{1, s} : memory::dims{s, 1}};
}

dnnl::matmul::primitive_desc describe(const product_shape& shape, memory::data_type type) {
  const memory::desc a = matrix(shape.m, shape.k, shape.lda, shape.a_transposed, type);
  const memory::desc b = matrix(shape.k, shape.n, shape.ldb, shape.b_transposed, type);
  const memory::desc c = matrix(shape.m, shape.n, shape.ldc, false, memory::data_type::f32);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (shape.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  return {dnnl::matmul::desc(a, b, c), attributes, cpu_engine()};
}

/// The arguments of one thread's calls; only their addresses change.
struct call {
  dnnl::stream stream;
  memory a, b, c, scratch;
  std::unordered_map<int, memory> arguments;
};

call make_call(const dnnl::matmul::primitive_desc& description) {
  const dnnl::engine& engine = cpu_engine();
  call made{.stream = dnnl::stream(engine),
            .a = memory(description.src_desc(), engine, DNNL_MEMORY_NONE),
            .b = memory(description.weights_desc(), engine, DNNL_MEMORY_NONE),
            .c = memory(description.dst_desc(), engine, DNNL_MEMORY_NONE),
            .scratch = memory(description.scratchpad_desc(), engine, DNNL_MEMORY_NONE),
            .arguments = {}};
  made.arguments = {{DNNL_ARG_SRC, made.a},
                    {DNNL_ARG_WEIGHTS, made.b},
                    {DNNL_ARG_DST, made.c},
                    {DNNL_ARG_SCRATCHPAD, made.scratch}};
  return made;
}

template <class T>
class native_product final : public block_product<T> {
 public:
  native_product(const product_shape& shape, unsigned slots)
      : native_product(describe(shape, std::is_same_v<T, float> ? memory::data_type::f32
                                                                : memory::data_type::bf16),
                       slots) {}

  std::size_t scratch_bytes() const override { return scratch_bytes_; }

  void run(unsigned slot, const T* a, const T* b, float* c, std::byte* scratch) const override {
    call& now = calls_[slot];
    now.a.set_data_handle(const_cast<T*>(a));
    now.b.set_data_handle(const_cast<T*>(b));
    now.c.set_data_handle(c);
    if (scratch_bytes_ > 0) now.scratch.set_data_handle(scratch);
    primitive_.execute(now.stream, now.arguments);
  }

 private:
  native_product(const dnnl::matmul::primitive_desc& description, unsigned slots)
      : primitive_(description), scratch_bytes_(description.scratchpad_desc().get_size()) {
    for (unsigned slot = 0; slot < slots; ++slot) {
      calls_.push_back(make_call(description));
    }
  }

  dnnl::matmul primitive_;
  std::size_t scratch_bytes_;
  mutable std::vector<call> calls_;  ///< by slot: each thread changes its own only
};

/// A matrix as it is stored, copied to fp32 without gaps.
struct stored_matrix {
  std::size_t rows, columns, stride;

  std::size_t floats() const { return (rows * columns + 15) / 16 * 16; }
  template <class T>
  void widen(const T* from, float* to) const {
    for (std::size_t row = 0; row < rows; ++row) {
      best_kernels<T>().widen(from + row * stride, columns, to + row * columns);
    }
  }
};

template <class T>
class widened_product final : public block_product<T> {
 public:
  widened_product(const product_shape& shape, unsigned slots)
      : a_{shape.a_transposed ? shape.k : shape.m, shape.a_transposed ? shape.m : shape.k,
           shape.lda},
        b_{shape.b_transposed ? shape.n : shape.k, shape.b_transposed ? shape.k : shape.n,
           shape.ldb},
        product_(without_gaps(shape, a_, b_), slots) {}

  std::size_t scratch_bytes() const override {
    return (a_.floats() + b_.floats()) * sizeof(float) + product_.scratch_bytes();
  }

  void run(unsigned slot, const T* a, const T* b, float* c, std::byte* scratch) const override {
    auto* wide_a = reinterpret_cast<float*>(scratch);
    float* wide_b = wide_a + a_.floats();
    a_.widen(a, wide_a);
    b_.widen(b, wide_b);
    product_.run(slot, wide_a, wide_b, c, reinterpret_cast<std::byte*>(wide_b + b_.floats()));
  }

 private:
  static product_shape without_gaps(product_shape shape, const stored_matrix& a,
                                    const stored_matrix& b) {
    shape.lda = a.columns;
    shape.ldb = b.columns;
    return shape;
  }

  stored_matrix a_;
  stored_matrix b_;
  native_product<float> product_;
};

std::unique_ptr<block_product<float>> make(const product_shape& shape, unsigned slots, float) {
  return std::make_unique<native_product<float>>(shape, slots);
}

std::unique_ptr<block_product<bfloat16>> make(const product_shape& shape, unsigned slots,
                                              bfloat16) {
  try {
    return std::make_unique<native_product<bfloat16>>(shape, slots);
  } catch (const dnnl::error& problem) {
    if (problem.status != dnnl_unimplemented) throw;
    return std::make_unique<widened_product<bfloat16>>(shape, slots);
  }
}

std::unique_ptr<block_product<float16>> make(const product_shape& shape, unsigned slots, float16) {
  return std::make_unique<widened_product<float16>>(shape, slots);
}

}  // namespace

template <class T>
product_library<T>::product_library(unsigned slots) : slots_(slots) {}

template <class T>
product_library<T>::~product_library() = default;

template <class T>
const block_product<T>& product_library<T>::get(const product_shape& shape) {
  std::unique_ptr<block_product<T>>& found = products_[shape];
  if (!found) {
    found = make(shape, slots_, T{});
    if (found->scratch_bytes() > scratch_bytes_) scratch_bytes_ = found->scratch_bytes();
  }
  return *found;
}

template class product_library<float>;
template class product_library<bfloat16>;
template class product_library<float16>;

}  // namespace ballast::tools
