// Several ranks that share a model, as threads: the same bits at every stage and place, the bytes and
// the memory that ZeRO says, gradients that are summed once and right, state that any number of ranks
// brings back, and one failure for all. (`ballast prove --ranks` compares whole trainings.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ballast/engine.hpp>
#include <ballast/ranks.hpp>
#include <bit>
#include <cmath>
#include <filesystem>
#include <functional>
#include <thread>

#include "tests/nvme/test_folder.hpp"
#include "tests/tools/mixed_model.hpp"
#include "tools/engine_state.hpp"

namespace ballast::tools {
namespace {

using nvme::testing::test_folder;
using testing::HasSubstr;

/// Runs body(engine's configuration, backends) for every rank, all at once.
void on_ranks(engine_config config, std::uint32_t ranks,
              const std::function<void(const engine_config&, std::unique_ptr<backends>)>& body) {
  auto doors = join_threads(ranks);
  ASSERT_TRUE(doors);
  config.ranks = ranks;
  config.threads = 1;
  std::vector<std::jthread> threads;
  for (std::uint32_t i = 0; i < ranks; ++i) {
    config.self = {i};
    threads.emplace_back([&body, config, door = std::move((*doors)[i])]() mutable {
      body(config, make_backends(std::move(door)));
    });
  }
}

/// Everything that an engine says of its values, as bits; all ranks ask together.
std::vector<std::uint32_t> bits_of(const model& declared, engine& kept) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t which = 0; which < declared.parameters().size(); ++which) {
    std::vector<float> values(declared.at(parameter_id{which}).count.value);
    for (const state_part part :
         {state_part::weights, state_part::master, state_part::momentum, state_part::variance}) {
      const status read = kept.read({which}, part, {0}, values);
      EXPECT_TRUE(read) << read.error().message;
      for (const float value : values) all.push_back(std::bit_cast<std::uint32_t>(value));
    }
  }
  return all;
}

/// The weights that a rank computes with, wherever their shards come from.
std::vector<std::byte> leased_weights(const model& declared, engine& kept) {
  std::vector<std::byte> all;
  for (std::uint32_t i = 0; i < declared.layers().size(); ++i) {
    const auto weights = kept.fetch({i});
    EXPECT_TRUE(weights) << weights.error().message;
    for (const parameter_id which : declared.at(layer_id{i}).parameters) {
      const auto values = weights->weights(which);
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  return all;
}

/// A model of layers that are alike, without gaps: `blocks` blocks of one parameter each.
model alike(std::uint32_t layers, std::uint64_t blocks, encoding stored) {
  model declared;
  for (std::uint32_t i = 0; i < layers; ++i) {
    const std::string name = "layer" + std::to_string(i);
    declared.add_parameter(declared.add_layer(name), name, {blocks * block_elements.value},
                           {.stored = stored});
  }
  return declared;
}

/// Forward over all layers and backward, as a trainer does; rank r pushes value(r, layer, element).
template <class Value>
result<step_report> train_step(engine& kept, std::uint32_t pushes, const Value& value) {
  (void)kept.begin_pass("train");
  const auto layers = static_cast<std::uint32_t>(kept.declared().layers().size());
  for (std::uint32_t i = 0; i < layers; ++i) {
    if (auto weights = kept.fetch({i}); !weights) return weights.error();
  }
  for (std::uint32_t i = layers; i-- > 0;) {
    const auto weights = kept.fetch({i});
    if (!weights) return weights.error();
    for (std::uint32_t push = 0; push < pushes; ++push) {
      auto gradient = kept.gradient_buffer({i});
      if (!gradient) return gradient.error();
      const std::span<float> values =
          gradient->gradient(kept.declared().at(layer_id{i}).parameters[0]);
      for (std::size_t k = 0; k < values.size(); ++k) values[k] = value(push, i, k);
      if (auto pushed = kept.push_gradients(*std::move(gradient), push + 1 == pushes); !pushed) {
        return pushed.error();
      }
    }
  }
  return kept.step({.learning_rate = 1e-3});
}

class Ranks : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Worlds, Ranks, testing::Values(1u, 2u, 3u, 4u));

/// Every encoding and optimizer, frozen parameters, a clipped norm, and a step that one rank's
/// gradient makes all of them skip.
TEST_P(Ranks, HaveTheSameBitsAtEveryStageAndPlace) {
  const mixed_model mixed;
  const test_folder folder;
  std::vector<std::uint32_t> expected;
  std::vector<std::byte> expected_weights;
  std::vector<double> expected_norms;
  for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
    for (const forced_placement fractions : {forced_placement{1, 0}, {0, 1}, {0, 0}, {0.3, 0.3}}) {
      SCOPED_TRACE(testing::Message()
                   << "stage " << stage << ", " << fractions.device << ", " << fractions.host);
      std::vector<std::vector<std::uint32_t>> bits(GetParam());
      std::vector<std::vector<std::byte>> leased(GetParam());
      std::vector<double> norms;
      on_ranks({.stage = stage,
                .nvme = {{folder.path()}},
                .placement = fractions,
                .tile_elements = block_elements * 2},
               GetParam(), [&](const engine_config& config, std::unique_ptr<backends> parts) {
                 engine kept(mixed.declared, std::move(parts));
                 const auto sealed = kept.seal(config);
                 ASSERT_TRUE(sealed) << sealed.error().message;
                 engine_state state(kept);
                 for (std::uint64_t number = 1; number <= 5; ++number) {
                   const bool overflow = number == 3 && config.self.value + 1 == config.ranks;
                   const auto done = mixed.step(state, number + 100 * config.self.value, overflow);
                   ASSERT_TRUE(done) << done.error().message;
                   EXPECT_EQ(done->skipped, number == 3);
                   if (config.self.value == 0) norms.push_back(done->gradient_norm);
                 }
                 leased[config.self.value] = leased_weights(mixed.declared, kept);
                 bits[config.self.value] = bits_of(mixed.declared, kept);
               });
      if (expected.empty()) {
        expected = bits[0];
        expected_weights = leased[0];
        expected_norms = norms;
      }
      // The skipped step's norm is not a number, the same one.
      ASSERT_EQ(norms.size(), expected_norms.size());
      for (std::size_t i = 0; i < norms.size(); ++i) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(norms[i]),
                  std::bit_cast<std::uint64_t>(expected_norms[i]));
      }
      for (const auto& each : bits) EXPECT_TRUE(each == expected);
      for (const auto& each : leased) EXPECT_TRUE(each == expected_weights);
    }
  }
}

