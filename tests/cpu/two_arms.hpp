// The same steps twice: by the scalar reference, and by kernels in tiles on several threads. One
// source of awkward gradients feeds both; every bit is compared after every step.
#pragma once

#include <gtest/gtest.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <cpu/reference.hpp>
#include <cpu/update_backend.hpp>

#include "src/state_views.hpp"
#include "tests/cpu/state_buffer.hpp"

namespace ballast::testing {

struct arm_case {
  encoding stored = encoding::fp32;
  optimizer with = optimizer::adamw;
  dtype gradient = dtype::f32;
  std::size_t count = 0;
  std::size_t head = 0;  ///< of every array, in its elements
};

/// How the second arm cuts its work; a tile of 0 elements is the whole run in one call.
struct arm_cut {
  std::size_t tile = 0;
  int threads = 1;
};

inline optimizer_options options_of(optimizer which) {
  switch (which) {
    case optimizer::adamw: return adamw_options{.weight_decay = 0.1};
    case optimizer::adam: return adam_options{.weight_decay = 0.1};
    case optimizer::sgd: return sgd_options{.nesterov = true, .weight_decay = 0.1};
  }
  return {};
}

class two_arms {
 public:
  two_arms(update_backend& kernels, const arm_case& of)
      : kernels_(kernels),
        case_(of),
        expected_(of.stored, of.count, of.head, of.with, of.gradient),
        actual_(of.stored, of.count, of.head, of.with, of.gradient),
        draw_(static_cast<std::uint32_t>(of.count * 31 + of.head)) {
    std::vector<float> master(of.count);
    for (float& value : master) value = draw_();
    std::uint32_t findings = 0;
    cpu::reference::encode_master(of.stored, master, expected_.view(), findings);
    cpu::reference::encode_master(of.stored, master, actual_.view(), findings);
    for (const state_part part : {state_part::momentum, state_part::variance}) {
      if (part == state_part::variance && !has_variance(of.with)) continue;
      // In int8 one NaN would make a whole group NaN: half of the groups stay ordinary.
      for (std::size_t i = 0; i < of.count; ++i) {
        const float value = (i / 128) % 2 == 0 ? draw_.ordinary() : draw_();
        master[i] = part == state_part::variance ? std::fabs(value) : value;
      }
      cpu::reference::encode_moment(of.stored, part, master, expected_.view());
      cpu::reference::encode_moment(of.stored, part, master, actual_.view());
    }
  }

  /// One step of both; false, with a failed expectation, when they differ.
  bool step(std::uint64_t number, const arm_cut& cut) {
    draw_gradient(number);
    const update_recipe recipe{
        case_.stored, case_.gradient,
        make_scalars(options_of(case_.with), 1e-3, number, number % 3 == 0 ? 0.37 : 1.0),
        arithmetic::noise_key(7, number)};
    std::uint32_t expected_findings = 0;
    cpu::reference::update(recipe, expected_.view(first), expected_findings);
    const std::uint32_t actual_findings = update_in_tiles(recipe, cut);
    EXPECT_EQ(expected_findings, actual_findings) << "step " << number;
    EXPECT_TRUE(expected_ == actual_) << "step " << number;
    EXPECT_TRUE(actual_.guards_intact() && expected_.guards_intact()) << "step " << number;
    return !::testing::Test::HasFailure();
  }

  state_buffer& actual() { return actual_; }

 private:
  static constexpr elements first{std::uint64_t{1} << 32 | 1280};  ///< any group of a large model

  void draw_gradient(std::uint64_t number) {
    std::vector<float> values(case_.count);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = (i / 128 + number) % 2 == 0 ? draw_.ordinary() : draw_();
    }
    std::vector<double> sums((case_.count + 4095) / 4096);
    std::uint32_t findings = 0;
    cpu::reference::encode_gradient(values, case_.gradient, expected_.gradient.data(), sums,
                                    findings);
    if (case_.count > 0) {
      std::memcpy(actual_.gradient.data(), expected_.gradient.data(),
                  expected_.gradient.as<std::byte>().size());
    }
  }

  std::uint32_t update_in_tiles(const update_recipe& recipe, const arm_cut& cut) {
    std::uint32_t findings = 0;
    if (cut.tile == 0) {
      kernels_.update(recipe, actual_.view(first), findings, {});
      return findings;
    }
    const state_layout arrays = layout_of(case_.stored, case_.with);
    const std::size_t tiles = (case_.count + cut.tile - 1) / cut.tile;
    tbb::task_arena arena(cut.threads);
    arena.execute([&] {
      tbb::parallel_for(std::size_t{0}, tiles, [&](std::size_t tile) {
        const std::size_t begin = tile * cut.tile;
        const std::size_t count = std::min(cut.tile, case_.count - begin);
        std::uint32_t found = 0;
        kernels_.update(recipe,
                        sub_view(arrays, case_.gradient, actual_.view(first), {begin}, {count}),
                        found, {});
        std::atomic_ref(findings).fetch_or(found);
      });
    });
    return findings;
  }

  update_backend& kernels_;
  arm_case case_;
  state_buffer expected_, actual_;
  awkward_floats draw_;
};

}  // namespace ballast::testing
