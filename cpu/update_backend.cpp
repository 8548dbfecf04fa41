#include <fmt/format.h>

#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>
#include <cpu/floating_point_mode.hpp>
#include <cpu/instruction_sets.hpp>
#include <cpu/kernels/table.hpp>
#include <cpu/reference.hpp>
#include <cpu/update_backend.hpp>

namespace ballast::cpu {
namespace {

static_assert(kernel_table::encodings == encoding_count);

const kernel_table& kernels_of(instruction_set isa) {
  switch (isa) {
    case instruction_set::avx512: return avx512_kernels;
    case instruction_set::avx2: return avx2_kernels;
    case instruction_set::sse2:
    case instruction_set::automatic: break;
  }
  return sse2_kernels;
}

state_arrays arrays_of(const update_recipe& recipe, const state_view& view) {
  return {view.weights,     view.residual,       view.momentum,
          view.variance,    view.momentum_scale, view.variance_scale,
          view.gradient,    view.count.value,    static_cast<gradient_type>(recipe.gradient),
          view.first.value, recipe.noise_key};
}

class simd_updates final : public update_backend {
 public:
  explicit simd_updates(instruction_set isa) : name_(name_of(isa)), kernels_(kernels_of(isa)) {}

  std::string_view name() const override { return name_; }

  void update(const update_recipe& recipe, const state_view& view, std::uint32_t& findings,
              stream_ref) override {
    require(view.first.value % scale_group.value == 0,
            "a run begins at a multiple of 128 elements");
    const auto stored = static_cast<std::size_t>(recipe.stored);
    const default_floating_point mode;
    const bool overflow = std::visit(
        [&](const auto& scalars) {
          return kernel_for(scalars, stored)(scalars, arrays_of(recipe, view));
        },
        recipe.scalars);
    if (overflow) findings |= found_weight_overflow;
  }

  void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                       std::span<double> sums, std::uint32_t& findings, stream_ref) override {
    require(sums.size() == count_up(elements{source.size()}, block_elements), "one sum a block");
    const auto encode = kernels_.encode[static_cast<std::size_t>(type)];
    const default_floating_point mode;
    if (encode(source.data(), target, sums.data(), source.size())) {
      findings |= found_non_finite_gradient;
    }
  }

  void accumulate(std::span<float> into, std::span<const float> from, stream_ref) override {
    require(into.size() == from.size(), "as many values are added as there are sums");
    const default_floating_point mode;
    kernels_.accumulate(into.data(), from.data(), into.size());
  }

  void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                     std::uint32_t& findings) override {
    if (stored != encoding::exact || view.momentum != nullptr) {
      reference::encode_master(stored, master, view, findings);
      return;
    }
    require(master.size() == view.count.value, "one master value an element");
    const default_floating_point mode;
    if (kernels_.split(master.data(), view.weights, view.residual, master.size())) {
      findings |= found_weight_overflow;
    }
  }

  void decode_master(encoding stored, const state_view& view,
                     std::span<float> master) const override {
    if (stored != encoding::exact) {
      reference::decode_master(stored, view, master);
      return;
    }
    require(master.size() == view.count.value, "one master value an element");
    kernels_.join(view.weights, view.residual, master.data(), master.size());
  }

  void encode_moment(encoding stored, state_part which, std::span<const float> values,
                     const state_view& view) override {
    reference::encode_moment(stored, which, values, view);
  }

  void decode_moment(encoding stored, state_part which, const state_view& view,
                     std::span<float> values) const override {
    reference::decode_moment(stored, which, view, values);
  }

 private:
  template <class Scalars>
  using kernel = kernel_table::update<Scalars>*;

  kernel<adamw_scalars> kernel_for(const adamw_scalars&, std::size_t stored) const {
    return kernels_.adamw[stored];
  }
  kernel<adam_scalars> kernel_for(const adam_scalars&, std::size_t stored) const {
    return kernels_.adam[stored];
  }
  kernel<sgd_scalars> kernel_for(const sgd_scalars&, std::size_t stored) const {
    return kernels_.sgd[stored];
  }

  std::string_view name_;
  const kernel_table& kernels_;
};

}  // namespace

result<std::unique_ptr<update_backend>> make_update_backend(instruction_set isa) {
  const result<instruction_set> chosen = choose(isa);
  if (!chosen) return chosen.error();
  return std::unique_ptr<update_backend>(std::make_unique<simd_updates>(*chosen));
}

}  // namespace ballast::cpu
