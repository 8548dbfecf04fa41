// A manifest reads back what was written, and nothing that is not one.
#include "src/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ballast {
namespace {

using json = nlohmann::ordered_json;

manifest::array array_of(std::uint32_t store, std::uint64_t address, std::size_t slices) {
  manifest::array made{store, {address}, {8192}, {}};
  for (std::size_t i = 0; i < slices; ++i) {
    made.digests.push_back({~std::uint64_t{0} - i, address + i});
  }
  return made;
}

/// Two layers of two blocks and one, the first in two runs.
manifest example() {
  manifest made{.steps = 12,
                .updates = 11,
                .noise_seed = ~std::uint64_t{0},
                .slice = {4096},
                .stores = {{1, {{0, {65536}, {32768}, {"/a/segment-0", "/a/segment-1"}}}},
                           {2, {{0, {4096}, {4096}, {"/b/state-1"}}}}},
                .layers = {{"first", "exact", "adamw", {8192}, {{"p \"quoted\"", {{0}, {5000}}}}},
                           {"second", "int8", "sgd", {4096}, {{"q", {{128}, {1}}}}}},
                .runs = {},
                .blob = std::string("any\0bytes\xff", 10)};
  made.runs = {{0, {{0}, {4096}}, array_of(0, 0, 1), array_of(1, 0, 1)},
               {0, {{4096}, {4096}}, array_of(0, 8192, 1), array_of(1, 8192, 1)},
               {1, {{0}, {4096}}, array_of(0, 16384, 1), array_of(1, 16384, 1)}};
  return made;
}

TEST(Manifest, ReadsBackWhatWasWritten) {
  const auto read = manifest::parse(*example().text());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, example());
}

TEST(Manifest, SaysThatItCannotHoldWhatIsNotUtf8) {
  for (const bool in_path : {true, false}) {
    manifest odd = example();
    (in_path ? odd.stores[0].files[0].paths[1] : odd.layers[1].parameters[0].name) += "\xff";
    const auto written = odd.text();
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, errc::invalid_argument);
    EXPECT_THAT(written.error().message, testing::HasSubstr("not UTF-8"));
  }
}

/// Every value of the text in turn replaced by others of every kind: refused, or read as written.
void spoil(json& whole, json& part, std::size_t& refused) {
  if (part.is_structured() && !part.empty()) {
    for (auto& each : part) {
      spoil(whole, each, refused);
    }
  }
  const json kept = part;
  for (const json& other :
       {json(), json(-1), json(1.5), json("x"), json::array(), json::object(), json(true),
        json(~std::uint64_t{0}), json("ffffffffffffffffffffffffffffffff0")}) {
    part = other;
    const auto read = manifest::parse(whole.dump());
    if (read) {
      EXPECT_TRUE(manifest::parse(*read->text())) << other.dump() << " for " << kept.dump();
    } else {
      EXPECT_EQ(read.error().code, errc::corrupted);
      ++refused;
    }
  }
  part = kept;
}

TEST(Manifest, RefusesWhatCannotBe) {
  json whole = json::parse(*example().text());
  std::size_t refused = 0;
  spoil(whole, whole, refused);
  EXPECT_GT(refused, 500u);
}

TEST(Manifest, RefusesRangesThatDoNotFit) {
  const auto refused = [](auto change) {
    manifest wrong = example();
    change(wrong);
    return !manifest::parse(*wrong.text());
  };
  EXPECT_TRUE(refused([](manifest& m) { m.runs.pop_back(); })) << "a layer without state";
  EXPECT_TRUE(refused([](manifest& m) { m.runs.erase(m.runs.begin()); })) << "half a layer";
  EXPECT_TRUE(refused([](manifest& m) { m.runs.push_back(m.runs.back()); })) << "twice";
  EXPECT_TRUE(refused([](manifest& m) { std::swap(m.runs[0], m.runs[1]); })) << "out of order";
  EXPECT_TRUE(refused([](manifest& m) { m.runs[0].layer = 2; }));
  EXPECT_TRUE(refused([](manifest& m) { m.runs[0].weights.store = 2; }));
  EXPECT_TRUE(refused([](manifest& m) { m.runs[0].state.digests.clear(); }));
  EXPECT_TRUE(refused([](manifest& m) { m.runs[1].range.count = {8192}; })) << "past the layer";
  EXPECT_TRUE(refused([](manifest& m) { m.runs[0].range.begin = {~std::uint64_t{4095}}; }));
  EXPECT_TRUE(refused([](manifest& m) { m.layers[1].parameters[0].range.count = {4000}; }));
  EXPECT_TRUE(refused([](manifest& m) { m.slice = {0}; }));
  EXPECT_TRUE(refused([](manifest& m) {
    m.slice = {~std::uint64_t{0}};  // so many elements that the number of slices turns over
    for (auto& each : m.runs) {
      each.weights.digests.clear();
      each.state.digests.clear();
    }
  })) << "bytes that no digest covers";
  EXPECT_TRUE(refused([](manifest& m) {
    m.slice = {2049};
    for (auto& each : m.runs) {
      each.weights.digests.resize(2);
      each.state.digests.resize(2);
    }
  })) << "slices that begin inside a group of scales";
  EXPECT_FALSE(refused([](manifest&) {}));
  EXPECT_FALSE(manifest::parse("")) << "no text";
  EXPECT_FALSE(manifest::parse(example().text()->substr(0, 700))) << "half of it";
  EXPECT_FALSE(manifest::parse(std::string(100'000, '['))) << "nothing but depth";
}

}  // namespace
}  // namespace ballast
