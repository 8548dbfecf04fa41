// A whole training step on fakes, in every placement: the same results, the planned bytes and
// memory.
#include "engine_fixture.hpp"

namespace ballast {
namespace {

struct placement_case {
  const char* name;
  forced_placement fractions;
  std::uint32_t cached_tiles = 0;  ///< that the host's budget leaves room for
  resting rest = state_alone;
  io_backend io = io_backend::automatic;
};

void PrintTo(const placement_case& shown, std::ostream* to) { *to << shown.name; }

const placement_case placements[] = {
    {"device", {1, 0}},
    {"host", {0, 1}},
    {"nvme", {0, 0}},
    {"mixed", {0.3, 0.4}},
    {"cached", {0, 0}, 3},
    {"all_cached", {0.1, 0}, 1000},
    {"weights", {0, 0}, 0, weights_too},
    {"weights_mixed", {0.3, 0.4}, 0, weights_too},
    {"weights_cached", {0, 0}, 3, weights_too},
    {"weights_all_cached", {0.1, 0}, 1000, weights_too},
    {"gradients", {0, 0}, 0, gradients_too},
    {"gradients_cached", {0, 0}, 3, gradients_too},
    {"capacity", {0, 0}, 0, everything},
    {"capacity_mixed", {0.3, 0.4}, 0, everything},
    {"capacity_cached", {0, 0}, 3, everything},
    {"capacity_all_cached", {0.1, 0}, 1000, everything},
    {"inlined", {0, 0}, 0, state_alone, io_backend::inlined},
    {"inlined_mixed", {0.3, 0.4}, 0, state_alone, io_backend::inlined},
    {"inlined_weights", {0, 0}, 0, weights_too, io_backend::inlined},
    {"inlined_gradients", {0, 0}, 0, gradients_too, io_backend::inlined},
    {"inlined_capacity", {0, 0}, 0, everything, io_backend::inlined}};

class EnginePlaced : public Engine, public testing::WithParamInterface<placement_case> {
 protected:
  engine_config placed(engine_config config = {}) {
    config.nvme = {{"/fake"}};
    config.placement = GetParam().fractions;
    config.weights = GetParam().rest.weights;
    config.gradients = config.several_pushes ? place::host : GetParam().rest.gradients;
    config.io = GetParam().io;
    if (config.tile_elements == engine_config{}.tile_elements) {
      config.tile_elements = block_elements;
    }
    if (GetParam().cached_tiles > 0) {
      engine tried(names_.declared, std::make_unique<fakes::plain_backends>());
      tried.reserve(place::device, 1_MiB);
      tried.reserve(place::host, 64_KiB);
      const auto without = tried.dry_run(config);
      EXPECT_TRUE(without);
      const std::uint64_t width =
          8 + (config.weights == place::nvme ? 4 : 0) + (config.gradients == place::nvme ? 4 : 0);
      const bytes tile = bytes{width} * config.tile_elements.value;
      config.host_memory = without->total(place::host) + tile * GetParam().cached_tiles;
    }
    return config;
  }
};

TEST_P(EnginePlaced, UpdatesEveryParameterOnceAStep) {
  for (const std::uint64_t blocks : {1u, 3u, 64u}) {
    start(placed({.tile_elements = block_elements * blocks}));
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
      const float rate = fakes::descent::rate(make_scalars(adamw_options{}, 0.5, t, 1));
      expected_matrix -= rate * 2.0F;
      expected_weight -= rate * 1.0F;
    }
    EXPECT_FLOAT_EQ(matrix[123], expected_matrix);
    EXPECT_FLOAT_EQ(weight[29123], expected_weight);
    EXPECT_THAT(values(names_.scale, state_part::momentum), testing::Each(3.0F));
  }
}

TEST_P(EnginePlaced, MovesWhatThePlanPredicts) {
  start(placed());
  using kind = visit::kind;
  const std::vector<visit> visits{{kind::fetch, names_.embedding}, {kind::fetch, names_.body},
                                  {kind::fetch, names_.head},      {kind::fetch, names_.head},
                                  {kind::push, names_.head},       {kind::fetch, names_.body},
                                  {kind::push, names_.body},       {kind::fetch, names_.embedding},
                                  {kind::push, names_.embedding}};
  for (int i = 0; i < 3; ++i) {
    const traffic predicted = engine_->predict(visits);
    const auto report = plain_step();
    EXPECT_EQ(report->cached_tiles, plan_.cached_tiles);
    ASSERT_TRUE(report);
    for (const hop each : {hop::read, hop::write, hop::upload, hop::download}) {
      EXPECT_EQ(report->moved[each], predicted[each]) << to_string(each) << ", step " << i;
    }
  }
}

TEST_P(EnginePlaced, HoldsWhatThePlanSays) {
  start(placed());
  EXPECT_EQ(seen_->device->allocated(), plan_.total(place::device));
  bytes in_host = plan_.total(place::host);
  for (const consumer& each : plan_.consumers) {
    if (each.name == "block sums" || each.name == "digests" ||
        each.name == "store's bounce buffer") {
      in_host -= each.size;
    }
  }
  EXPECT_EQ(seen_->host, in_host);
}

TEST_P(EnginePlaced, ReadsAndWritesAnyRange) {
  start(placed());
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
  start(placed());
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
  start(placed({.several_pushes = true}));
  for (int i = 0; i < 3; ++i) {
    for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
      ASSERT_TRUE(push(layer, 1.0F, false));
    }
  }
  const auto report = engine_->step({.learning_rate = 1});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_DOUBLE_EQ(report->gradient_norm, 3 * std::sqrt(30000 * 4.0 + 77 + 30000 + 5));
}

