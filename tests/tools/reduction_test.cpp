// What sums the gradients is what the configuration says.
#include <gtest/gtest.h>

#include <array>
#include <ballast/engine.hpp>
#include <ballast/forwarding_communicator.hpp>
#include <ballast/ranks.hpp>
#include <thread>

#include "tests/tools/mixed_model.hpp"
#include "tools/engine_state.hpp"

namespace ballast::tools {
namespace {

/// How many sums were asked for.
struct sum_count {
  std::uint32_t ordered = 0;
  std::uint32_t by_library = 0;
};

class counting_door final : public forwarding_communicator {
 public:
  counting_door(std::unique_ptr<communicator> door, sum_count& sums)
      : forwarding_communicator(std::move(door)), sums_(sums) {}

  ticket reduce_scatter(const reduction& what, collective_tag tag, completion done) override {
    (what.ordered ? sums_.ordered : sums_.by_library) += 1;
    return forwarding_communicator::reduce_scatter(what, tag, done);
  }

 private:
  sum_count& sums_;
};

void train_a_step(engine_config config, std::unique_ptr<communicator> door, sum_count& sums) {
  const mixed_model mixed;
  config.self = door->self();
  config.ranks = door->size();
  config.threads = 1;
  engine kept(mixed.declared,
              make_backends(std::make_unique<counting_door>(std::move(door), sums)));
  const auto sealed = kept.seal(config);
  ASSERT_TRUE(sealed) << sealed.error().message;
  engine_state state(kept);
  ASSERT_TRUE(mixed.step(state, 1, false));
}

TEST(Reduction, IsWhatTheConfigurationSays) {
  for (const reduction_kind asked : {reduction_kind::ordered, reduction_kind::library}) {
    for (const std::uint32_t stage : {0u, 1u, 2u, 3u}) {
      std::array<sum_count, 2> sums;
      auto doors = join_threads(2);
      ASSERT_TRUE(doors);
      {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < 2; ++i) {
          threads.emplace_back([&, i] {
            train_a_step({.stage = stage, .reduction = asked}, std::move((*doors)[i]), sums[i]);
          });
        }
      }
      for (const sum_count& each : sums) {
        EXPECT_EQ(each.ordered > 0, asked == reduction_kind::ordered);
        EXPECT_EQ(each.by_library > 0, asked == reduction_kind::library);
      }
    }
  }
}

}  // namespace
}  // namespace ballast::tools
