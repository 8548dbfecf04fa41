// One table, three descriptions of it: help, README's settings, and the values in force.
#include "tools/command/option_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

using namespace literals;
using testing::HasSubstr;

enum class backend { automatic, uring, posix };

struct settings {
  std::uint64_t steps = 100;
  double learning_rate = 1e-3;
  bytes device = 64_MiB;
  std::optional<bytes> host;
  backend io = backend::automatic;
  bool verbose = false;
  std::vector<std::string> data;
};

option_set table_of(settings& into) {
  option_set table("ballast train", "Trains a model.");
  table.section("Training");
  table.whole("steps", into.steps, {.least = 1}, "steps to run");
  table.real("learning-rate", into.learning_rate, {}, "peak learning rate");
  table.section("Budgets");
  table.size("device-memory", into.device, "cap of device memory a rank");
  table.size("host-memory", into.host, "as the plan wants", "cap of host memory");
  table.choice("io", into.io,
               {{"auto", backend::automatic}, {"uring", backend::uring}, {"posix", backend::posix}},
               "how files are read");
  table.flag("verbose", into.verbose, "says more");
  table.list("data", into.data, "PATH", "the common licenses", "text to train on");
  return table;
}

TEST(OptionSet, HelpShowsValuesDefaultsAndUnits) {
  settings into;
  const std::string help = table_of(into).help();
  EXPECT_THAT(help, HasSubstr("usage: ballast train [options]\n\nTrains a model.\n\nTraining:\n"));
  EXPECT_THAT(help, HasSubstr("  --steps N                    steps to run [100]\n"));
  EXPECT_THAT(help,
              HasSubstr("  --device-memory SIZE         cap of device memory a rank [64MiB]\n"));
  EXPECT_THAT(help, HasSubstr("  --verbose                    says more\n"));
  EXPECT_THAT(help, HasSubstr("--config FILE"));
}

TEST(OptionSet, TheTableOfSettingsIsMarkdown) {
  settings into;
  EXPECT_EQ(table_of(into).settings_table(),
            "| option | default | meaning |\n"
            "| --- | --- | --- |\n"
            "| **Training** | | |\n"
            "| `--steps N` | 100 | steps to run |\n"
            "| `--learning-rate X` | 0.001 | peak learning rate |\n"
            "| **Budgets** | | |\n"
            "| `--device-memory SIZE` | 64MiB | cap of device memory a rank |\n"
            "| `--host-memory SIZE` | as the plan wants | cap of host memory |\n"
            "| `--io auto\\|uring\\|posix` | auto | how files are read |\n"
            "| `--verbose` | false | says more |\n"
            "| `--data PATH` | the common licenses | text to train on (may be repeated) |\n");
}

TEST(OptionSet, ValuesAreThoseInForce) {
  settings into;
  const option_set table = table_of(into);
  into.steps = 7;
  into.io = backend::posix;
  EXPECT_EQ(table.values().dump(),
            R"({"steps":7,"learning-rate":0.001,"device-memory":67108864,"host-memory":null,)"
            R"("io":"posix","verbose":false,"data":[]})");
}

TEST(OptionSet, ANameIsUsedOnce) {
  settings into;
  option_set table = table_of(into);
  EXPECT_DEATH(table.flag("steps", into.verbose, ""), "used once");
  EXPECT_DEATH(table.flag("config", into.verbose, ""), "built in");
}

}  // namespace
}  // namespace ballast::tools
