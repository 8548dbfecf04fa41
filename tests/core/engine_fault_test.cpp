// What goes wrong under an engine is heard, once and for good; what changed nothing is not held
// against it.
#include "engine_fixture.hpp"

#include <stdexcept>
#include <thread>

namespace ballast {
namespace {

using testing::HasSubstr;

TEST_F(Engine, SticksToTheFirstErrorOfAnUpdate) {
  for (const bool reading : {true, false}) {
    start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}});
    auto& broken = reading ? seen_->disk->fake_read() : seen_->disk->fake_write();
    broken.fail_in(2);
    EXPECT_EQ(plain_step().error().code, errc::io_failure);
    EXPECT_EQ(engine_->fetch(names_.body).error().code, errc::io_failure);
    EXPECT_EQ(engine_->step({}).error().code, errc::io_failure);
    EXPECT_EQ(engine_->begin_pass("train").error().code, errc::io_failure);
  }
}

TEST_F(Engine, LosesNoFailedTransfer) {
  for (const bool up : {true, false}) {
    std::uint64_t failed_steps = 0;
    for (std::uint64_t n = 1; n <= 60; ++n) {
      start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0.5}, .gradient_slots = 1});
      (up ? seen_->device->fake_upload() : seen_->device->fake_download()).fail_in(n);
      bool heard = false;
      for (int i = 0; i < 2 && !heard; ++i) {
        heard = !try_step();
      }
      const bool passed_by = (up ? seen_->device->fake_upload() : seen_->device->fake_download())
                                 .counters()
                                 .transfers < n;
      ASSERT_EQ(heard, !passed_by) << (up ? "upload " : "download ") << n;
      if (heard) {
        ++failed_steps;
        EXPECT_EQ(engine_->step({}).error().code, errc::io_failure);
      }
    }
    EXPECT_GT(failed_steps, 5u);
  }
}

TEST_F(Engine, LosesNoFailedReadOrUploadOfWeightsOnNvme) {
  for (const bool reading : {true, false}) {
    std::uint64_t failed = 0;
    for (std::uint64_t n = 1; n <= 80; n += 3) {
      start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}, .weights = place::nvme});
      fakes::late_link& broken = reading ? seen_->disk->fake_read() : seen_->device->fake_upload();
      const std::uint64_t last = broken.counters().transfers + n;
      broken.fail_in(n);
      bool heard = false;
      for (int i = 0; i < 2 && !heard; ++i) {
        heard = !try_step();
      }
      ASSERT_EQ(heard, broken.counters().transfers >= last) << (reading ? "read " : "upload ") << n;
      if (heard) {
        ++failed;
        EXPECT_EQ(engine_->fetch(names_.body).error().code, errc::io_failure);
      }
    }
    EXPECT_GT(failed, 5u);
  }
}

TEST_F(Engine, LosesNoFailedDownloadOrWriteOfGradientsOnNvme) {
  for (const bool writing : {true, false}) {
    std::uint64_t failed = 0;
    for (std::uint64_t n = 1; n <= 40; n += 3) {
      start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}, .gradients = place::nvme});
      fakes::late_link& broken =
          writing ? seen_->disk->fake_write() : seen_->device->fake_download();
      const std::uint64_t last = broken.counters().transfers + n;
      broken.fail_in(n);
      bool heard = false;
      for (int i = 0; i < 2 && !heard; ++i) {
        heard = !try_step();
      }
      ASSERT_EQ(heard, broken.counters().transfers >= last)
          << (writing ? "write " : "download ") << n;
      if (heard) {
        ++failed;
        EXPECT_EQ(engine_->fetch(names_.body).error().code, errc::io_failure);
      }
    }
    EXPECT_GT(failed, 5u);
  }
}

TEST_F(Engine, UpdatesWithNoDamagedGradient) {
  for (const std::uint32_t cached : {0u, 100u}) {
    engine_config config{
        .nvme = {{"/fake"}}, .placement = forced_placement{0, 0}, .gradients = place::nvme};
    config.host_memory = cached > 0 ? std::optional(64_MiB) : std::nullopt;
    start(config);
    EXPECT_EQ(plan_.cached_tiles > 0, cached > 0);
    ASSERT_TRUE(engine_->begin_pass("train"));
    auto& write = seen_->disk->fake_write();
    const auto push_home = [&](layer_id layer, std::uint64_t tiles) {
      const std::uint64_t wanted = write.counters().transfers + tiles;
      const status pushed = push(layer, 1.0F);
      ASSERT_TRUE(pushed) << pushed.error().message;
      while (write.counters().transfers < wanted) {
        std::this_thread::yield();
      }
      write.wait_until_idle();
    };
    push_home(names_.head, 1);
    push_home(names_.embedding, 0);  // tied: its gradient is summed, in host memory
    const std::span<std::byte> now = seen_->disk->disk();
    const std::vector<std::byte> before(now.begin(), now.end());
    push_home(names_.body, 8);
    const auto changed = std::ranges::mismatch(now, before).in1;
    ASSERT_NE(changed, now.end()) << "the gradient is on the disk";
    *changed ^= std::byte{4};
    const auto refused = engine_->step({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::corrupted);
    EXPECT_EQ(engine_->fetch(names_.body).error().code, errc::corrupted);
  }
}

TEST_F(Engine, GivesNoDamagedWeightsToTheCaller) {
  start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}, .weights = place::nvme});
  for (const consumer& each : plan_.consumers) {
    EXPECT_TRUE(each.where != place::host || each.name != "weights");
  }
  seen_->disk->disk()[100] ^= std::byte{1};  // of the first tile's weights
  const auto refused = engine_->fetch(names_.embedding);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::corrupted);
  EXPECT_EQ(engine_->begin_pass("train").error().code, errc::corrupted);
}

