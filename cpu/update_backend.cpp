#include <fmt/format.h>

#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>
#include <cpu/floating_point_mode.hpp>
#include <cpu/kernel_table.hpp>
#include <cpu/update_backend.hpp>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace ballast::cpu {
namespace {

constexpr std::string_view name_of(instruction_set isa) {
  return isa == instruction_set::avx512 ? "avx512" : "baseline";
}

void require_kernels(encoding stored) {
  require(layout_of(stored).has_value(), "the encoding has kernels (seal() refuses the others)");
}

class simd_updates final : public update_backend {
 public:
  explicit simd_updates(instruction_set isa)
      : name_(name_of(isa)),
        kernels_(isa == instruction_set::avx512 ? avx512_kernels : baseline_kernels) {}

  std::string_view name() const override { return name_; }

  void update(encoding stored, const adamw_scalars& scalars, const state_view& view,
              std::uint32_t& findings, stream_ref) override {
    require_kernels(stored);
    const adamw_factors factors = {scalars.beta1,         scalars.momentum_gain, scalars.beta2,
                                   scalars.variance_gain, scalars.step_size,     scalars.epsilon,
                                   scalars.decay_rate};
    const state_arrays arrays = {view.weights,  view.residual, view.momentum,
                                 view.variance, view.gradient, view.count.value};
    const default_floating_point mode;
    if (stored == encoding::fp32) {
      kernels_.adamw_fp32(factors, arrays);
    } else if (kernels_.adamw_exact(factors, arrays)) {
      findings |= found_weight_overflow;
    }
  }

  void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                       std::span<double> sums, std::uint32_t& findings, stream_ref) override {
    require(type != dtype::f16, "gradients are f32 or bf16");
    require(sums.size() == count_up(elements{source.size()}, block_elements), "one sum a block");
    const auto encode = type == dtype::bf16 ? kernels_.encode_bf16 : kernels_.encode_f32;
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
    require_kernels(stored);
    require(master.size() == view.count.value, "one master value an element");
    if (stored == encoding::fp32) {
      kernels_.canonicalize(master.data(), view.weights, master.size());
    } else if (kernels_.split(master.data(), view.weights, view.residual, master.size())) {
      findings |= found_weight_overflow;
    }
    for (std::byte* moment : {view.momentum, view.variance}) {
      if (moment != nullptr && !master.empty()) std::memset(moment, 0, master.size_bytes());
    }
  }

  void decode_master(encoding stored, const state_view& view,
                     std::span<float> master) const override {
    require_kernels(stored);
    require(master.size() == view.count.value, "one master value an element");
    if (stored == encoding::exact) {
      kernels_.join(view.weights, view.residual, master.data(), master.size());
    } else if (!master.empty()) {
      std::memcpy(master.data(), view.weights, master.size_bytes());
    }
  }

 private:
  std::string_view name_;
  const kernel_table& kernels_;
};

/// The set that BALLAST_ISA names, or automatic where it is unset or empty.
result<instruction_set> asked_by_environment() {
  const char* value = std::getenv("BALLAST_ISA");
  const std::string_view name = value == nullptr ? "" : value;
  if (name.empty()) return instruction_set::automatic;
  for (const instruction_set isa : {instruction_set::baseline, instruction_set::avx512}) {
    if (name == name_of(isa)) return isa;
  }
  return failure{
      errc::invalid_argument,
      fmt::format("BALLAST_ISA={} names no instruction set: use baseline or avx512", name)};
}

}  // namespace

bool supports(instruction_set isa) {
  if (isa != instruction_set::avx512) return true;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

result<std::unique_ptr<update_backend>> make_update_backend(instruction_set isa) {
  if (isa == instruction_set::automatic) {
    const result<instruction_set> asked = asked_by_environment();
    if (!asked) return asked.error();
    isa = *asked;
  }
  if (isa == instruction_set::automatic) {
    isa = supports(instruction_set::avx512) ? instruction_set::avx512 : instruction_set::baseline;
  }
  if (!supports(isa)) {
    return failure{errc::unsupported,
                   fmt::format("this CPU or system does not run {} instructions: use baseline or "
                               "leave the instruction set automatic",
                               name_of(isa))};
  }
  return std::unique_ptr<update_backend>(std::make_unique<simd_updates>(isa));
}

}  // namespace ballast::cpu
