// A whole training step on fakes: the engine's contract, call by call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ballast/engine.hpp>
#include <cmath>

#include "fakes.hpp"

namespace ballast {
namespace {

using namespace literals;
using testing::HasSubstr;

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
    if (config.tile_elements == elements{1u << 20}) {
      config.tile_elements = block_elements;
    }
    auto parts = std::make_unique<fakes::plain_backends>();
    seen_ = parts->seen;
    engine_ = std::make_unique<engine>(declared.declared, std::move(parts));
    engine_->reserve(place::device, 1_MiB);
    engine_->reserve(place::host, 64_KiB);
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

  small_model names_;
  std::shared_ptr<fakes::plain_backends::sight> seen_;
  std::unique_ptr<engine> engine_;
  plan plan_;
};

struct placement_case {
  const char* name;
  forced_placement fractions;
};

void PrintTo(const placement_case& shown, std::ostream* to) { *to << shown.name; }

const placement_case placements[] = {
    {"device", {1, 0}}, {"host", {0, 1}}, {"nvme", {0, 0}}, {"mixed", {0.3, 0.4}}};

class EnginePlaced : public Engine, public testing::WithParamInterface<placement_case> {};

TEST_P(EnginePlaced, UpdatesEveryParameterOnceAStep) {
  for (const std::uint64_t blocks : {1u, 3u, 64u}) {
    start({.nvme_directory = "/fake",
           .placement = GetParam().fractions,
           .tile_elements = block_elements * blocks});
    for (int i = 0; i < 3; ++i) {
      const auto report = plain_step();
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_EQ(report->updates, static_cast<std::uint64_t>(i) + 1);
      const double squares = 30000 * 4.0 + 77 + 30000 + 5;
      EXPECT_DOUBLE_EQ(report->gradient_norm, std::sqrt(squares));
    }
    const auto matrix = values(names_.matrix);
    const auto weight = values(names_.weight);
    // The fake's rate is made of AdamW's scalars, bias correction included.
    float expected_matrix = 123;
    float expected_weight = 123;
    for (std::uint64_t t = 1; t <= 3; ++t) {
      const float rate = fakes::descent::rate(make_adamw_scalars({}, 0.5, t, 1));
      expected_matrix -= rate * 2.0F;
      expected_weight -= rate * 1.0F;
    }
    EXPECT_FLOAT_EQ(matrix[123], expected_matrix);
    EXPECT_FLOAT_EQ(weight[29123], expected_weight);
    EXPECT_THAT(values(names_.scale, state_part::momentum), testing::Each(3.0F));
  }
}

TEST_P(EnginePlaced, MovesWhatThePlanPredicts) {
  start({.nvme_directory = "/fake", .placement = GetParam().fractions});
  using kind = visit::kind;
  const std::vector<visit> visits{{kind::fetch, names_.embedding}, {kind::fetch, names_.body},
                                  {kind::fetch, names_.head},      {kind::fetch, names_.head},
                                  {kind::push, names_.head},       {kind::fetch, names_.body},
                                  {kind::push, names_.body},       {kind::fetch, names_.embedding},
                                  {kind::push, names_.embedding}};
  const traffic predicted = engine_->predict(visits);
  for (int i = 0; i < 3; ++i) {
    const auto report = plain_step();
    ASSERT_TRUE(report);
    for (const hop each : {hop::read, hop::write, hop::upload, hop::download}) {
      EXPECT_EQ(report->moved[each], predicted[each]) << to_string(each) << ", step " << i;
    }
  }
}

TEST_P(EnginePlaced, HoldsWhatThePlanSays) {
  start({.nvme_directory = "/fake", .placement = GetParam().fractions});
  EXPECT_EQ(seen_->device->allocated(), plan_.total(place::device));
  bytes in_host = plan_.total(place::host);
  for (const consumer& each : plan_.consumers) {
    if (each.name == "block sums" || each.name == "digests") {
      in_host -= each.size;
    }
  }
  EXPECT_EQ(seen_->host, in_host);
}

TEST_P(EnginePlaced, ReadsAndWritesAnyRange) {
  start({.nvme_directory = "/fake", .placement = GetParam().fractions});
  const std::vector<float> written(9000, 7.0F);
  ASSERT_TRUE(engine_->write(names_.weight, state_part::master, {3000}, written));
  ASSERT_TRUE(
      engine_->write(names_.weight, state_part::variance, {10}, std::span(written).first(3)));
  const auto found = values(names_.weight);
  EXPECT_EQ(found[2999], 999.0F);
  EXPECT_EQ(found[3000], 7.0F);
  EXPECT_EQ(found[11999], 7.0F);
  EXPECT_EQ(found[12000], 0.0F);
  const auto variance = values(names_.weight, state_part::variance);
  EXPECT_THAT(std::span(variance).subspan(9, 5), testing::ElementsAre(0, 7, 7, 7, 0));
  const auto weights = engine_->fetch(names_.body);
  ASSERT_TRUE(weights);
  const auto* seen = reinterpret_cast<const float*>(weights->weights(names_.weight).data());
  EXPECT_EQ(seen[3000], 7.0F);
}

TEST_P(EnginePlaced, SkipsAStepWithANonFiniteGradient) {
  start({.nvme_directory = "/fake", .placement = GetParam().fractions});
  const auto before = values(names_.weight);
  for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
    ASSERT_TRUE(push(layer, layer == names_.body ? NAN : 1.0F));
  }
  const auto report = engine_->step({.learning_rate = 1});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->skipped);
  EXPECT_EQ(report->updates, 0u);
  EXPECT_EQ(report->step, 1u);
  EXPECT_EQ(values(names_.weight), before);
  EXPECT_FALSE(plain_step()->skipped);
}

