// A forecast against hand-computed steps: what overlaps, what is waited for, and what binds.
#include <gtest/gtest.h>

#include <ballast/engine.hpp>
#include <numeric>

#include "plain_backends.hpp"

namespace ballast {
namespace {

using namespace literals;

constexpr double layer_elements = 512 * 512;
constexpr double layer_bytes = 4 * layer_elements;
constexpr double all_elements = 8 * layer_elements;
constexpr double forward = 0.1;
constexpr double backward = 0.2;
constexpr double compute = 8 * (forward + backward);

/// Eight layers of fp32, forward and back; a rate of one is so fast that it takes no time.
class Forecast : public testing::Test {
 protected:
  Forecast() {
    for (std::uint32_t i = 0; i < 8; ++i) {
      const layer_id here = declared_.add_layer("layer" + std::to_string(i));
      declared_.add_parameter(here, "p" + std::to_string(i), {512, 512},
                              {.stored = encoding::fp32});
      visits_.push_back({{visit::kind::fetch, here}, forward});
    }
    for (std::uint32_t i = 8; i-- > 0;) {
      visits_.push_back({{visit::kind::fetch, {i}}, backward});
      visits_.push_back({{visit::kind::push, {i}}, 0});
    }
    rates_.upload = rates_.download = fast;
    rates_.disk = {fast, fast, fast};
    rates_.updates = {{encoding::fp32, optimizer::adamw, 0, 0}};
    rates_.digest = fast;
    rates_.device_is_host = false;
  }

  void put(double device, double host) {
    config_.placement = forced_placement{device, host};
    config_.nvme = {{"/anywhere"}};
  }

  /// All layers' inputs but the last two's leave the device, and come back; all else is on it.
  void take_off(place where) {
    config_.nvme = {{"/anywhere"}};
    config_.placement = forced_placement{1, 0};
    kept_in_ = where;
    std::vector<timed_visit> with;
    for (const timed_visit& each : visits_) {
      const bool off = each.what.what == visit::kind::fetch && each.what.layer.value < 6;
      if (off) {
        const bool back = each.compute == backward;
        with.push_back(
            {{back ? visit::kind::load : visit::kind::store, each.what.layer, input}, 0});
      }
      with.push_back(each);
    }
    visits_ = with;
  }

  forecast foreseen() const {
    engine planner(declared_, std::make_unique<fakes::plain_backends>());
    if (kept_in_) {
      planner.reserve(*kept_in_, input * 6);
    }
    auto made = planner.dry_run(config_, visits_, rates_);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return *std::move(made);
  }

  static double seconds(const forecast& of, activity what) {
    return std::chrono::duration<double>(of.time[what]).count();
  }

