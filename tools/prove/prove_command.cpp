#include "tools/prove/prove_command.hpp"

#include <fmt/format.h>

#include <ballast/engine.hpp>
#include <bit>
#include <optional>

#include "cpu/update_backend.hpp"
#include "tools/command/json_lines.hpp"
#include "tools/command/option_parser.hpp"
#include "tools/command/size_text.hpp"
#include "tools/engine_state.hpp"
#include "tools/prove/bit_flip.hpp"
#include "tools/prove/resident_state.hpp"

namespace ballast::tools {
namespace {

/// One combination: where state rests, and how hard and with what the engine works.
struct arm {
  std::string placement, compute, threads, tile, io, isa;
  engine_config config;

  std::string name() const {
    return fmt::format("{:<6} {:<4} threads {} tile {:>5} {:<5} {:<8}", placement, compute, threads,
                       tile, io, isa);
  }
};

struct verdict {
  std::uint64_t loss_bits = 0;
  std::uint64_t state_bits = 0;
  std::uint64_t values = 0;
  std::size_t losses = 0;
  traffic moved;
  std::string unused_link;  ///< a link that the placement should have used
  std::array<std::uint32_t, place_count> tiles{};

  bool identical() const { return loss_bits == 0 && state_bits == 0 && unused_link.empty(); }
};

failure no_such(const std::string& what, const std::string& word, const std::string& words) {
  return {errc::invalid_argument, fmt::format("{} \"{}\" is none of {}", what, word, words)};
}

result<engine_config> configure(const prove_settings& settings, const arm& of) {
  engine_config config;
  config.nvme_directory = settings.directory;
  if (of.placement == "device") {
    config.placement = forced_placement{1, 0};
  } else if (of.placement == "host") {
    config.placement = forced_placement{0, 1};
  } else if (of.placement == "nvme") {
    config.placement = forced_placement{0, 0};
  } else if (of.placement == "mixed") {
    config.placement = forced_placement{0.3, 0.3};
  } else {
    return no_such("--placements", of.placement, "device, host, nvme, mixed");
  }
  const auto threads = parse_whole(of.threads, {1, 1024});
  const auto tile = parse_count(of.tile);
  if (!threads || !tile) {
    return threads ? tile.error() : threads.error();
  }
  config.threads = static_cast<std::uint32_t>(*threads);
  config.tile_elements = *tile;
  if (of.io != "uring" && of.io != "posix") {
    return no_such("--ios", of.io, "uring, posix");
  }
  config.io = of.io == "uring" ? io_backend::uring : io_backend::posix;
  if (of.isa != "baseline" && of.isa != "avx512") {
    return no_such("--isas", of.isa, "baseline, avx512");
  }
  config.isa = of.isa == "baseline" ? instruction_set::baseline : instruction_set::avx512;
  if (of.compute != "fp32" && of.compute != "bf16") {
    return no_such("--computes", of.compute, "fp32, bf16");
  }
  return config;
}

/// Every combination of the lists; `quick` keeps the first of all but places and encodings.
result<std::vector<arm>> arms(const prove_settings& settings) {
  std::vector<arm> all{arm{}};
  const auto multiply = [&](std::string arm::*member, std::vector<std::string> words, bool whole) {
    if (settings.quick && !whole) {
      words = {words.back()};
    }
    std::vector<arm> product;
    for (const arm& each : all) {
      for (const std::string& word : words) {
        product.push_back(each);
        product.back().*member = word;
      }
    }
    all = std::move(product);
  };
  multiply(&arm::compute, settings.computes, true);
  multiply(&arm::placement, settings.placements, true);
  multiply(&arm::threads, settings.threads, false);
  multiply(&arm::tile, settings.tiles, false);
  multiply(&arm::io, settings.ios, false);
  multiply(&arm::isa, settings.isas, false);
  for (arm& each : all) {
    auto config = configure(settings, each);
    if (!config) {
      return config.error();
    }
    each.config = *std::move(config);
  }
  return all;
}

/// Bit 12 of one master value, flipped through the engine's own door; a lower one may be rounded away.
status flip_in_memory(engine& placed) {
  float value = 0;
  if (auto read = placed.read({0}, state_part::master, {7}, {&value, 1}); !read) {
    return read;
  }
  value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ (1u << 12));
  return placed.write({0}, state_part::master, {7}, {&value, 1});
}

std::string unused_link(const plan& summary, const traffic& moved) {
  const auto tiles = [&](place where) { return summary.tiles[static_cast<std::size_t>(where)]; };
  const bool off_device = tiles(place::host) + tiles(place::nvme) > 0;
  for (const hop each : {hop::read, hop::write, hop::upload, hop::download}) {
    const bool disk = each == hop::read || each == hop::write;
    const bool used = disk ? tiles(place::nvme) > 0 : off_device;
    if (used != (moved[each].value > 0)) {
      return std::string(to_string(each));
    }
  }
  return {};
}

/// The reference of one encoding: its state after the last step, and its losses.
struct reference_arm {
  gpt_model declared;
  std::unique_ptr<resident_state> state;
  std::vector<double> losses;
};

result<reference_arm> run_reference(const proof_run& run) {
  reference_arm made{declare(run.model), nullptr, {}};
  made.state = std::make_unique<resident_state>(made.declared.declared);
  auto losses = follow(run, made.declared, *made.state, [](std::uint64_t) { return status(); });
  if (!losses) {
    return losses.error();
  }
  made.losses = *std::move(losses);
  return made;
}

result<verdict> run_arm(const prove_settings& settings, const proof_run& run, const arm& placed,
                        reference_arm& expected) {
  auto parts = std::make_unique<damaging_backends>();
  const auto disk = parts->last_store();
  engine kept(expected.declared.declared, std::move(parts));
  const auto activations = activation_bytes(run.model, run.batch);
  if (!activations) {
    return activations.error();
  }
  kept.reserve(place::device, *activations + bytes{4096});
  const auto sealed = kept.seal(placed.config);
  if (!sealed) {
    return sealed.error();
  }
  engine_state state(kept);
  verdict found;
  found.tiles = sealed->tiles;
  const auto losses = follow(run, expected.declared, state, [&](std::uint64_t step) -> status {
    for (std::size_t i = 0; i < hop_count; ++i) {
      found.moved.moved[i] += state.report().moved.moved[i];
    }
    if (step != settings.flip_step || settings.flip == flip_target::none) {
      return {};
    }
    return settings.flip == flip_target::memory ? flip_in_memory(kept)
                                                : damaging_backends::damage(*disk);
  });
  if (!losses) {
    return losses.error();
  }
  found.losses = losses->size() / 2;
  found.loss_bits = differing_bits(expected.losses, *losses);
  found.unused_link = unused_link(*sealed, found.moved);
  const auto bits = differing_bits(expected.declared, *expected.state, state, found.values);
  if (!bits) {
    return bits.error();
  }
  found.state_bits = *bits;
  return found;
}

std::string line(const arm& placed, const verdict& found) {
  const std::string verdict_word = found.identical() ? "identical"
                                   : !found.unused_link.empty()
                                       ? fmt::format("WRONG LINK {}", found.unused_link)
                                       : "DIFFERENT";
  std::string moved;
  for (const hop each : {hop::read, hop::write, hop::upload, hop::download}) {
    moved += fmt::format(" {} {}", to_string(each), rounded_size(found.moved[each]));
  }
  return fmt::format("{}  {}  tiles {}/{}/{}, {} losses, {} values, {} differing bits;{}",
                     placed.name(), verdict_word, found.tiles[0], found.tiles[2], found.tiles[3],
                     found.losses, found.values, found.loss_bits + found.state_bits, moved);
}

nlohmann::ordered_json row(const arm& placed, const verdict& found) {
  nlohmann::ordered_json json{{"placement", placed.placement},
                              {"compute", placed.compute},
                              {"threads", placed.config.threads},
                              {"tile_elements", placed.config.tile_elements.value},
                              {"io", placed.io},
                              {"isa", placed.isa},
                              {"identical", found.identical()},
                              {"losses", found.losses},
                              {"values", found.values},
                              {"loss_bits", found.loss_bits},
                              {"state_bits", found.state_bits}};
  for (const hop each : {hop::read, hop::write, hop::upload, hop::download}) {
    json["moved"][std::string(to_string(each))] = found.moved[each].value;
  }
  return json;
}

exit_code fail(const failure& problem, stage when) {
  fmt::print(stderr, "ballast prove: {}\n", problem.message);
  return exit_code_of(problem, when);
}

exit_code conclude(const prove_settings& settings, const nlohmann::ordered_json& document,
                   std::size_t identical, std::size_t different, std::size_t left_out) {
  if (!settings.json.empty()) {
    auto file = json_lines::open(settings.json);
    if (const status written = file ? file->write(document) : status(file.error()); !written) {
      return fail(written.error(), stage::running);
    }
  }
  fmt::print("{}: {} arms identical, {} different, {} left out (this machine lacks them)\n",
             different == 0 ? "identical" : "DIFFERENT", identical, different, left_out);
  return different == 0 && identical > 0 ? exit_code::done : exit_code::verification_failed;
}

}  // namespace

