// What a plan is told, what it is made from, and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ballast/engine.hpp>
#include <set>

#include "tools/command/option_parser.hpp"
#include "tools/plan/plan_report.hpp"
#include "tools/plan/plan_settings.hpp"
#include "tools/plan/visit_costs.hpp"
#include "tools/train/visits.hpp"

namespace ballast::tools {
namespace {

using testing::HasSubstr;

status set(plan_settings& settings, const std::vector<std::string>& words) {
  const auto parsed = parse_options(plan_options(settings), words);
  return parsed ? status() : status(parsed.error());
}

TEST(PlanSettings, AreThoseOfTrainAndAMachine) {
  plan_settings settings;
  ASSERT_TRUE(set(settings, {"--width", "512", "--encoding", "int8", "--host-memory", "1GiB",
                             "--link", "25GB/s", "--nvme-bandwidth", "6GB/s,4GB/s", "--flops",
                             "4e14", "--memory-bandwidth", "200GB/s", "--endurance", "1200TB"}));
  EXPECT_EQ(settings.run.trainer.model.width, 512u);
  EXPECT_EQ(settings.run.trainer.model.stored, encoding::int8);
  EXPECT_EQ(settings.run.engine.host_memory->value, std::uint64_t{1} << 30);
  EXPECT_EQ(settings.machine.link, 25e9);
  EXPECT_EQ(settings.machine.flops, 4e14);
  EXPECT_EQ(settings.machine.memory_bandwidth, 200e9);
  EXPECT_FALSE(settings.machine.device_bandwidth);
  EXPECT_EQ(settings.machine.disk->read, 6e9);
  EXPECT_EQ(settings.machine.disk->write, 4e9);
  EXPECT_NEAR(settings.machine.disk->both, 4.8e9, 1) << "the one after the other";
  EXPECT_EQ(settings.endurance.value, 1'200'000'000'000'000u);
}

TEST(PlanSettings, HaveEveryOptionOfTrain) {
  plan_settings settings;
  const option_set planned = plan_options(settings);
  train_settings run;
  for (const std::string& name : train_options(run).names()) {
    EXPECT_NE(planned.find(name), nullptr) << name;
  }
}

TEST(PlanSettings, RefuseAMachineThatIsNone) {
  plan_settings settings;
  EXPECT_FALSE(set(settings, {"--link", "fast"}));
  EXPECT_FALSE(set(settings, {"--link", "0GB/s"}));
  EXPECT_FALSE(set(settings, {"--nvme-bandwidth", "6GB/s"}));
  EXPECT_FALSE(set(settings, {"--flops", "0"}));
  EXPECT_FALSE(set(settings, {"--flops", "nan"}));
}

TEST(VisitCosts, CountTheProductsOfABlock) {
  gpt_config config;
  config.width = 8;
  config.vocabulary = 100;
  batch_shape batch{.micro_batches = 2, .sequences = 3, .tokens = 4};
  const visit_costs costs = operations_of(config, batch);
  const double tokens = 24;
  // Twelve matrices of width x width; scores and sums over half of the tokens each.
  EXPECT_EQ(costs.forward, tokens * (2 * 12 * 64 + 2 * 4 * 8));
  EXPECT_EQ(costs.backward, 3 * costs.forward) << "forward is computed again";
  EXPECT_EQ(costs.head, tokens * 6 * 100 * 8);
  batch.keep_activations = true;
  EXPECT_EQ(operations_of(config, batch).backward, 2 * costs.forward);
}

TEST(VisitCosts, StandAfterTheirVisits) {
  gpt_config config{.layers = 3, .heads = 1, .width = 8};
  const gpt_model model = declare(config);
  const visit_costs costs{1, 10, 100, 1000, 10000};
  const auto timed = timed_visits(model, {}, costs);
  ASSERT_EQ(timed.size(), training_visits(model, {}).size());
  double sum = 0;
  std::vector<double> seconds;
  for (const timed_visit& each : timed) {
    sum += each.compute;
    seconds.push_back(each.compute);
  }
  EXPECT_EQ(sum, 1 + 3 * 10 + 100 + 3 * 1000 + 10000);
  EXPECT_EQ(timed.back().compute, 0) << "then comes the update";
  const visit_costs back = costs_of(model, seconds);
  EXPECT_EQ(back.embed, 1);
  EXPECT_EQ(back.forward, 10);
  EXPECT_EQ(back.head, 100);
  EXPECT_EQ(back.backward, 1000);
  EXPECT_EQ(back.embed_backward, 10000);
}

TEST(MachineDescription, KnowsWhatAnUpdateMoves) {
  EXPECT_EQ(update_traffic(encoding::fp32, optimizer::adamw).value, 28u);
  EXPECT_EQ(update_traffic(encoding::exact, optimizer::adamw).value, 26u);
  EXPECT_EQ(update_traffic(encoding::fp16, optimizer::adamw).value, 28u);
  EXPECT_EQ(update_traffic(encoding::bf16, optimizer::sgd).value, 14u);
  EXPECT_EQ(gradient_traffic(encoding::exact).value, 10u);
}

/// 70 billion parameters on another machine, and nothing of it is made here but numbers.
class AnotherMachine : public testing::Test {
 protected:
  AnotherMachine() {
    EXPECT_TRUE(set(settings_, {"--layers",
                                "80",
                                "--width",
                                "8192",
                                "--heads",
                                "64",
                                "--context",
                                "4096",
                                "--tokens",
                                "4096",
                                "--sequences",
                                "4",
                                "--device-memory",
                                "80GiB",
                                "--host-memory",
                                "512GiB",
                                "--nvme",
                                "/not/here",
                                "--tile-elements",
                                "16Mi",
                                "--flops",
                                "4e14",
                                "--link",
                                "25GB/s",
                                "--nvme-bandwidth",
                                "6GB/s,4GB/s",
                                "--memory-bandwidth",
                                "200GB/s",
                                "--device-bandwidth",
                                "3TB/s"}));
    EXPECT_TRUE(settings_.run.resolve());
  }

  plan_report report() const {
    const trainer_options& training = settings_.run.trainer;
    const gpt_model model = declare(training.model);
    const engine planner(model.declared, make_backends());
    const auto places = planner.dry_run(settings_.run.engine);
    EXPECT_TRUE(places) << places.error().message;
    const auto machine = describe_planned(settings_, model, *places);
    EXPECT_TRUE(machine) << machine.error().message;
    const auto step = planner.dry_run(settings_.run.engine, machine->visits, machine->rates);
    EXPECT_TRUE(step);
    return {*step, machine->figures, training.batch.step_tokens(), settings_.endurance};
  }

  plan_settings settings_;
};

TEST_F(AnotherMachine, IsPlannedForWithoutItsDisk) {
  const plan_report made = report();
  EXPECT_GT(made.step.places.tiles[static_cast<std::size_t>(place::nvme)], 0u);
  // 16384 tokens by 8 * 64e9 operations: more than twenty seconds, and a link that is hidden.
  EXPECT_GT(made.step.seconds(), 20);
  EXPECT_LT(made.step.seconds(), 600);
  EXPECT_NEAR(made.host_bytes_a_parameter(),
              static_cast<double>(made.step.places.total(place::host).value) /
                  static_cast<double>(made.step.places.parameters.value),
              1e-9);
  EXPECT_THAT(made.table(), HasSubstr("memory is held in pages of 2 MiB: up to 2 MiB more on the "
                                      "device, 4 MiB in host memory"));
  EXPECT_EQ(made.json()["places"]["host"]["page_rounding"], 4 << 20);
  EXPECT_EQ(made.json()["places"]["nvme"]["page_rounding"], 0);
  ASSERT_TRUE(made.disk_days());
  const double written = static_cast<double>(made.step.moved[hop::write].value);
  EXPECT_NEAR(*made.disk_days(), 0x1p49 / (written / made.step.seconds() * 86400), 1e-6);
}

TEST_F(AnotherMachine, SaysItInWordsAndInNumbers) {
  const plan_report made = report();
  const std::string text = made.table();
  for (const char* part : {"prefetch: weights 1 layer", "binds: ", "bytes a parameter",
                           "written a step", "disk life: ", "given", "tokens/s"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  const auto document = made.json();
  EXPECT_EQ(document["schema"], "ballast.plan/1");
  EXPECT_EQ(document["fits"], true);
  double shares = 0;
  for (const auto& each : document["step"]["attribution"]) {
    shares += each.get<double>();
  }
  EXPECT_NEAR(shares, 1, 1e-6);
  for (const char* where : {"device", "host", "nvme"}) {
    std::uint64_t sum = 0;
    for (const auto& each : document["places"][where]["consumers"]) {
      sum += each["bytes"].get<std::uint64_t>();
    }
    EXPECT_EQ(document["places"][where]["total"], sum) << where;
  }
  std::set<std::string> sources;
  for (const auto& each : document["machine"]) {
    sources.insert(each["source"].get<std::string>());
  }
  EXPECT_EQ(sources, (std::set<std::string>{"given", "measured"})) << "digests are measured";
}

TEST_F(AnotherMachine, IsFasterWithAFasterDisk) {
  const double slow = report().step.seconds();
  settings_.machine.disk = disk_rates{24e9, 16e9, 20e9};
  EXPECT_LT(report().step.seconds(), slow);
}

TEST(PlanReport, SaysWhatWouldFit) {
  const auto document = refused_plan({errc::does_not_fit, "raise --device-memory to 4MiB"});
  EXPECT_EQ(document["fits"], false);
  EXPECT_THAT(document["change"].get<std::string>(), HasSubstr("--device-memory"));
}

}  // namespace
}  // namespace ballast::tools