TEST_P(Ranks, SumAKnownGradientExactly) {
  for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
    for (const std::uint32_t pushes : {1u, 3u}) {
      on_ranks({.stage = stage, .tile_elements = block_elements, .several_pushes = pushes > 1},
               GetParam(), [&](const engine_config& config, std::unique_ptr<backends> parts) {
                 engine kept(alike(3, 5, encoding::fp32), std::move(parts));
                 ASSERT_TRUE(kept.seal(config));
                 const auto done = train_step(kept, pushes, [&](auto push, auto, auto) {
                   return static_cast<float>(config.self.value + 1 + push);
                 });
                 ASSERT_TRUE(done) << done.error().message;
                 double sum = 0;  // of one element
                 for (std::uint32_t r = 0; r < config.ranks; ++r) {
                   for (std::uint32_t push = 0; push < pushes; ++push) sum += r + 1 + push;
                 }
                 const double count = 3.0 * 5 * 4096;
                 EXPECT_EQ(done->gradient_norm, std::sqrt(sum * sum * count));
               });
    }
  }
}

/// One push of a sum, or its parts in several: the same gradient, but for fp32's rounding.
TEST_P(Ranks, AccumulateAsOnePassWould) {
  const auto part = [](std::uint32_t self, std::uint32_t push, std::size_t k) {
    return std::sin(static_cast<double>(self * 1000 + push * 100 + k % 97));
  };
  constexpr std::uint32_t parts_of_it = 4;
  for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
    on_ranks({.stage = stage, .tile_elements = block_elements, .several_pushes = true}, GetParam(),
             [&](const engine_config& config, std::unique_ptr<backends> parts) {
               engine kept(alike(2, 3, encoding::fp32), std::move(parts));
               ASSERT_TRUE(kept.seal(config));
               const auto in_parts = train_step(kept, parts_of_it, [&](auto push, auto, auto k) {
                 return static_cast<float>(part(config.self.value, push, k));
               });
               const auto at_once = train_step(kept, 1, [&](auto, auto, auto k) {
                 double sum = 0;
                 for (std::uint32_t i = 0; i < parts_of_it; ++i)
                   sum += part(config.self.value, i, k);
                 return static_cast<float>(sum);
               });
               ASSERT_TRUE(in_parts && at_once);
               EXPECT_NEAR(in_parts->gradient_norm / at_once->gradient_norm, 1, 1e-6);
             });
  }
}

