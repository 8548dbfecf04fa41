// The passes: in which order layers are asked for, what memory is asked for, evaluation and the
// logits of a next token.
#include <gtest/gtest.h>

#include <limits>

#include "tests/tools/reference_gpt.hpp"
#include "tests/tools/small_gpt.hpp"
#include "tools/trainer/language_head.hpp"

namespace ballast::tools {
namespace {

TEST(Gpt, FetchesEachLayerOnceAPassAndPushesEachGradientOnce) {
  small_gpt small(small_gpt::odd_config(), {.micro_batches = 3, .sequences = 1, .tokens = 8});
  small.train();
  const std::vector<std::string> expected = {"train",         "fetch embedding", "fetch block.0",
                                             "fetch block.1", "fetch head",      "push head",
                                             "fetch block.1", "push block.1",    "fetch block.0",
                                             "push block.0",  "push embedding"};
  EXPECT_EQ(small.state.order(), expected);
}

TEST(Gpt, AsksForExactlyTheWorkspaceItCounts) {
  for (const encoding stored : {encoding::fp32, encoding::exact, encoding::fp16}) {
    const small_gpt small(small_gpt::odd_config(stored));
    EXPECT_EQ(small.state.workspace_bytes(), *activation_bytes(small.config, small.batch));
    EXPECT_EQ(small.state.workspace_bytes(), small.passes->activation_bytes());
  }
}

TEST(Gpt, EvaluatesToTheTrainingLossOfTheSameBatch) {
  small_gpt small(small_gpt::odd_config(), {.micro_batches = 2, .sequences = 2, .tokens = 37});
  const double sum = small.passes->evaluate({small.inputs, small.targets}).value();
  EXPECT_EQ(small.state.order().front(), "evaluate");
  EXPECT_DOUBLE_EQ(sum / static_cast<double>(small.batch.step_tokens()), small.train());
}

TEST(Gpt, DoesNotCountIgnoredTargets) {
  small_gpt small;
  const double all = small.passes->evaluate({small.inputs, small.targets}).value();
  std::vector<std::uint32_t> half = small.targets;
  std::vector<std::uint32_t> rest = small.targets;
  for (std::size_t i = 0; i < half.size(); ++i) (i % 2 ? half : rest)[i] = ignored_target;
  const double a = small.passes->evaluate({small.inputs, half}).value();
  const double b = small.passes->evaluate({small.inputs, rest}).value();
  EXPECT_NEAR(a + b, all, 1e-9 * all);
  EXPECT_GT(a, 0.4 * all);
  EXPECT_LT(a, 0.6 * all);
}

TEST(Gpt, GivesTheReferencesNextLogits) {
  small_gpt small;
  reference_weights weights;
  for (std::uint32_t index = 0; index < small.model.declared.parameters().size(); ++index) {
    const std::vector<float> values = small.weights({index});
    weights[small.model.declared.at(parameter_id{index}).name] = {values.begin(), values.end()};
  }
  const std::size_t tokens = small.batch.tokens;
  const std::vector<double> expected = reference_logits(
      {small.config.vocabulary, small.config.layers, small.config.heads, small.config.width,
       tokens},
      weights, {small.inputs.begin(), small.inputs.begin() + static_cast<std::ptrdiff_t>(tokens)});
  for (const std::size_t length : {std::size_t{1}, std::size_t{20}, tokens}) {
    const std::span<const float> logits =
        small.passes->next_logits(std::span<const std::uint32_t>(small.inputs).first(length))
            .value();
    ASSERT_EQ(logits.size(), small.config.vocabulary);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(logits[i]),
                  expected[(length - 1) * small.config.vocabulary + i], 1e-5);
    }
  }
}

TEST(Gpt, LetsANotANumberReachTheLossAndTheGradients) {
  small_gpt small(small_gpt::odd_config(encoding::exact));
  std::vector<float> gain = small.weights(small.model.blocks[0].norm1_gain);
  gain[3] = std::numeric_limits<float>::quiet_NaN();
  small.state.set_weights(small.model.blocks[0].norm1_gain, gain);
  EXPECT_TRUE(std::isnan(small.train()));
  EXPECT_TRUE(small.state.step({.learning_rate = 0.1}).value().skipped);
}

TEST(Gpt, RefusesWhatItCannotCompute) {
  gpt_config config = small_gpt::odd_config();
  const auto message = [&](const batch_shape& batch) {
    const auto made = make_gpt(config, declare(config), batch);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(message({.tokens = 37}), "");
  EXPECT_EQ(message({.tokens = 41}), "sequences of 41 tokens exceed the model's context of 40");
  config.heads = 7;
  EXPECT_EQ(message({.tokens = 37}), "width 60 must be a multiple of heads 7");
}

}  // namespace
}  // namespace ballast::tools
