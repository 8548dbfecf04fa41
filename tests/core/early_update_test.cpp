// Updates that begin while gradients are still being pushed: whatever becomes of them, the bits are
// those of a step that waited.
#include <limits>
#include <thread>

#include "engine_fixture.hpp"

namespace ballast {
namespace {

/// Three layers of whole tiles and a short one; nothing is tied, so every layer may begin early.
small_model untied() {
  small_model made;
  made.declared = model{};
  made.embedding = made.declared.add_layer("embedding");
  made.body = made.declared.add_layer("body");
  made.head = made.declared.add_layer("head");
  const auto numbered = [](element_range range, std::span<float> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>((range.begin.value + i) % 1000);
    }
  };
  const parameter_options options{.stored = encoding::fp32, .init = numbered};
  made.matrix = made.declared.add_parameter(made.embedding, "matrix", {5 * 8192}, options);
  made.bias = made.declared.add_parameter(made.embedding, "bias", {77}, options);
  made.weight = made.declared.add_parameter(made.body, "weight", {8 * 8192}, options);
  made.scale = made.declared.add_parameter(made.head, "scale", {3 * 8192}, options);
  return made;
}

/// What rests on NVMe; tiles on carriers, or brought by workers.
class EarlyUpdate : public Engine,
                    public testing::WithParamInterface<std::tuple<resting, io_backend>> {
 protected:
  EarlyUpdate() { names_ = untied(); }

  static const resting& rest() { return std::get<resting>(GetParam()); }

  engine_config on_disk(bytes undo) {
    return {.nvme = {{"/fake"}},
            .placement = forced_placement{0, 0},
            .weights = rest().weights,
            .gradients = rest().gradients,
            .tile_elements = block_elements * 2,
            .undo_memory = undo,
            .io = std::get<io_backend>(GetParam())};
  }

  /// Until a gradient of so many tiles is where it rests, no other writes being under way.
  void wait_at_home(std::uint64_t tiles) {
    seen_->device->fake_download().wait_until_idle();
    auto& write = seen_->disk->fake_write();
    while (rest().gradients == place::nvme && write.counters().transfers < written_ + tiles) {
      std::this_thread::yield();
    }
    if (tiles > 0) {
      write.wait_until_idle();
    }
  }

  /// A step whose gradients are 1, but `last` in the layer that is pushed last.
  result<step_report> step(
      const step_options& options, float last = 1,
      const std::function<void()>& before_step = [] {}) {
    EXPECT_TRUE(engine_->expect_step(options));
    EXPECT_TRUE(engine_->begin_pass("train"));
    written_ = seen_->disk->fake_write().counters().transfers;
    for (const layer_id layer : {names_.embedding, names_.body, names_.head}) {
      EXPECT_TRUE(engine_->fetch(layer));
    }
    for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
      { EXPECT_TRUE(engine_->fetch(layer)); }
      const status pushed = push(layer, layer == names_.embedding ? last : 1.0F);
      EXPECT_TRUE(pushed) << pushed.error().message;
      wait_at_home(layer == names_.head ? 3 : 0);
    }
    before_step();
    return engine_->step(options);
  }

  std::vector<float> all_state() {
    std::vector<float> all;
    for (const parameter_id which : {names_.matrix, names_.bias, names_.weight, names_.scale}) {
      for (const state_part part :
           {state_part::weights, state_part::momentum, state_part::variance}) {
        const auto some = values(which, part);
        all.insert(all.end(), some.begin(), some.end());
      }
    }
    return all;
  }

  /// The same steps, early and in one go; `script(i)` takes step i. Returns the early reports.
  template <class Script>
  std::vector<step_report> compare(int steps, bytes undo, const Script& script) {
    std::vector<step_report> reports;
    std::vector<float> waited;
    for (const bytes memory : {bytes{}, undo}) {
      start(on_disk(memory), names_);
      for (int i = 0; i < steps; ++i) {
        const auto report = script(i);
        EXPECT_TRUE(report) << (report ? "" : report.error().message);
        if (report && memory.value > 0) {
          reports.push_back(*report);
        } else if (report) {
          EXPECT_EQ(report->early_tiles, 0u);
        }
      }
      if (memory.value == 0) {
        waited = all_state();
      }
    }
    EXPECT_EQ(waited, all_state());
    return reports;
  }

  std::uint64_t written_ = 0;  ///< transfers before this step
};

constexpr bytes for_all{16 << 20};

TEST_P(EarlyUpdate, retires_what_it_began) {
  const auto reports = compare(6, for_all, [&](int) { return step({.learning_rate = 0.5}); });
  EXPECT_EQ(reports[0].early_tiles, 0u) << "the order is not known yet";
  for (std::size_t i = 1; i < reports.size(); ++i) {
    const std::uint32_t least = rest().gradients == place::nvme ? 3 : 11;
    EXPECT_GE(reports[i].early_tiles, least) << "head, and body where it was waited for";
    EXPECT_FALSE(reports[i].rolled_back);
    EXPECT_EQ(reports[i].moved.moved, reports[0].moved.moved) << "nothing is moved twice";
  }
}

TEST_P(EarlyUpdate, begins_no_more_than_can_be_undone) {
  const auto reports = compare(4, bytes{3 * 2 * 4096 * 4}, [&](int) { return step({}); });
  EXPECT_EQ(reports.back().early_tiles, 3u);
}

TEST_P(EarlyUpdate, rolls_back_where_the_norm_is_clipped) {
  const auto reports = compare(6, for_all, [&](int i) {
    return step({.learning_rate = 0.5, .clip_norm = i % 3 == 1 ? 1.0 : 0});
  });
  EXPECT_TRUE(reports[1].rolled_back);
  EXPECT_FALSE(reports[2].rolled_back);
  EXPECT_GT(reports[2].early_tiles, 0u);
  EXPECT_TRUE(reports[4].rolled_back);
  EXPECT_EQ(reports[5].early_tiles, 0u) << "two in eight steps";
}