prove_settings::prove_settings() {
  run.model.layers = 2;
  run.model.heads = 4;
  run.model.width = 128;
  run.model.context = 32;
  run.batch.micro_batches = 2;
  run.batch.sequences = 2;
  run.batch.tokens = 32;
}

option_set prove_options(prove_settings& settings) {
  option_set options("ballast prove",
                     "Runs the same steps resident and as placed and compares every bit.");
  options.section("Arms: every combination of these lists");
  options.list("placements", settings.placements, "PLACE", "device host nvme mixed",
               "where optimizer state rests");
  options.list("computes", settings.computes, "TYPE", "fp32 bf16",
               "compute types: fp32 keeps fp32 state, bf16 the exact encoding");
  options.list("threads", settings.threads, "N", "1 2", "engine threads");
  options.list("tiles", settings.tiles, "COUNT", "8Ki 20Ki", "elements of a tile");
  options.list("ios", settings.ios, "BACKEND", "uring posix", "what moves bytes to and from disk");
  options.list("isas", settings.isas, "SET", "baseline avx512",
               "instruction sets of the optimizer's kernels");
  options.flag("quick", settings.quick, "only the last of each list but placements and computes");
  options.section("Run");
  options.whole("steps", settings.run.steps, {1, 1u << 20}, "steps of every arm");
  options.whole("layers", settings.run.model.layers, {1, 1024}, "transformer blocks");
  options.whole("heads", settings.run.model.heads, {1, 1024}, "attention heads");
  options.whole("width", settings.run.model.width, {1, 1u << 16}, "channels");
  options.whole("sequences", settings.run.batch.sequences, {1, 1u << 16},
                "sequences of a micro-batch");
  options.whole("micro-batches", settings.run.batch.micro_batches, {1, 1u << 16},
                "micro-batches a step");
  options.text("directory", settings.directory, "DIR", "folder for state on disk");
  options.text("json", settings.json, "FILE", "one JSON document with every arm; - is stdout");
  options.section("Tests of the proof itself");
  options.choice<flip_target>(
      "flip", settings.flip,
      {{"none", flip_target::none}, {"memory", flip_target::memory}, {"disk", flip_target::disk}},
      "flips one bit of state, which must be noticed");
  options.whole("flip-step", settings.flip_step, {1, 1u << 20}, "after which step it is flipped");
  return options;
}

