// The command line and the config set the same table; what cannot be used is one clear line.
#include "tools/command/option_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ballast::tools {
namespace {

using namespace literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class OptionParser : public testing::Test {
 protected:
  OptionParser() {
    table_.whole("steps", steps_, {.least = 1}, "steps to run");
    table_.whole("threads", threads_, {.most = 64}, "threads");
    table_.real("learning-rate", learning_rate_, {}, "peak learning rate");
    table_.size("device-memory", device_, "cap of device memory");
    table_.size("host-memory", host_, "as the plan wants", "cap of host memory");
    table_.count("tile", tile_, "elements a tile");
    table_.text("log", log_, "FILE", "none", "where the log goes");
    table_.choice<int>("io", io_, {{"auto", 0}, {"uring", 1}, {"posix", 2}}, "how files are read");
    table_.flag("verbose", verbose_, "says more");
    table_.list("data", data_, "PATH", "the common licenses", "text to train on");
  }

  ~OptionParser() override { std::filesystem::remove(config_); }

  result<parsed_options> parse(std::vector<std::string> arguments) {
    return parse_options(table_, arguments);
  }

  std::string error_of(std::vector<std::string> arguments) {
    const auto parsed = parse(std::move(arguments));
    EXPECT_FALSE(parsed);
    if (parsed) {
      return "";
    }
    EXPECT_EQ(parsed.error().code, errc::invalid_argument);
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("\n")));
    return parsed.error().message;
  }

  result<parsed_options> parse_config(const std::string& text,
                                      std::vector<std::string> arguments = {}) {
    std::ofstream(config_) << text;
    arguments.insert(arguments.end(), {"--config", config_});
    return parse(std::move(arguments));
  }

  /// The message, without the file's name in front.
  std::string config_error(const std::string& text) {
    const auto parsed = parse_config(text);
    EXPECT_FALSE(parsed) << text;
    if (parsed) {
      return "";
    }
    EXPECT_THAT(parsed.error().message, testing::StartsWith(config_ + ": "));
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("\n")));
    return parsed.error().message.substr(config_.size() + 2);
  }

  std::uint64_t steps_ = 100;
  std::uint32_t threads_ = 0;
  double learning_rate_ = 1e-3;
  bytes device_ = 64_MiB;
  std::optional<bytes> host_;
  elements tile_{1 << 20};
  std::optional<std::string> log_;
  int io_ = 0;
  bool verbose_ = false;
  std::vector<std::string> data_;
  option_set table_{"ballast train", "Trains a model."};
  std::string config_ = testing::TempDir() + "option_parser_" +
                        testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
};

TEST_F(OptionParser, SetsEveryKindFromTheCommandLine) {
  ASSERT_TRUE(parse({"--steps", "7", "--threads=2", "--learning-rate", "3e-4", "--device-memory",
                     "1.5GiB", "--host-memory=2MB", "--tile", "64Ki", "--log", "-", "--io", "posix",
                     "--verbose", "--data", "a", "--data=b"}));
  EXPECT_EQ(steps_, 7u);
  EXPECT_EQ(threads_, 2u);
  EXPECT_EQ(learning_rate_, 3e-4);
  EXPECT_EQ(device_, 1536_MiB);
  EXPECT_EQ(host_, bytes{2'000'000});
  EXPECT_EQ(tile_, elements{65536});
  EXPECT_EQ(log_, "-");
  EXPECT_EQ(io_, 2);
  EXPECT_TRUE(verbose_);
  EXPECT_THAT(data_, ElementsAre("a", "b"));
}

TEST_F(OptionParser, EchoesAmountsThatWereGivenInOtherUnits) {
  const auto parsed =
      parse({"--device-memory", "1.5GiB", "--host-memory", "4096", "--tile", "1Ki"});
  ASSERT_TRUE(parsed);
  EXPECT_THAT(parsed->echoes, ElementsAre("--device-memory 1.5GiB is 1610612736 bytes",
                                          "--tile 1Ki is 1024 elements"));
}

TEST_F(OptionParser, NothingGivenChangesNothing) {
  ASSERT_TRUE(parse({}));
  EXPECT_EQ(steps_, 100u);
  EXPECT_EQ(host_, std::nullopt);
}