TEST_P(EnginePlaced, AddsSeveralPushes) {
  start({.nvme_directory = "/fake", .placement = GetParam().fractions, .several_pushes = true});
  for (int i = 0; i < 3; ++i) {
    for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
      ASSERT_TRUE(push(layer, 1.0F, false));
    }
  }
  const auto report = engine_->step({.learning_rate = 1});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_DOUBLE_EQ(report->gradient_norm, 3 * std::sqrt(30000 * 4.0 + 77 + 30000 + 5));
}

INSTANTIATE_TEST_SUITE_P(Places, EnginePlaced, testing::ValuesIn(placements),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(Engine, ClipsByTheGlobalNorm) {
  start({});
  const auto report = plain_step({.learning_rate = 1, .clip_norm = 10});
  ASSERT_TRUE(report);
  EXPECT_DOUBLE_EQ(report->clip_coefficient, 10 / (report->gradient_norm + 1e-6));
}

TEST_F(Engine, DividesByTheLossScale) {
  start({});
  const auto report = plain_step({.learning_rate = 1, .loss_scale = 4});
  ASSERT_TRUE(report);
  EXPECT_DOUBLE_EQ(report->gradient_norm, std::sqrt(30000 * 4.0 + 77 + 30000 + 5) / 4);
}

TEST_F(Engine, NamesWhatIsOutOfOrder) {
  start({});
  const auto code = [](const status& outcome) {
    return outcome ? std::optional<errc>() : outcome.error().code;
  };
  EXPECT_EQ(engine_->step({}).error().code, errc::wrong_order);
  EXPECT_EQ(code(push(names_.body, 1, false)), errc::wrong_order);
  EXPECT_EQ(code(push(names_.body, 1)), std::nullopt);
  EXPECT_EQ(code(push(names_.body, 1)), errc::wrong_order);
  EXPECT_EQ(code(push(names_.embedding, 1)), std::nullopt);
  EXPECT_THAT(push(names_.head, 1).error().message, HasSubstr("matrix"));
  {
    const auto held = engine_->fetch(names_.body);
    EXPECT_EQ(engine_->step({}).error().code, errc::wrong_order);
  }
  // None of this is fatal: the step can be abandoned and taken again.
  ASSERT_TRUE(engine_->abandon());
  EXPECT_TRUE(plain_step());
}

TEST_F(Engine, RefusesOptionsThatAreNotNumbers) {
  start({});
  for (const step_options& bad :
       {step_options{.learning_rate = NAN}, step_options{.clip_norm = -1},
        step_options{.loss_scale = 0}, step_options{.group_learning_rates = {1, 2, 3}}}) {
    EXPECT_EQ(plain_step(bad).error().code, errc::invalid_argument);
    ASSERT_TRUE(engine_->abandon());
  }
}

TEST_F(Engine, RefusesALeaseTooMany) {
  start({.placement = forced_placement{0, 1}, .layer_slots = 1, .gradient_slots = 1});
  const auto held = engine_->fetch(names_.body);
  ASSERT_TRUE(held);
  EXPECT_EQ(engine_->fetch(names_.head).error().code, errc::exhausted);
  const auto gradient = engine_->gradient_buffer(names_.body);
  EXPECT_EQ(engine_->gradient_buffer(names_.head).error().code, errc::exhausted);
}

TEST_F(Engine, SticksToTheFirstErrorOfAnUpdate) {
  for (const bool reading : {true, false}) {
    start({.nvme_directory = "/fake", .placement = forced_placement{0, 0}});
    auto& broken = reading ? seen_->disk->fake_read() : seen_->disk->fake_write();
    broken.fail_at = broken.counters().transfers + 2;
    EXPECT_EQ(plain_step().error().code, errc::io_failure);
    EXPECT_EQ(engine_->fetch(names_.body).error().code, errc::io_failure);
    EXPECT_EQ(engine_->step({}).error().code, errc::io_failure);
    EXPECT_EQ(engine_->begin_pass("train").error().code, errc::io_failure);
  }
}

TEST_F(Engine, NoticesAFlippedBitOnDisk) {
  start({.nvme_directory = "/fake", .placement = forced_placement{0, 0}});
  seen_->disk->disk()[5000] ^= std::byte{16};
  EXPECT_EQ(plain_step().error().code, errc::corrupted);
}

TEST_F(Engine, LendsTheReservedMemoryOnly) {
  start({});
  auto first = engine_->allocate(place::device, 600_KiB);
  ASSERT_TRUE(first);
  EXPECT_EQ(engine_->allocate(place::device, 600_KiB).error().code, errc::exhausted);
  std::ranges::fill(first->span(), std::byte{1});
  *first = memory_lease{};
  const auto again = engine_->allocate(place::device, 1_MiB);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->span()[1], std::byte{0});
}

