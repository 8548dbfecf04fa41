// An engine on fakes with a small model, and the calls that every test of it makes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ballast/engine.hpp>
#include <cmath>
#include <memory>
#include <vector>

#include "plain_backends.hpp"
#include "tests/core/resting.hpp"

namespace ballast {

using namespace literals;

/// Three layers; the last one is also computed with the first one's matrix.
struct small_model {
  model declared;
  layer_id embedding, body, head;
  parameter_id matrix, bias, weight, scale;

  small_model() {
    embedding = declared.add_layer("embedding");
    body = declared.add_layer("body");
    head = declared.add_layer("head");
    const auto numbered = [](element_range range, std::span<float> values) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>((range.begin.value + i) % 1000);
      }
    };
    const parameter_options options{.stored = encoding::fp32, .init = numbered};
    matrix = declared.add_parameter(embedding, "matrix", {100, 300}, options);
    bias = declared.add_parameter(embedding, "bias", {77}, options);
    weight = declared.add_parameter(body, "weight", {30000}, options);
    scale = declared.add_parameter(head, "scale", {5}, options);
    declared.tie(matrix, head);
  }
};

class Engine : public testing::Test {
 protected:
  void start(engine_config config, small_model declared = {}) {
    config.threads = 2;
    if (config.tile_elements == elements{}) {
      config.tile_elements = block_elements;
    }
    auto parts = std::make_unique<fakes::plain_backends>();
    seen_ = parts->seen;
    engine_ = std::make_unique<engine>(declared.declared, std::move(parts));
    engine_->reserve(place::device, 1_MiB);
    engine_->reserve(place::host, host_reserved_);
    engine_->reserve(place::nvme, nvme_reserved_);
    const auto sealed = engine_->seal(config);
    ASSERT_TRUE(sealed) << sealed.error().message;
    plan_ = *sealed;
  }

  status push(layer_id layer, float value, bool last = true) {
    auto gradient = engine_->gradient_buffer(layer);
    if (!gradient) {
      return gradient.error();
    }
    for (float& each : gradient->memory()) {
      EXPECT_EQ(each, 0.0F);
    }
    for (const parameter_id which : names_of(layer)) {
      for (float& each : gradient->gradient(which)) {
        each += value;
      }
    }
    return engine_->push_gradients(*std::move(gradient), last);
  }

  /// A step whose calls may fail; false when one did.
  bool try_step() {
    bool ok = static_cast<bool>(engine_->begin_pass("train"));
    for (const layer_id layer : {names_.embedding, names_.body, names_.head}) {
      ok = ok && engine_->fetch(layer);
    }
    for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
      auto gradient = engine_->gradient_buffer(layer);
      ok = ok && gradient && engine_->push_gradients(*std::move(gradient), true);
    }
    return ok && engine_->step({});
  }

  std::vector<parameter_id> names_of(layer_id layer) const {
    std::vector<parameter_id> names = names_.declared.at(layer).parameters;
    const auto& tied = names_.declared.at(layer).tied;
    names.insert(names.end(), tied.begin(), tied.end());
    return names;
  }

  /// One step in which every gradient element is 1, the tied matrix's 2.
  result<step_report> plain_step(step_options options = {.learning_rate = 0.5}) {
    EXPECT_TRUE(engine_->begin_pass("train"));
    for (const layer_id layer : {names_.embedding, names_.body, names_.head}) {
      EXPECT_TRUE(engine_->fetch(layer));
    }
    for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
      const auto weights = engine_->fetch(layer);
      EXPECT_TRUE(weights);
      const status pushed = push(layer, 1.0F);
      EXPECT_TRUE(pushed) << pushed.error().message;
    }
    return engine_->step(options);
  }

  std::vector<float> values(parameter_id which, state_part part = state_part::master) {
    std::vector<float> found(names_.declared.at(which).count.value);
    const status read = engine_->read(which, part, {0}, found);
    EXPECT_TRUE(read) << read.error().message;
    return found;
  }

  bytes host_reserved_ = 64_KiB;
  bytes nvme_reserved_;
  small_model names_;
  std::shared_ptr<fakes::plain_backends::sight> seen_;
  std::unique_ptr<engine> engine_;
  plan plan_;
};

}  // namespace ballast