  static constexpr bytes input = 1_MiB;
  static constexpr double input_bytes = 1 << 20;
  static constexpr double fast = 1e30;
  static constexpr double close = 1e-6;
  model declared_;
  std::optional<place> kept_in_;
  std::vector<timed_visit> visits_;
  machine_rates rates_;
  engine_config config_{.tile_elements = block_elements * 16};
};

TEST_F(Forecast, OfAResidentModelIsItsArithmetic) {
  rates_.updates.front().device = 2e-7;
  rates_.gradient = 1e-7;
  const forecast made = foreseen();
  EXPECT_NEAR(seconds(made, activity::compute), compute, close);
  EXPECT_NEAR(seconds(made, activity::optimizer), all_elements * 3e-7, close);
  EXPECT_NEAR(made.seconds(), compute + all_elements * 3e-7, close);
  EXPECT_EQ(made.binds, resource::compute);
}

TEST_F(Forecast, UpdatesOnADeviceBesideTheProcessorsUnlessItIsTheHost) {
  put(0.5, 0.5);
  rates_.updates.front() = {encoding::fp32, optimizer::adamw, 1e-7, 2e-7};
  EXPECT_NEAR(seconds(foreseen(), activity::optimizer), all_elements / 2 * 2e-7, close);
  rates_.device_is_host = true;
  EXPECT_NEAR(seconds(foreseen(), activity::optimizer), all_elements / 2 * 3e-7, close);
}

TEST_F(Forecast, WaitsForWeightsThatNoSlotBringsInBeforehand) {
  put(0, 1);
  config_.layer_slots = 1;
  rates_.upload = layer_bytes / 0.05;
  // Eight on the way forward; on the way back the last one is still there.
  const forecast made = foreseen();
  EXPECT_NEAR(seconds(made, activity::upload), 15 * 0.05, close);
  EXPECT_NEAR(made.seconds(), compute + 15 * 0.05, close);
  EXPECT_EQ(made.layers_ahead, 0u);
}

TEST_F(Forecast, HidesUploadsBehindComputeWhereSlotsAllow) {
  put(0, 1);
  rates_.upload = layer_bytes / 0.05;
  const forecast made = foreseen();
  EXPECT_NEAR(seconds(made, activity::upload), 0.05, close) << "nobody computes before the first";
  EXPECT_EQ(made.layers_ahead, 1u);
}

TEST_F(Forecast, IsBoundByALinkThatIsSlowerThanCompute) {
  put(0, 1);
  rates_.upload = layer_bytes / 0.5;
  const forecast made = foreseen();
  // Of the way back six come again. The link rests while the last layer is computed forward and
  // back, for the other slot holds the next one; and while the first one is, at the end.
  EXPECT_NEAR(made.seconds(), 14 * 0.5 + (forward + backward) + backward, close);
  EXPECT_EQ(made.binds, resource::link);
}

TEST_F(Forecast, WaitsForPeersWhereComputeIsShorter) {
  put(0, 1);
  config_.ranks = 2;
  rates_.peers = layer_bytes / 2 / 0.5;  // half a second for a peer's shard of a layer
  // Sixteen fetches and eight reductions of half a second; what is computed meanwhile hides nothing
  // but itself.
  config_.stage = 3;
  const forecast partitioned = foreseen();
  EXPECT_EQ(partitioned.binds, resource::ranks);
  EXPECT_GT(partitioned.seconds(), 20 * 0.5);
  EXPECT_LT(partitioned.seconds(), 24 * 0.5 + compute);
  // Eight gathers and eight reductions.
  config_.stage = 2;
  const forecast whole = foreseen();
  EXPECT_GT(whole.seconds(), 15 * 0.5);
  EXPECT_LT(whole.seconds(), 16 * 0.5 + compute);
  rates_.peers = fast;
  EXPECT_NEAR(foreseen().seconds(), compute, close);
}

TEST_F(Forecast, ChargesTheHostDevicesCopiesToItsProcessors) {
  put(0, 1);
  rates_.upload = layer_bytes / 0.05;
  rates_.device_is_host = true;
  rates_.processors = 2;
  // Fourteen uploads, of which one is waited for.
  EXPECT_NEAR(seconds(foreseen(), activity::compute), compute + 13 * 0.05 / 2, close);
}

TEST_F(Forecast, WaitsForTheLastGradientToBeAtHome) {
  put(0, 1);
  rates_.download = layer_bytes / 0.05;
  EXPECT_NEAR(seconds(foreseen(), activity::download), 0.05, close);
}

TEST_F(Forecast, HidesActivationsBehindTheComputeOfOneLayer) {
  take_off(place::host);
  rates_.download = input_bytes / forward;
  rates_.upload = input_bytes / backward;
  for (const place where : {place::host, place::nvme}) {
    kept_in_ = where;
    EXPECT_NEAR(foreseen().seconds(), compute, close);
    EXPECT_EQ(foreseen().moved[hop::upload], input * 6);
    EXPECT_EQ(foreseen().moved[hop::write], where == place::nvme ? input * 6 : bytes{});
  }
}

TEST_F(Forecast, WaitsForActivationsOnTheLinkThatIsSlower) {
  take_off(place::host);
  rates_.download = input_bytes / 0.25;
  // The layer after the last one of them is computed when its input has left.
  EXPECT_NEAR(seconds(foreseen(), activity::download), 6 * 0.25 - 6 * forward, close);
  EXPECT_NEAR(seconds(foreseen(), activity::write), 0, close);
  rates_.download = fast;
  rates_.upload = input_bytes / 0.25;
  EXPECT_NEAR(seconds(foreseen(), activity::upload), 6 * (0.25 - backward), close);
}

TEST_F(Forecast, WaitsForTheDiskThatActivationsRestOn) {
  take_off(place::nvme);
  rates_.disk.read = input_bytes / 0.25;
  EXPECT_NEAR(seconds(foreseen(), activity::read), 6 * (0.25 - backward), close);
  rates_.disk.read = fast;
  rates_.disk.write = input_bytes / 1.0;
  EXPECT_GT(seconds(foreseen(), activity::write), 1.0);
  EXPECT_NEAR(seconds(foreseen(), activity::download), 0, close);
}

/// 32 tiles of 512 KiB of state, read and written.
TEST_F(Forecast, TakesTheLongerOfDiskAndArithmeticAndATileOfTheOther) {
  put(0, 0);
  rates_.disk.both = 8 * all_elements * 2 / 3.2;
  rates_.updates.front().host = 0.64 / all_elements;
  const forecast made = foreseen();
  EXPECT_NEAR(made.seconds(), compute + 3.2 + 0.64 / 32, close);
  EXPECT_NEAR(seconds(made, activity::optimizer), 0.64, close);
  EXPECT_EQ(made.binds, resource::disk);
  EXPECT_NEAR(made.bound, 3.2 + 0.02, close);
  EXPECT_EQ(made.tiles_ahead, 8u);
  rates_.updates.front().host = 6.4 / all_elements;
  EXPECT_NEAR(foreseen().seconds(), compute + 6.4 + 0.1, close);
  EXPECT_EQ(foreseen().binds, resource::processors);
}

TEST_F(Forecast, OverlapsNothingWithOneCarrier) {
  put(0, 0);
  config_.pipeline_depth = 1;
  rates_.disk.both = 8 * all_elements * 2 / 3.2;
  rates_.updates.front().host = 0.64 / all_elements;
  const forecast made = foreseen();
  EXPECT_NEAR(made.seconds(), compute + 3.2 + 0.64, close);
  EXPECT_NEAR(seconds(made, activity::read), 1.6, close) << "the tile is read, then it is written";
  EXPECT_NEAR(seconds(made, activity::write), 1.6, close);
}

TEST_F(Forecast, CountsDigestsOfWhatRestsOnDiskOnly) {
  put(0, 1);
  rates_.digest = 8 * all_elements;
  EXPECT_NEAR(foreseen().seconds(), compute, close);
  put(0, 0);
  EXPECT_NEAR(foreseen().seconds(), compute + 2, close) << "checked and stamped";
}

/// Eight gradients of a layer's size, the disk idle before; what is still to be written when the last
/// one has been pushed is waited for.
TEST_F(Forecast, WritesGradientsBesideComputeAndReadsThemInTheUpdate) {
  put(0, 0);
  config_.pipeline_depth = 8;  // the relay holds two layers
  const forecast in_host = foreseen();
  config_.gradients = place::nvme;
  rates_.disk.write = layer_bytes / 0.05;
  const forecast made = foreseen();
  const bytes gradients{static_cast<std::uint64_t>(all_elements) * 4};
  EXPECT_EQ(made.moved[hop::read], in_host.moved[hop::read] + gradients);
  EXPECT_EQ(made.moved[hop::write], in_host.moved[hop::write] + gradients);
  EXPECT_EQ(made.moved[hop::read] + made.moved[hop::write], made.places.nvme_step);
  EXPECT_NEAR(made.seconds(), compute + 0.05, close);
  EXPECT_NEAR(seconds(made, activity::write), 0.05, close);
  rates_.disk.write = layer_bytes / 0.5;
  // The first push comes with the first way back; then a layer's gradient is on its way for longer
  // than a layer is computed for.
  EXPECT_NEAR(foreseen().seconds(), 8 * forward + backward + 8 * 0.5, close);
  EXPECT_EQ(foreseen().binds, resource::disk);
}

TEST_F(Forecast, MovesNothingThatIsCached) {
  put(0, 0);
  rates_.disk.both = 8 * all_elements * 2 / 3.2;
  const forecast none = foreseen();
  const bytes tile{8 * block_elements.value * 16};
  config_.host_memory = none.places.total(place::host) + tile * 8;
  const forecast some = foreseen();
  EXPECT_EQ(some.places.cached_tiles, 8u);
  EXPECT_EQ(some.moved[hop::read], none.moved[hop::read] - tile * 8);
  EXPECT_EQ(some.moved[hop::read] + some.moved[hop::write], some.places.nvme_step);
  EXPECT_NEAR(some.seconds(), compute + 2.4, close);
  config_.host_memory = none.places.total(place::host) + tile * 32;
  EXPECT_NEAR(foreseen().seconds(), compute, close);
}

TEST_F(Forecast, IsNeverSlowerOnAFasterMachine) {
  put(0.25, 0.25);
  rates_ = {.upload = 1e7,
            .download = 1e7,
            .disk = {1e7, 1e7, 1e7},
            .updates = {{encoding::fp32, optimizer::adamw, 1e-7, 1e-7}},
            .gradient = 1e-7,
            .digest = 1e7,
            .processors = 2};
  const double slow = foreseen().seconds();
  for (double* rate : {&rates_.upload, &rates_.download, &rates_.disk.both, &rates_.digest}) {
    const double before = *rate;
    *rate *= 2;
    EXPECT_LT(foreseen().seconds(), slow);
    *rate = before;
  }
  for (double* cost :
       {&rates_.updates.front().host, &rates_.updates.front().device, &rates_.gradient}) {
    const double before = *cost;
    *cost /= 2;
    EXPECT_LT(foreseen().seconds(), slow);
    *cost = before;
  }
  rates_.device_is_host = false;
  EXPECT_LT(foreseen().seconds(), slow);
}

TEST_F(Forecast, IsNeverSlowerWithMoreHostMemory) {
  put(0, 0);
  rates_.disk = {1e7, 1e7, 1e7};
  config_.host_memory = foreseen().places.total(place::host);
  for (double before = foreseen().seconds(); foreseen().moved[hop::read].value > 0;) {
    *config_.host_memory += 1_MiB;
    const double now = foreseen().seconds();
    EXPECT_LE(now, before);
    before = now;
  }
}

TEST_F(Forecast, RefusesWhatDoesNotFit) {
  config_.device_memory = 2_MiB;
  const engine planner(declared_, std::make_unique<fakes::plain_backends>());
  const auto refused = planner.dry_run(config_, visits_, rates_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::does_not_fit);
}

}  // namespace
}  // namespace ballast
