#include "manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>

namespace ballast {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view format_name = "ballast.checkpoint";

/// Thrown and caught inside parse().
struct refusal {
  std::string why;
};

void expect(bool holds, std::string why) {
  if (!holds) {
    throw refusal{std::move(why)};
  }
}

// Numbers that are identities are text: JSON readers may keep doubles only.

std::string hexadecimal(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::uint64_t from_hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  expect(text.size() == 16 && error == std::errc() && end == text.data() + text.size(),
         fmt::format("\"{}\" is not 16 hexadecimal digits", text.substr(0, 40)));
  return value;
}

std::string spelled(const std::vector<digest>& digests) {
  std::string text;
  text.reserve(32 * digests.size());
  for (const digest& each : digests) {
    text += hexadecimal(each.high) + hexadecimal(each.low);
  }
  return text;
}

std::vector<digest> digests_in(const std::string& text) {
  expect(text.size() % 32 == 0, "digests are not of 32 digits each");
  std::vector<digest> found;
  for (std::size_t at = 0; at < text.size(); at += 32) {
    const std::string_view one = std::string_view(text).substr(at, 32);
    found.push_back({from_hexadecimal(one.substr(16)), from_hexadecimal(one.substr(0, 16))});
  }
  return found;
}

std::string bytes_as_text(std::string_view raw) {
  std::string text;
  for (const char each : raw) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(each));
  }
  return text;
}

std::string text_as_bytes(const std::string& text) {
  expect(text.size() % 2 == 0, "the blob has half a byte");
  std::string raw;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
    expect(error == std::errc() && end == text.data() + at + 2, "the blob is not hexadecimal");
    raw += static_cast<char>(value);
  }
  return raw;
}

json written(const store_record& store) {
  json files = json::array();
  for (const stored_files& each : store.files) {
    files.push_back({{"begin", each.begin},
                     {"size", each.size.value},
                     {"segment_size", each.segment_size.value},
                     {"paths", each.paths}});
  }
  return {{"run", hexadecimal(store.run)}, {"files", files}};
}

json written(const manifest::array& array) {
  return {{"store", array.store},
          {"address", array.address.value},
          {"size", array.size.value},
          {"digests", spelled(array.digests)}};
}

json written(const manifest::layer& layer) {
  json parameters = json::array();
  for (const auto& each : layer.parameters) {
    parameters.push_back({{"name", each.name},
                          {"first", each.range.begin.value},
                          {"count", each.range.count.value}});
  }
  return {{"name", layer.name},
          {"encoding", layer.stored},
          {"optimizer", layer.with},
          {"elements", layer.size.value},
          {"parameters", parameters}};
}

std::uint64_t whole(const json& from, const char* key) {
  const json& value = from.at(key);
  expect(value.is_number_unsigned(), fmt::format("\"{}\" is not a whole number", key));
  return value.get<std::uint64_t>();
}

store_record read_store(const json& from) {
  store_record store{from_hexadecimal(from.at("run").get<std::string>()), {}};
  for (const json& each : from.at("files")) {
    store.files.push_back({whole(each, "begin"),
                           {whole(each, "size")},
                           {whole(each, "segment_size")},
                           each.at("paths").get<std::vector<std::string>>()});
  }
  return store;
}

manifest::layer read_layer(const json& from) {
  manifest::layer layer{from.at("name").get<std::string>(),
                        from.at("encoding").get<std::string>(),
                        from.at("optimizer").get<std::string>(),
                        {whole(from, "elements")},
                        {}};
  for (const json& each : from.at("parameters")) {
    const element_range range{{whole(each, "first")}, {whole(each, "count")}};
    expect(range.begin <= layer.size && range.count <= layer.size - range.begin,
           fmt::format("a parameter ends outside of layer \"{}\"", layer.name));
    layer.parameters.push_back({each.at("name").get<std::string>(), range});
  }
  return layer;
}

manifest::array read_array(const json& from, const manifest& of, std::uint64_t slices) {
  manifest::array array{static_cast<std::uint32_t>(whole(from, "store")),
                        {whole(from, "address")},
                        {whole(from, "size")},
                        digests_in(from.at("digests").get<std::string>())};
  expect(array.store < of.stores.size(), "an array lies in a store that is not listed");
  expect(array.digests.size() == slices, "an array has not a digest a slice");
  return array;
}

manifest::run read_run(const json& from, const manifest& of) {
  manifest::run run;
  run.layer = static_cast<std::uint32_t>(whole(from, "layer"));
  run.range = {{whole(from, "first")}, {whole(from, "count")}};
  expect(run.layer < of.layers.size(), "a run lies in a layer that is not listed");
  const elements size = of.layers[run.layer].size;
  expect(run.range.count.value > 0 && run.range.begin.value % block_elements.value == 0 &&
             run.range.count.value % block_elements.value == 0 && run.range.begin <= size &&
             run.range.count <= size - run.range.begin,
         "a run is not whole blocks of its layer");
  const std::uint64_t slices = count_up(run.range.count, of.slice);
  run.weights = read_array(from.at("weights"), of, slices);
  run.state = read_array(from.at("state"), of, slices);
  return run;
}