TEST_F(Engine, KeepsActivationsInHostMemory) {
  start({});
  auto on_device = engine_->allocate(place::device, 10_KiB);
  ASSERT_TRUE(on_device);
  std::ranges::fill(on_device->span(), std::byte{42});
  const auto kept = engine_->store_activation(on_device->span());
  ASSERT_TRUE(kept);
  std::ranges::fill(on_device->span(), std::byte{0});
  ASSERT_TRUE(engine_->load_activation(*kept, on_device->span()));
  EXPECT_THAT(on_device->span(), testing::Each(std::byte{42}));
  EXPECT_EQ(engine_->load_activation(*kept, on_device->span()).error().code,
            errc::invalid_argument);
}

TEST_F(Engine, LeavesAFrozenParameterAlone) {
  small_model frozen;
  frozen.declared = model{};
  const layer_id only = frozen.declared.add_layer("only");
  const parameter_id fixed = frozen.declared.add_parameter(
      only, "fixed", {300}, {.stored = encoding::fp32, .trainable = false});
  const parameter_id moved =
      frozen.declared.add_parameter(only, "moved", {300}, {.stored = encoding::fp32});
  start({}, frozen);
  auto gradient = engine_->gradient_buffer(only);
  ASSERT_TRUE(gradient);
  std::ranges::fill(gradient->gradient(fixed), 100.0F);
  std::ranges::fill(gradient->gradient(moved), 1.0F);
  ASSERT_TRUE(engine_->push_gradients(*std::move(gradient), true));
  const auto report = engine_->step({.learning_rate = 1});
  ASSERT_TRUE(report);
  EXPECT_DOUBLE_EQ(report->gradient_norm, std::sqrt(300.0));
  std::vector<float> found(300);
  ASSERT_TRUE(engine_->read(fixed, state_part::master, {0}, found));
  EXPECT_THAT(found, testing::Each(0.0F));
}

TEST_F(Engine, AnswersBeforeSealAndWithoutCheckpoints) {
  engine unsealed(names_.declared, std::make_unique<fakes::plain_backends>());
  EXPECT_EQ(unsealed.fetch(names_.body).error().code, errc::wrong_order);
  start({});
  EXPECT_EQ(engine_->save("x", {}).error().code, errc::unsupported);
  EXPECT_EQ(engine_->load("x").error().code, errc::unsupported);
}

}  // namespace
}  // namespace ballast