TEST_F(Engine, ForgetsAWrongArgumentAndRemembersDamage) {
  start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}});
  std::vector<float> value(1);
  EXPECT_EQ(engine_->write(names_.weight, state_part::master, {30000}, value).error().code,
            errc::invalid_argument);
  EXPECT_TRUE(engine_->begin_pass("train"));
  seen_->disk->disk()[100] ^= std::byte{1};
  EXPECT_EQ(engine_->read(names_.matrix, state_part::momentum, {0}, value).error().code,
            errc::corrupted);
  EXPECT_EQ(engine_->begin_pass("train").error().code, errc::corrupted);
}

TEST_F(Engine, TakesAGradientOnce) {
  start({});
  auto gradient = engine_->gradient_buffer(names_.body);
  ASSERT_TRUE(gradient);
  ASSERT_TRUE(engine_->push_gradients(*std::move(gradient), true));
  EXPECT_DEATH((void)engine_->push_gradients(*std::move(gradient), true), "pushed once");
}

TEST_F(Engine, TurnsAnExceptionOfTheCallersIntoAFailure) {
  small_model broken;
  broken.declared = model{};
  const layer_id only = broken.declared.add_layer("only");
  broken.declared.add_parameter(
      only, "thrower", {100},
      {.stored = encoding::fp32, .init = [](element_range, std::span<float>) {
         throw std::runtime_error("no values today");
       }});
  engine unlucky(broken.declared, std::make_unique<fakes::plain_backends>());
  const auto sealed = unlucky.seal({});
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, errc::failed_task);
  EXPECT_THAT(sealed.error().message, HasSubstr("no values today"));
}

TEST_F(Engine, NoticesAFlippedBitOnDisk) {
  start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}});
  seen_->disk->disk()[5000] ^= std::byte{16};
  EXPECT_EQ(plain_step().error().code, errc::corrupted);
}

TEST_F(Engine, WritesElsewhereWhatAFolderDoesNotTake) {
  for (const resting& rest : {state_alone, weights_too, everything}) {
    const engine_config config{.nvme = {{"/fake"}},
                               .placement = forced_placement{0, 0},
                               .weights = rest.weights,
                               .gradients = rest.gradients};
    start(config);
    ASSERT_TRUE(plain_step());
    ASSERT_TRUE(plain_step());
    ASSERT_TRUE(plain_step());
    const auto expected = values(names_.matrix);
    const auto expected_momentum = values(names_.weight, state_part::momentum);
    const auto tiles = plan_.tiles[static_cast<std::size_t>(place::nvme)];
    const std::uint64_t summed = tiles - 8 - 1;  // the embedding is tied
    const std::uint64_t writes = tiles * (rest.weights == place::nvme ? 2 : 1) +
                                 (rest.gradients == place::nvme ? tiles - summed : 0);
    for (std::uint64_t n = 1; n <= writes; ++n) {
      start(config);
      ASSERT_TRUE(plain_step());
      seen_->disk->others_left = true;
      seen_->disk->give_room({32768});
      seen_->disk->fake_write().fail_in(n);
      const auto moved = plain_step();
      ASSERT_TRUE(moved) << "write " << n << ": " << moved.error().message;
      ASSERT_TRUE(plain_step());
      EXPECT_EQ(values(names_.matrix), expected);
      EXPECT_EQ(values(names_.weight, state_part::momentum), expected_momentum);
    }
  }
}

TEST_F(Engine, StopsWhereNoFolderHasRoomForWhatAnotherDidNotTake) {
  for (const bool others : {false, true}) {
    start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 0}});
    seen_->disk->others_left = others;
    seen_->disk->fake_write().fail_in(2);
    const auto refused = plain_step();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("was made to fail"));
    EXPECT_EQ(engine_->fetch(names_.body).error().message, refused.error().message);
  }
}

}  // namespace
}  // namespace ballast