/// Every layer is covered once, from its first element to its last.
void expect_whole(const manifest& read) {
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < read.layers.size(); ++i) {
    elements end;
    while (next < read.runs.size() && read.runs[next].layer == i) {
      expect(read.runs[next].range.begin == end, "runs overlap, or leave elements out");
      end = read.runs[next++].range.end();
    }
    expect(end == read.layers[i].size,
           fmt::format("layer \"{}\" is not complete", read.layers[i].name));
  }
  expect(next == read.runs.size(), "runs are not in the order of their layers");
}

manifest read_all(const json& from, bool complete) {
  expect(from.at("format").get<std::string>() == format_name, "it is no checkpoint's manifest");
  expect(whole(from, "version") == manifest::version,
         fmt::format("its version is {}, this program reads {}", whole(from, "version"),
                     manifest::version));
  manifest read;
  read.steps = whole(from, "steps");
  read.updates = whole(from, "updates");
  read.noise_seed = from_hexadecimal(from.at("noise_seed").get<std::string>());
  read.slice = {whole(from, "slice_elements")};
  expect(read.slice.value > 0 && read.slice.value % block_elements.value == 0 &&
             read.slice.value < std::uint64_t{1} << 32,
         "slices are not of whole blocks");
  for (const json& each : from.at("stores")) {
    read.stores.push_back(read_store(each));
  }
  for (const json& each : from.at("layers")) {
    read.layers.push_back(read_layer(each));
  }
  for (const json& each : from.at("runs")) {
    read.runs.push_back(read_run(each, read));
  }
  if (complete) {
    expect_whole(read);
  }
  read.blob = text_as_bytes(from.at("blob").get<std::string>());
  return read;
}

}  // namespace

result<std::string> manifest::text() const {
  json all{{"format", format_name},
           {"version", version},
           {"steps", steps},
           {"updates", updates},
           {"noise_seed", hexadecimal(noise_seed)},
           {"slice_elements", slice.value},
           {"stores", json::array()},
           {"layers", json::array()},
           {"runs", json::array()},
           {"blob", bytes_as_text(blob)}};
  for (const store_record& each : stores) {
    all["stores"].push_back(written(each));
  }
  for (const layer& each : layers) {
    all["layers"].push_back(written(each));
  }
  for (const run& each : runs) {
    all["runs"].push_back({{"layer", each.layer},
                           {"first", each.range.begin.value},
                           {"count", each.range.count.value},
                           {"weights", written(each.weights)},
                           {"state", written(each.state)}});
  }
  try {
    return all.dump(1);
  } catch (const json::exception&) {
    return failure{errc::invalid_argument,
                   "a checkpoint's manifest cannot be written: the path of a folder or a name in "
                   "the model is not UTF-8"};
  }
}

namespace {

result<manifest> read_text(std::string_view text, bool complete) {
  const auto wrong = [](std::string_view why) {
    return failure{errc::corrupted, fmt::format("the manifest cannot be used: {}", why)};
  };
  try {
    return read_all(json::parse(text), complete);
  } catch (const refusal& refused) {
    return wrong(refused.why);
  } catch (const json::exception& refused) {
    return wrong(refused.what());
  }
}

}  // namespace

result<manifest> manifest::parse(std::string_view text) { return read_text(text, true); }

result<manifest> manifest::parse_part(std::string_view text) { return read_text(text, false); }

void manifest::add(manifest part) {
  const auto before = static_cast<std::uint32_t>(stores.size());
  std::ranges::move(part.stores, std::back_inserter(stores));
  for (run& each : part.runs) {
    each.weights.store += before;
    each.state.store += before;
    runs.push_back(std::move(each));
  }
  std::ranges::sort(runs, {},
                    [](const run& each) { return std::pair(each.layer, each.range.begin); });
}

std::vector<manifest::layer> layers_of(const model& declared, const layout& where) {
  std::vector<manifest::layer> layers;
  for (std::uint32_t i = 0; i < where.layers().size(); ++i) {
    const layer_layout& placed = where.layers()[i];
    manifest::layer made{declared.at(layer_id{i}).name,
                         std::string(to_string(placed.stored)),
                         std::string(to_string(placed.with)),
                         placed.size,
                         {}};
    for (const parameter_id each : declared.at(layer_id{i}).parameters) {
      made.parameters.push_back({declared.at(each).name, where.range_of(each)});
    }
    layers.push_back(std::move(made));
  }
  return layers;
}

}  // namespace ballast