TEST_F(OptionParser, AFlagMayBeSaidToBeFalse) {
  verbose_ = true;
  ASSERT_TRUE(parse({"--verbose=false"}));
  EXPECT_FALSE(verbose_);
  EXPECT_THAT(error_of({"--verbose=maybe"}), HasSubstr("neither true nor false"));
}

TEST_F(OptionParser, AnUnknownOptionNamesTheNearest) {
  EXPECT_EQ(error_of({"--step", "7"}),
            "unknown option '--step'; did you mean '--steps'?; see ballast train --help");
  EXPECT_THAT(error_of({"--devcie-memory=1"}), HasSubstr("did you mean '--device-memory'?"));
  EXPECT_THAT(error_of({"--confg", "x"}), HasSubstr("did you mean '--config'?"));
  EXPECT_EQ(error_of({"--temperature", "1"}),
            "unknown option '--temperature'; see ballast train --help");
  EXPECT_THAT(error_of({"-steps", "7"}), HasSubstr("did you mean '--steps'?"));
}

TEST_F(OptionParser, BadValuesAreRefusedWithTheOptionsName) {
  EXPECT_THAT(error_of({"--device-memory", "12XB"}),
              testing::StartsWith("--device-memory: '12XB' is not a size: unknown unit 'XB'"));
  EXPECT_THAT(error_of({"--learning-rate", "nan"}),
              HasSubstr("--learning-rate: 'nan' is not a finite number"));
  EXPECT_THAT(error_of({"--learning-rate", "inf"}), HasSubstr("is not a finite number"));
  EXPECT_THAT(error_of({"--learning-rate", "-1e-3"}), HasSubstr("is less than 0"));
  EXPECT_THAT(error_of({"--steps", "0"}), HasSubstr("is less than 1"));
  EXPECT_THAT(error_of({"--threads", "65"}), HasSubstr("is more than 64"));
  EXPECT_THAT(error_of({"--io", "urnig"}),
              EndsWith("is not one of auto, uring, posix; did you mean 'uring'?"));
}

TEST_F(OptionParser, WhatIsNotUtf8IsRefused) {
  EXPECT_EQ(error_of({"--log",
                      "a\xff"
                      "b"}),
            "--log: \"a\\ufffdb\" is not UTF-8, and logs and checkpoints hold nothing else");
  EXPECT_THAT(error_of({"--data", "good", "--data", "\xc3"}), testing::StartsWith("--data: "));
  EXPECT_TRUE(parse({"--log", "gr\xc3\xbcn"}));
}

TEST_F(OptionParser, WhatIsMissingTwiceOrTooMuchIsRefused) {
  EXPECT_EQ(error_of({"--steps"}), "--steps needs a value: N");
  EXPECT_EQ(error_of({"--steps", "--verbose"}), "--steps needs a value: N");
  EXPECT_EQ(error_of({"--config"}), "--config needs a value: FILE");
  EXPECT_EQ(error_of({"--steps", "1", "--steps=2"}), "--steps is given twice");
  EXPECT_EQ(error_of({"corpus.txt"}), "unexpected argument 'corpus.txt'; see ballast train --help");
}

TEST_F(OptionParser, PositionalWordsAreTakenUpToTheirNumber) {
  std::vector<std::string> words;
  table_.positional("QUESTION", words, 1, "what to measure");
  ASSERT_TRUE(parse({"--steps", "3", "adam"}));
  EXPECT_THAT(words, ElementsAre("adam"));
  EXPECT_THAT(error_of({"adam", "nvme"}), HasSubstr("unexpected argument 'nvme'"));
}

