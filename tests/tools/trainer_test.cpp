// The training loop's pieces together: a tiny model learns, the same run gives the same bits, a
// sample is text, and what cannot be trained is refused.
#include "tools/trainer/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/tools/plain_state.hpp"

namespace ballast::tools {
namespace {

corpus two_texts() {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "the cat sat on the mat. ";
  return corpus::split({{"long", text}, {"short", text.substr(0, 700)}}).value();
}

trainer_options tiny(encoding stored) {
  return {.model = {.vocabulary = 256,
                    .context = 32,
                    .layers = 2,
                    .heads = 2,
                    .width = 32,
                    .stored = stored},
          .batch = {.micro_batches = 2, .sequences = 4, .tokens = 32},
          .learning_rate = {.peak = 1e-2, .last = 1e-3, .warm_up = 4, .steps = 250}};
}

struct tiny_run {
  explicit tiny_run(const trainer_options& options)
      : text(two_texts()),
        model(declare(options.model)),
        state(model.declared),
        loop(std::move(trainer::make(options, model, text, state)).value()) {}
  corpus text;
  gpt_model model;
  plain_state state;
  std::unique_ptr<trainer> loop;
};

class EachEncodingTrained : public testing::TestWithParam<encoding> {};
INSTANTIATE_TEST_SUITE_P(Trainer, EachEncodingTrained,
                         testing::Values(encoding::fp32, encoding::exact, encoding::fp16,
                                         encoding::bf16, encoding::int8),
                         [](const auto& of) { return std::string(to_string(of.param)); });

TEST_P(EachEncodingTrained, LearnsATextByHeart) {
  tiny_run run(tiny(GetParam()));
  const text_loss before = run.loop->evaluate().value();
  EXPECT_NEAR(before.nats, 5.545, 0.2);
  EXPECT_NEAR(before.perplexity(), std::exp(before.nats), 1e-9);
  EXPECT_NEAR(before.bits_per_byte(), 8.0, 0.3);
  EXPECT_EQ(before.tokens, 699u);
  for (std::uint64_t step = 0; step < 250; ++step) {
    const step_result done = run.loop->step(step).value();
    EXPECT_EQ(done.tokens, 256u);
    EXPECT_FALSE(done.skipped);
  }
  EXPECT_LT(run.loop->evaluate().value().nats, 0.5);
  EXPECT_EQ(run.loop->sample("the cat ", {.tokens = 14, .temperature = 0}).value(),
            "the cat sat on the mat");
}

TEST_P(EachEncodingTrained, GivesTheSameBitsEveryRun) {
  const auto losses = [&] {
    tiny_run run(tiny(GetParam()));
    std::vector<double> all;
    for (std::uint64_t step = 0; step < 5; ++step) {
      const step_result done = run.loop->step(step).value();
      all.push_back(done.loss);
      all.push_back(done.gradient_norm);
    }
    all.push_back(run.loop->evaluate().value().nats);
    return all;
  };
  EXPECT_EQ(losses(), losses());
}

TEST(Trainer, LearnsWithEveryOptimizer) {
  const struct {
    optimizer_options with;
    double rate;
  } cases[] = {{adam_options{.beta2 = 0.95}, 1e-2},
               {sgd_options{}, 0.3},
               {sgd_options{.momentum = 0.95, .nesterov = true, .weight_decay = 1e-4}, 0.2}};
  for (const auto& [with, rate] : cases) {
    trainer_options options = tiny(encoding::exact);
    options.model.optimizer = with;
    options.learning_rate.peak = rate;
    tiny_run run(options);
    for (std::uint64_t step = 0; step < 250; ++step) ASSERT_TRUE(run.loop->step(step));
    EXPECT_LT(run.loop->evaluate().value().nats, 0.7) << to_string(kind_of(with)) << " " << rate;
  }
}

/// A loss scale that is far too large costs skipped steps, no more.
TEST(Trainer, HalvesTheLossScaleUntilGradientsAreFinite) {
  trainer_options options = tiny(encoding::fp16);
  options.scale = {.initial = 0x1p28, .growth_interval = 10};
  options.learning_rate = {.peak = 3e-3, .last = 3e-3, .warm_up = 20, .steps = 60};
  tiny_run run(options);
  double scale = 0x1p28;
  std::uint64_t skipped = 0;
  std::uint64_t good = 0;
  for (std::uint64_t step = 0; step < 60; ++step) {
    const step_result done = run.loop->step(step).value();
    ASSERT_EQ(done.loss_scale, scale) << step;
    if (done.skipped) {
      ++skipped;
      scale /= 2;
      good = 0;
    } else {
      EXPECT_LT(done.gradient_norm, 100) << "unscaled";
      if (++good == 10) scale *= 2, good = 0;
    }
  }
  EXPECT_GT(skipped, 3u);
  EXPECT_LT(skipped, 30u);
  EXPECT_LT(run.loop->evaluate().value().nats, 3);
}

TEST(Trainer, ComputesUnscaledInOtherTypes) {
  for (const encoding stored : {encoding::fp32, encoding::exact, encoding::bf16, encoding::int8}) {
    trainer_options options = tiny(stored);
    options.scale.initial = 4;
    tiny_run run(options);
    EXPECT_EQ(run.loop->step(0).value().loss_scale, 1);
  }
}

TEST(Trainer, SamplesTheSameTextForTheSameSeed) {
  tiny_run run(tiny(encoding::exact));
  const std::string a = run.loop->sample("", {.tokens = 50, .seed = 4}).value();
  EXPECT_EQ(a, run.loop->sample("", {.tokens = 50, .seed = 4}).value());
  EXPECT_NE(a, run.loop->sample("", {.tokens = 50, .seed = 5}).value());
  EXPECT_EQ(a.size(), 51u);
}

TEST(Trainer, RefusesWhatCannotBeTrained) {
  const corpus text = two_texts();
  const auto refusal = [&](const trainer_options& options) {
    const gpt_model model = declare(options.model);
    plain_state state(model.declared);
    const auto made = trainer::make(options, model, text, state);
    return made ? std::string() : made.error().message;
  };
  trainer_options options = tiny(encoding::exact);
  EXPECT_EQ(refusal(options), "");
  options.learning_rate.peak = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refusal(options),
            "learning rates must be finite and not negative; they are nan and 0.001");
  options = tiny(encoding::fp16);
  options.scale.initial = 1000;
  EXPECT_EQ(refusal(options), "a loss scale of 1000 is not a power of two from 1 to 2^40");
  options = tiny(encoding::exact);
  options.model.vocabulary = 100;
  EXPECT_EQ(refusal(options), "text needs a vocabulary of 256; the model's is 100");
}

}  // namespace
}  // namespace ballast::tools