/// 2 (N - 1) / N of the parameters' bytes at stages 0 to 2, 3 (N - 1) / N at stage 3.
TEST_P(Ranks, MoveTheBytesOfTheTheory) {
  constexpr std::uint32_t layers =
      240;  // the last one is fetched once, the first backward finds it
  for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
    on_ranks({.stage = stage, .tile_elements = block_elements * 12, .layer_slots = 1}, GetParam(),
             [&](const engine_config& config, std::unique_ptr<backends> parts) {
               engine kept(alike(layers, 12, encoding::exact), std::move(parts));
               ASSERT_TRUE(kept.seal(config));
               traffic moved, planned;
               for (int i = 0; i < 3; ++i) {
                 std::vector<visit> visits;
                 for (std::uint32_t l = 0; l < layers; ++l)
                   visits.push_back({visit::kind::fetch, {l}});
                 for (std::uint32_t l = layers; l-- > 0;) {
                   visits.push_back({visit::kind::fetch, {l}});
                   visits.push_back({visit::kind::push, {l}});
                 }
                 planned = kept.predict(visits);
                 const auto done = train_step(kept, 1, [](auto, auto, auto) { return 1e-3F; });
                 ASSERT_TRUE(done) << done.error().message;
                 moved = done->moved;
               }
               EXPECT_EQ(moved, planned);
               const double parameters = 2.0 * layers * 12 * 4096;
               const double theory = (stage < 3 ? 2.0 : 3.0) * (config.ranks - 1) / config.ranks;
               const bytes counted = moved[hop::reduce_scatter] + moved[hop::all_gather];
               EXPECT_NEAR(static_cast<double>(counted.value) / parameters, theory, 0.01 * theory);
             });
  }
}

/// The ZeRO paper's table, with this encoding's bytes: weights 2, gradients 2, state 10.
TEST_P(Ranks, HoldWhatTheStagePartitions) {
  const model declared = alike(8, 48, encoding::exact);
  const double parameters = 8.0 * 48 * 4096;
  const double n = GetParam();
  const double theory[] = {2 + 2 + 10, 2 + 2 + 10 / n, 2 + 2 / n + 10 / n, 2 / n + 2 / n + 10 / n};
  for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
    engine planner(declared, make_backends());
    const auto made = planner.dry_run({.ranks = GetParam(),
                                       .stage = stage,
                                       .placement = forced_placement{0, 1},
                                       .tile_elements = block_elements * 4});
    ASSERT_TRUE(made) << made.error().message;
    double held = 0;
    for (const consumer& each : made->consumers) {
      if (each.name == "weights" || each.name == "gradients" || each.name == "optimizer state") {
        held += static_cast<double>(each.size.value);
      }
    }
    EXPECT_NEAR(held / parameters, theory[stage], 0.02 * theory[stage]) << "stage " << stage;
  }
}

/// Saved by some ranks, loaded by others: the same state, and the step that followed the save.
TEST_P(Ranks, SaveWhatAnyNumberLoads) {
  const mixed_model mixed;
  for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
    for (const std::uint32_t loading : {1u, 2u, 4u}) {
      const test_folder folder;
      std::filesystem::create_directory(folder.path() + "/nvme");
      const auto config = [&](std::uint32_t at, forced_placement where, std::uint64_t blocks) {
        return engine_config{.stage = at,
                             .nvme = {{folder.path() + "/nvme"}},
                             .checkpoint_directory = folder.path() + "/checkpoints",
                             .placement = where,
                             .tile_elements = block_elements * blocks};
      };
      std::vector<std::uint32_t> saved, loaded;
      on_ranks(config(stage, {0.3, 0.3}, 2), GetParam(),
               [&](const engine_config& own, std::unique_ptr<backends> parts) {
                 engine kept(mixed.declared, std::move(parts));
                 const auto sealed = kept.seal(own);
                 ASSERT_TRUE(sealed) << sealed.error().message;
                 engine_state state(kept);
                 for (std::uint64_t number : {1u, 2u, 4u}) {
                   ASSERT_TRUE(mixed.step(state, number, false));
                   const auto done = kept.save("blob");
                   ASSERT_TRUE(done) << done.error().message;
                 }
                 const auto bits = bits_of(mixed.declared, kept);
                 if (own.self.value == 0) saved = bits;
               });
      on_ranks(config((stage + 1) % 4, {0, 0.5}, 3), loading,
               [&](const engine_config& own, std::unique_ptr<backends> parts) {
                 engine kept(mixed.declared, std::move(parts));
                 const auto sealed = kept.seal(own);
                 ASSERT_TRUE(sealed) << sealed.error().message;
                 const auto blob = kept.load();
                 ASSERT_TRUE(blob) << blob.error().message;
                 EXPECT_EQ(*blob, "blob");
                 const auto bits = bits_of(mixed.declared, kept);
                 if (own.self.value == 0) loaded = bits;
                 engine_state state(kept);
                 ASSERT_TRUE(mixed.step(state, 5, false));
                 ASSERT_TRUE(kept.save("again"));
               });
      for (const char* each : {"/nvme", "/checkpoints"}) {
        std::filesystem::remove_all(folder.path() + each);
      }
      EXPECT_FALSE(saved.empty());
      EXPECT_TRUE(saved == loaded) << "stage " << stage << ", loaded by " << loading;
    }
  }
}