TEST(EngineInlined, IsWhatAutomaticBecomesWhereNvmeIsMemory) {
  const small_model names;
  for (const bool memory : {false, true}) {
    auto parts = std::make_unique<fakes::plain_backends>();
    parts->seen->nvme_is_memory = memory;
    const engine asked(names.declared, std::move(parts));
    const engine_config config{.nvme = {{"/fake"}},
                               .placement = forced_placement{0, 0},
                               .tile_elements = block_elements,
                               .threads = 3};
    EXPECT_EQ(asked.resolved(config).io, memory ? io_backend::inlined : io_backend::automatic);
    const auto plan = asked.dry_run(config);
    ASSERT_TRUE(plan);
    bool staged = false;
    bytes buffers;
    for (const consumer& each : plan->consumers) {
      staged = staged || each.name.starts_with("staging");
      buffers += each.name == "slice buffers of 3 workers" ? each.size : bytes{};
    }
    EXPECT_EQ(staged, !memory);
    // A block of fp32 momentum and variance for each.
    EXPECT_EQ(buffers.value, memory ? 3 * 8 * block_elements.value : 0);
    engine_config chosen = config;
    chosen.io = io_backend::posix;
    EXPECT_EQ(asked.resolved(chosen).io, io_backend::posix) << "what was asked for stays";
  }
}

/// Half way through a tile's slices: heard, and for good; what was not begun stays.
TEST_F(Engine, HearsOfASliceThatCouldNotBeMoved) {
  for (const bool reading : {true, false}) {
    for (std::uint64_t n = 1; n <= 12; n += 3) {
      start({.nvme = {{"/fake"}},
             .placement = forced_placement{0, 0},
             .tile_elements = block_elements * 8,
             .io = io_backend::inlined});
      auto& broken = reading ? seen_->disk->fake_read() : seen_->disk->fake_write();
      broken.fail_in(n);
      EXPECT_EQ(plain_step().error().code, errc::io_failure) << n;
      EXPECT_EQ(engine_->fetch(names_.body).error().code, errc::io_failure);
    }
  }
}

TEST_F(Engine, NoticesAFlippedBitInASliceThatAWorkerBrings) {
  start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}, .io = io_backend::inlined});
  ASSERT_TRUE(plain_step());
  seen_->disk->disk()[1000] ^= std::byte{1};
  EXPECT_EQ(plain_step().error().code, errc::corrupted);
}

INSTANTIATE_TEST_SUITE_P(Places, EnginePlaced, testing::ValuesIn(placements),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ballast