TEST_P(EarlyUpdate, rolls_back_where_the_step_is_skipped) {
  const auto reports = compare(4, for_all, [&](int i) {
    return step({}, i == 2 ? std::numeric_limits<float>::quiet_NaN() : 1.0F);
  });
  EXPECT_TRUE(reports[2].skipped);
  EXPECT_TRUE(reports[2].rolled_back);
  EXPECT_EQ(reports[3].updates, 3u);
}

TEST_P(EarlyUpdate, rolls_back_where_the_step_is_another) {
  const auto reports = compare(4, for_all, [&](int i) {
    EXPECT_TRUE(engine_->expect_step({.learning_rate = 0.25}));
    return i == 2 ? step({.learning_rate = 0.5}) : step({.learning_rate = 0.25});
  });
  EXPECT_FALSE(reports[2].rolled_back) << "what was said last counts";
  start(on_disk(for_all), names_);
  ASSERT_TRUE(step({}));
  std::vector<float> once(1);
  const auto report = step(
      {}, 1, [&] { ASSERT_TRUE(engine_->read(names_.weight, state_part::momentum, {0}, once)); });
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->rolled_back) << "its state was looked at";
  EXPECT_FLOAT_EQ(once[0], 1.0F) << "of the step before";
}

TEST_P(EarlyUpdate, gives_the_old_weights_to_a_fetch_that_was_not_expected) {
  std::vector<float> waited;
  for (const bytes memory : {bytes{}, for_all}) {
    start(on_disk(memory), names_);
    ASSERT_TRUE(step({}));
    std::vector<float> seen;
    const auto report = step({}, 1, [&] {
      const auto weights = engine_->fetch(names_.head);
      ASSERT_TRUE(weights);
      const auto raw = weights->weights(names_.scale);
      seen.resize(raw.size() / sizeof(float));
      std::memcpy(seen.data(), raw.data(), raw.size());
    });
    ASSERT_TRUE(report);
    EXPECT_EQ(report->rolled_back, memory.value > 0);
    (memory.value == 0 ? waited : seen) = seen;
    if (memory.value > 0) {
      EXPECT_EQ(seen, waited);
    }
  }
}

TEST_P(EarlyUpdate, forgets_what_it_began_for_gradients_that_are_dropped) {
  const auto reports = compare(4, for_all, [&](int i) {
    if (i == 2) {
      EXPECT_TRUE(step({}, 1, [&] { EXPECT_TRUE(engine_->abandon()); }).error().code ==
                  errc::wrong_order);
    }
    return step({});
  });
  EXPECT_EQ(reports.back().updates, 4u);
}

TEST_P(EarlyUpdate, reports_a_failed_transfer_at_the_step_and_sticks_to_it) {
  for (const bool reading : {true, false}) {
    if (reading && rest().weights == place::nvme) {
      continue;  // the reads are those of fetches: engine_fault_test
    }
    for (std::uint64_t n = 1; n <= 17; ++n) {
      start(on_disk(for_all), names_);
      ASSERT_TRUE(step({}));
      auto& broken = reading ? seen_->disk->fake_read() : seen_->disk->fake_write();
      broken.fail_in(n);
      EXPECT_EQ(step({}).error().code, errc::io_failure) << n;
      EXPECT_EQ(engine_->step({}).error().code, errc::io_failure);
    }
  }
}

/// ThreadSanitizer's to judge: what is in the cache is asked for while workers put tiles there.
TEST_P(EarlyUpdate, predicts_while_updates_run) {
  std::vector<visit> visits;
  for (const layer_id layer : {names_.embedding, names_.body, names_.head}) {
    visits.push_back({visit::kind::fetch, layer});
  }
  for (const layer_id layer : {names_.head, names_.body, names_.embedding}) {
    visits.push_back({visit::kind::fetch, layer});
    visits.push_back({visit::kind::push, layer});
  }
  start(on_disk(for_all), names_);
  ASSERT_TRUE(step({}));
  const traffic before = engine_->predict(visits);
  const auto report = step({}, 1, [&] {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(engine_->predict(visits), before);
    }
  });
  ASSERT_TRUE(report);
  EXPECT_GT(report->early_tiles, 0u);
}

TEST_P(EarlyUpdate, lets_an_engine_end_while_updates_run) {
  start(on_disk(for_all), names_);
  ASSERT_TRUE(step({}));
  EXPECT_TRUE(engine_->expect_step({}));
  EXPECT_TRUE(engine_->begin_pass("train"));
  for (const layer_id layer : {names_.embedding, names_.body, names_.head, names_.head}) {
    EXPECT_TRUE(engine_->fetch(layer));
  }
  EXPECT_TRUE(push(names_.head, 1));
  seen_->device->fake_download().wait_until_idle();
  EXPECT_TRUE(engine_->fetch(names_.body));
  engine_.reset();
}

std::string name_of(const testing::TestParamInfo<std::tuple<resting, io_backend>>& tested) {
  return std::get<resting>(tested.param).name() +
         (std::get<io_backend>(tested.param) == io_backend::inlined ? "_inlined" : "");
}

INSTANTIATE_TEST_SUITE_P(
    OnNvme, EarlyUpdate,
    testing::Combine(testing::Values(state_alone, weights_too, gradients_too, everything),
                     testing::Values(io_backend::automatic, io_backend::inlined)),
    name_of);

}  // namespace
}  // namespace ballast
