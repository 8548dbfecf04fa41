// Arithmetic simple enough to be checked by eye: an update adds the gradient to the weights, both
// f32. It stands in for kernels where the order of calls is the question.
#pragma once

#include <ballast/update.hpp>
#include <cstring>

namespace ballast::gpu {

class adding_arithmetic final : public update_backend {
 public:
  std::string_view name() const override { return "adding"; }

  void update(const update_recipe&, const state_view& view, std::uint32_t& findings,
              stream_ref) override {
    for (std::uint64_t i = 0; i < view.count.value; ++i) {
      float weight = 0;
      float gradient = 0;
      std::memcpy(&weight, view.weights + i * sizeof weight, sizeof weight);
      std::memcpy(&gradient, view.gradient + i * sizeof gradient, sizeof gradient);
      weight += gradient;
      std::memcpy(view.weights + i * sizeof weight, &weight, sizeof weight);
    }
    findings |= found_weight_overflow;
  }
  void encode_gradient(std::span<const float> source, dtype, std::byte* target,
                       std::span<double> sums, std::uint32_t&, stream_ref) override {
    std::memmove(target, source.data(), source.size_bytes());
    for (double& sum : sums) {
      sum = 1;
    }
  }
  void accumulate(std::span<float> into, std::span<const float> from, stream_ref) override {
    for (std::size_t i = 0; i < into.size(); ++i) {
      into[i] += from[i];
    }
  }

  // By value: weights are the master; momentum is an f32 array, and so is variance.

  void encode_master(encoding, std::span<const float> master, const state_view& view,
                     std::uint32_t&) override {
    std::memcpy(view.weights, master.data(), master.size_bytes());
  }
  void decode_master(encoding, const state_view& view, std::span<float> master) const override {
    std::memcpy(master.data(), view.weights, master.size_bytes());
  }
  void encode_moment(encoding, state_part which, std::span<const float> values,
                     const state_view& view) override {
    std::memcpy(which == state_part::momentum ? view.momentum : view.variance, values.data(),
                values.size_bytes());
  }
  void decode_moment(encoding, state_part which, const state_view& view,
                     std::span<float> values) const override {
    std::memcpy(values.data(), which == state_part::momentum ? view.momentum : view.variance,
                values.size_bytes());
  }
};

}  // namespace ballast::gpu