exit_code prove(std::span<const std::string> arguments) {
  prove_settings settings;
  const option_set options = prove_options(settings);
  const auto parsed = parse_options(options, arguments);
  if (!parsed) {
    return fail(parsed.error(), stage::set_up);
  }
  if (parsed->help) {
    fmt::print("{}", options.help());
    return exit_code::done;
  }
  const auto all = arms(settings);
  if (!all) {
    return fail(all.error(), stage::set_up);
  }
  nlohmann::ordered_json document{{"schema", "ballast.prove/1"}, {"settings", options.values()}};
  std::optional<reference_arm> expected;
  std::string expected_compute;
  std::size_t identical = 0;
  std::size_t different = 0;
  std::size_t left_out = 0;
  for (const arm& each : *all) {
    if (each.config.isa == instruction_set::avx512 && !cpu::supports(instruction_set::avx512)) {
      ++left_out;
      continue;
    }
    proof_run run = settings.run;
    run.model.compute = each.compute == "fp32" ? encoding::fp32 : encoding::exact;
    if (!expected || expected_compute != each.compute) {
      auto reference = run_reference(run);
      if (!reference) {
        return fail(reference.error(), stage::set_up);
      }
      expected = *std::move(reference);
      expected_compute = each.compute;
    }
    const auto found = run_arm(settings, run, each, *expected);
    if (!found) {
      if (found.error().code == errc::unsupported) {
        fmt::print(stderr, "left out: {}: {}\n", each.name(), found.error().message);
        ++left_out;
        continue;
      }
      return fail(found.error(), stage::running);
    }
    fmt::print("{}\n", line(each, *found));
    document["arms"].push_back(row(each, *found));
    ++(found->identical() ? identical : different);
  }
  return conclude(settings, document, identical, different, left_out);
}

}  // namespace ballast::tools