TEST_F(OptionParser, HelpSetsNothing) {
  const auto parsed = parse({"--steps", "7", "--help"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->help, table_.help());
  EXPECT_EQ(steps_, 100u);
  EXPECT_EQ(parse({"--help=markdown"})->help, table_.settings_table());
  EXPECT_EQ(parse({"-h"})->help, table_.help());
  EXPECT_THAT(error_of({"--help=me"}), HasSubstr("unknown option '--help'"));
}

TEST_F(OptionParser, TheConfigSetsEveryKind) {
  ASSERT_TRUE(parse_config(R"({"steps": 7, "threads": 2, "learning-rate": 3e-4,
    "device-memory": "1.5GiB", "host-memory": 4096, "tile": "64Ki", "log": "x.jsonl", "io": "uring",
    "verbose": true, "data": ["a", "b"]})"));
  EXPECT_EQ(steps_, 7u);
  EXPECT_EQ(threads_, 2u);
  EXPECT_EQ(learning_rate_, 3e-4);
  EXPECT_EQ(device_, 1536_MiB);
  EXPECT_EQ(host_, 4_KiB);
  EXPECT_EQ(tile_, elements{65536});
  EXPECT_EQ(log_, "x.jsonl");
  EXPECT_EQ(io_, 1);
  EXPECT_TRUE(verbose_);
  EXPECT_THAT(data_, ElementsAre("a", "b"));
}

TEST_F(OptionParser, TheCommandLineWinsOverTheConfigWhereverItStands) {
  ASSERT_TRUE(
      parse_config(R"({"steps": 7, "threads": 2, "data": "a"})", {"--steps", "9", "--data", "b"}));
  EXPECT_EQ(steps_, 9u);
  EXPECT_EQ(threads_, 2u);
  EXPECT_THAT(data_, ElementsAre("b"));
}

TEST_F(OptionParser, ALaterConfigWinsOverAnEarlierOne) {
  const std::string other = config_ + ".earlier";
  std::ofstream(other) << R"({"steps": 7, "threads": 2, "io": "posix"})";
  ASSERT_TRUE(parse_config(R"({"steps": 8, "threads": 3})", {"--config", other, "--steps", "9"}));
  std::filesystem::remove(other);
  EXPECT_EQ(steps_, 9u);
  EXPECT_EQ(threads_, 3u);
  EXPECT_EQ(io_, 2);
}

TEST_F(OptionParser, AnUnknownKeyNamesTheNearest) {
  EXPECT_EQ(config_error(R"({"host_memory": 1})"),
            "unknown key 'host_memory'; did you mean 'host-memory'?");
  EXPECT_EQ(config_error(R"({"config": "x"})"), "unknown key 'config'");
}

TEST_F(OptionParser, AWrongTypeSaysWhichWouldDo) {
  EXPECT_EQ(config_error(R"({"steps": "7"})"), "steps wants a whole number, not \"7\"");
  EXPECT_EQ(config_error(R"({"steps": 7.5})"), "steps wants a whole number, not 7.5");
  EXPECT_EQ(config_error(R"({"steps": null})"), "steps wants a whole number, not null");
  EXPECT_EQ(config_error(R"({"verbose": 1})"), "verbose wants true or false, not 1");
  EXPECT_EQ(config_error(R"({"learning-rate": "x"})"), "learning-rate wants a number, not \"x\"");
  EXPECT_EQ(config_error(R"({"log": 1})"), "log wants a text, not 1");
  EXPECT_EQ(config_error(R"({"data": [1]})"), "data wants a text or a list of texts, not [1]");
  EXPECT_THAT(config_error(R"({"device-memory": 1.5})"), HasSubstr("whole number, not 1.5"));
}

TEST_F(OptionParser, ConfigValuesKeepTheSameLimits) {
  EXPECT_EQ(config_error(R"({"steps": 0})"), "steps: '0' is less than 1");
  EXPECT_THAT(config_error(R"({"steps": -1})"), HasSubstr("is not a whole number"));
  EXPECT_THAT(config_error(R"({"learning-rate": -1})"), HasSubstr("is less than 0"));
  EXPECT_THAT(config_error(R"({"device-memory": "12XB"})"), HasSubstr("unknown unit 'XB'"));
  EXPECT_THAT(config_error(R"({"device-memory": -5})"), HasSubstr("negative"));
}

TEST_F(OptionParser, AFileThatIsNoConfigIsRefused) {
  EXPECT_THAT(config_error("{\"steps\": }"), HasSubstr("parse error at line 1, column 11"));
  EXPECT_THAT(config_error("{\"learning-rate\": 1e999}"), HasSubstr("number overflow"));
  EXPECT_THAT(config_error(""), HasSubstr("parse error"));
  EXPECT_EQ(config_error("[1]"), "a config is one JSON object");
  EXPECT_EQ(config_error(R"({"steps": 1, "steps": 2})"), "key 'steps' stands twice");
  EXPECT_THAT(error_of({"--config", "/no-such-file"}),
              HasSubstr("--config: cannot read '/no-such-file': No such file or directory"));
  EXPECT_THAT(error_of({"--config", testing::TempDir()}), HasSubstr("cannot read"));
}

}  // namespace
}  // namespace ballast::tools
