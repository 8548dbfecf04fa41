// Lists of words: repeated or with commas, and one line about what is none.
#include "tools/bench/word_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(WordList, CommasAndRepetitionsAreTheSame) {
  EXPECT_THAT(split_words({"a,b", "c"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_words({"a,"}), ElementsAre("a", ""));
}

TEST(WordList, PicksInTheOrderGivenAndNamesTheNearest) {
  constexpr std::array known = {1, 2};
  const auto name = [](int value) { return value == 1 ? "first" : "second"; };
  EXPECT_THAT(pick("which", {"second,first"}, known, name).value(), ElementsAre(2, 1));
  EXPECT_THAT(pick("which", {"secnd"}, known, name).error().message,
              HasSubstr("--which: 'secnd' is not one of first, second; did you mean 'second'?"));
}

TEST(WordList, ParsesEachAndNamesTheOption) {
  EXPECT_THAT(parse_each("sizes", {"1KiB,2"}, parse_size).value(),
              ElementsAre(bytes{1024}, bytes{2}));
  EXPECT_THAT(parse_each("sizes", {"1KiB,"}, parse_size).error().message, HasSubstr("--sizes: "));
  EXPECT_THAT(parse_threads({"1", "3"}).value(), ElementsAre(1u, 3u));
  EXPECT_FALSE(parse_threads({"0"}));
}

}  // namespace
}  // namespace ballast::tools