TEST(RanksFail, TogetherWhereOneCannotBeSealed) {
  const test_folder folder;
  on_ranks({.placement = forced_placement{0, 0}, .tile_elements = block_elements}, 3,
           [&](engine_config config, std::unique_ptr<backends> parts) {
             config.nvme = {{config.self.value == 1 ? "/no/such/folder" : folder.path()}};
             engine kept(alike(2, 3, encoding::exact), std::move(parts));
             const auto sealed = kept.seal(config);
             ASSERT_FALSE(sealed);
             EXPECT_THAT(sealed.error().message, HasSubstr("/no/such/folder"));
             if (config.self.value != 1) {
               EXPECT_THAT(sealed.error().message, HasSubstr("rank 1: "));
             }
           });
}

TEST(RanksFail, TogetherWhereOneLeaves) {
  on_ranks({.tile_elements = block_elements}, 3,
           [&](const engine_config& config, std::unique_ptr<backends> parts) {
             engine kept(alike(2, 3, encoding::exact), std::move(parts));
             ASSERT_TRUE(kept.seal(config));
             if (config.self.value == 2) return;
             const auto done = train_step(kept, 1, [](auto, auto, auto) { return 1.0F; });
             ASSERT_FALSE(done);
             EXPECT_EQ(done.error().code, errc::communicator_failure);
             EXPECT_THAT(done.error().message, HasSubstr("rank 2"));
           });
}

TEST(RanksFail, WhereTheConfigurationIsOfOthers) {
  on_ranks({.tile_elements = block_elements}, 2,
           [&](engine_config config, std::unique_ptr<backends> parts) {
             config.ranks = 3;
             engine kept(alike(1, 1, encoding::exact), std::move(parts));
             const auto sealed = kept.seal(config);
             ASSERT_FALSE(sealed);
             EXPECT_EQ(sealed.error().code, errc::invalid_argument);
           });
}

TEST(RanksRefuse, WholeArraysOnNvme) {
  const auto refused = [](std::uint32_t stage, place weights, place gradients) {
    engine planner(alike(2, 3, encoding::exact), make_backends());
    const auto made = planner.dry_run({.ranks = 2,
                                       .stage = stage,
                                       .nvme = {{"/tmp"}},
                                       .placement = forced_placement{0, 0},
                                       .weights = weights,
                                       .gradients = gradients,
                                       .tile_elements = block_elements});
    return made ? std::string() : made.error().message;
  };
  EXPECT_THAT(refused(1, place::nvme, place::host), HasSubstr("--weights nvme and --stage 1"));
  EXPECT_THAT(refused(2, place::nvme, place::host), HasSubstr("choose --stage 3"));
  EXPECT_THAT(refused(1, place::host, place::nvme), HasSubstr("--gradients nvme and --stage 1"));
  EXPECT_EQ(refused(2, place::host, place::nvme), "");
  EXPECT_EQ(refused(3, place::nvme, place::nvme), "");
  EXPECT_EQ(refused(0, place::nvme, place::nvme), "");
  EXPECT_THAT(refused(4, place::host, place::host), HasSubstr("--stage"));
}

}  // namespace
}  // namespace ballast::tools
