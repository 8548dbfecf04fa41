// The corpus: which files are text, which are held out, where sequences begin, and the loop's other
// small parts.
#include "tools/trainer/corpus.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tools/trainer/language_head.hpp"
#include "tools/trainer/learning_rate.hpp"
#include "tools/trainer/token_choice.hpp"

namespace ballast::tools {
namespace {

namespace fs = std::filesystem;

class Folder : public testing::Test {
 protected:
  Folder()
      : path(fs::path(testing::TempDir()) /
             testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() override { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  fs::path path;
};

TEST_F(Folder, GivesItsRegularFilesInOrderOfTheirNames) {
  write("b", std::string(500, 'b'));
  write("a", std::string(600, 'a'));
  write("c", std::string(40, 'c'));
  write("empty", "");
  fs::create_symlink(path / "a", path / "link");
  fs::create_directory(path / "folder");
  const corpus text = corpus::load({path}).value();
  ASSERT_EQ(text.training().size(), 2u);
  EXPECT_EQ(text.training()[0].text, std::string(600, 'a'));
  EXPECT_EQ(text.training()[1].text, std::string(500, 'b'));
  ASSERT_EQ(text.validation().size(), 1u);
  EXPECT_EQ(text.validation()[0].text, std::string(40, 'c'));
}

TEST_F(Folder, WithoutTextIsRefused) {
  write("empty", "");
  const auto loaded = corpus::load({path});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, errc::invalid_argument);
  EXPECT_NE(loaded.error().message.find("no text to train on in " + path.string()),
            std::string::npos);
}

TEST_F(Folder, MissingFileIsNamed) {
  const auto loaded = corpus::load({path / "absent"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, errc::io_failure);
  EXPECT_EQ(loaded.error().system, ENOENT);
  EXPECT_EQ(loaded.error().message,
            "cannot read " + (path / "absent").string() + ": No such file or directory");
}

TEST_F(Folder, OneFileIsCutInTwo) {
  write("one", std::string(100, 'x') + std::string(10, 'y'));
  const corpus text = corpus::load({path / "one"}).value();
  EXPECT_EQ(text.training_bytes(), 99u);
  EXPECT_EQ(text.validation_bytes(), 11u);
}

TEST(Corpus, HoldsOutWholeFilesSmallestFirstUpToATenth) {
  std::vector<document> documents;
  for (const std::size_t size : {900, 30, 40, 31, 200}) {
    documents.push_back({std::to_string(size), std::string(size, 'x')});
  }
  const corpus text = corpus::split(std::move(documents)).value();
  EXPECT_EQ(text.validation_bytes(), 30u + 31u + 40u);
  EXPECT_EQ(text.training_bytes(), 1100u);
}

TEST(Corpus, SamplesEveryPlaceInsideADocumentAndNoOther) {
  const corpus text =
      corpus::split({{"a", "abcdefghijklmnop"}, {"b", "0123456789012"}, {"c", "xy"}}).value();
  std::set<std::pair<std::string, std::size_t>> seen;
  for (std::uint64_t step = 0; step < 200; ++step) {
    const text_window window = text.sample(3, step, step % 4, 10).value();
    seen.insert({window.from->name, window.first});
    ASSERT_LT(window.first + 10, window.from->text.size());
    const text_window again = text.sample(3, step, step % 4, 10).value();
    EXPECT_EQ(again.first, window.first);
  }
  EXPECT_EQ(seen.size(), 6u + 3u);
  const auto longer = text.sample(3, 0, 0, 16);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().message,
            "sequences of 16 tokens need a training document of 17 bytes; the longest has 16");
}

TEST(Corpus, ValidationWindowsPredictEveryByteOnce) {
  const corpus text =
      corpus::split({{"long", std::string(1000, 'x')}, {"a", "abcdefghijk"}, {"b", "0123456"}})
          .value();
  std::string predicted;
  for (const text_window& window : text.validation_windows(4, 0)) {
    std::uint32_t inputs[4], targets[4];
    const std::size_t counted = fill(window, inputs, targets);
    for (std::size_t i = 0; i < 4; ++i) {
      if (i < counted) {
        predicted.push_back(static_cast<char>(targets[i]));
      } else {
        EXPECT_EQ(targets[i], ignored_target);
      }
    }
  }
  EXPECT_EQ(predicted, "bcdefghijk123456");
  EXPECT_EQ(text.validation_windows(4, 3).size(), 3u);
}

TEST(LearningRate, WarmsUpAndFollowsACosine) {
  const learning_rate_schedule rate{.peak = 1.0, .last = 0.2, .warm_up = 4, .steps = 104};
  EXPECT_DOUBLE_EQ(rate.at(0), 0.25);
  EXPECT_DOUBLE_EQ(rate.at(3), 1.0);
  EXPECT_DOUBLE_EQ(rate.at(4), 1.0);
  EXPECT_DOUBLE_EQ(rate.at(54), 0.6);
  EXPECT_DOUBLE_EQ(rate.at(104), 0.2);
  EXPECT_DOUBLE_EQ(rate.at(1000), 0.2);
}

TEST(TokenChoice, FollowsTheSoftmaxOfTheLikeliest) {
  const std::vector<float> logits = {0, 2, 1, 2, -1};
  EXPECT_EQ(choose_token(logits, 0, 0, 0.99), 1u);
  EXPECT_EQ(choose_token(logits, 1, 1, 0.99), 1u);
  EXPECT_EQ(choose_token(logits, 1, 2, 0.49), 1u);
  EXPECT_EQ(choose_token(logits, 1, 2, 0.51), 3u);
  EXPECT_EQ(choose_token(logits, 1, 0, 0.9999), 4u);
}

}  // namespace
}  // namespace ballast::tools
