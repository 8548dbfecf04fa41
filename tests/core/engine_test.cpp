// The engine's contract on fakes, call by call.
#include "engine_fixture.hpp"

namespace ballast {
namespace {

using testing::HasSubstr;

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

/// Fails the n-th transfer of a link for every n of two steps: the caller hears of it, and nothing
/// after it succeeds.
TEST_F(Engine, LearnsTheOrderOfACallerWhoNamesNoPass) {
  start({.placement = forced_placement{0, 1}});
  const auto uploaded = [&] { return seen_->device->fake_upload().counters().transfers; };
  for (int step = 0; step < 3; ++step) {
    const std::uint64_t before = uploaded();
    {
      const auto first = engine_->fetch(names_.embedding);
      ASSERT_TRUE(first);
      // From the second step on the next layer is on its way while the first is on lease.
      const std::uint64_t expected = before + (step == 0 ? 1 : 2);
      for (int i = 0; i < 1000 && uploaded() < expected; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      EXPECT_EQ(uploaded(), expected) << step;
    }
    EXPECT_TRUE(engine_->fetch(names_.body));
    for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
      EXPECT_TRUE(push(layer, 1.0F));
    }
    EXPECT_TRUE(engine_->step({}));
  }
}

TEST_F(Engine, PushesATiedParameterThroughAFrozenLayer) {
  small_model frozen;
  frozen.declared = model{};
  const layer_id home = frozen.declared.add_layer("home");
  const layer_id head = frozen.declared.add_layer("head");
  const parameter_id shared =
      frozen.declared.add_parameter(home, "shared", {100}, {.stored = encoding::fp32});
  frozen.declared.add_parameter(head, "fixed", {100},
                                {.stored = encoding::fp32, .trainable = false});
  frozen.declared.tie(shared, head);
  EXPECT_DEATH(frozen.declared.tie(shared, head), "tied to a layer once");
  for (const double on_device : {0.0, 1.0}) {
    start({.placement = forced_placement{on_device, 1 - on_device}}, frozen);
    for (const layer_id layer : {head, home}) {
      auto gradient = engine_->gradient_buffer(layer);
      ASSERT_TRUE(gradient) << gradient.error().message;
      std::ranges::fill(gradient->gradient(shared), 1.0F);
      ASSERT_TRUE(engine_->push_gradients(*std::move(gradient), true));
    }
    const auto report = engine_->step({});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_DOUBLE_EQ(report->gradient_norm, 20);
  }
}

TEST_F(Engine, LendsExactlyWhatWasReserved) {
  for (const std::uint64_t odd : {1u, 255u, 257u, 862592u}) {
    engine odd_sized(names_.declared, std::make_unique<fakes::plain_backends>());
    for (const place where : {place::device, place::host}) {
      odd_sized.reserve(where, {odd});
      odd_sized.reserve(where, {odd});
    }
    ASSERT_TRUE(odd_sized.seal({.tile_elements = block_elements}));
    for (const place where : {place::device, place::host}) {
      const auto first = odd_sized.allocate(where, {odd});
      const auto second = odd_sized.allocate(where, {odd});
      EXPECT_TRUE(first && second) << odd;
      EXPECT_FALSE(odd_sized.allocate(where, {1}));
    }
  }
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
  EXPECT_EQ(engine_->save("x").error().code, errc::wrong_order) << "no folder is configured";
  EXPECT_EQ(engine_->load().error().code, errc::wrong_order);
  EXPECT_FALSE(engine_->has_checkpoint());
}

}  // namespace
}  // namespace ballast
