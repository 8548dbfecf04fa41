#include "tools/prove/arms.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/update_backend.hpp"
#include "tools/command/nearest_match.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

failure no_such(const std::string& what, const std::string& word, const std::string& words,
                std::span<const std::string> near = {}) {
  return {errc::invalid_argument,
          fmt::format("{} \"{}\" is none of {}{}", what, word, words, did_you_mean(word, near))};
}

/// The one of `all` that is called `word`.
template <class Value, std::size_t Count>
result<Value> named(const char* option, const std::string& word, const Value (&all)[Count]) {
  std::vector<std::string> words;
  for (const Value each : all) {
    words.emplace_back(to_string(each));
    if (words.back() == word) {
      return each;
    }
  }
  return no_such(option, word, fmt::format("{}", fmt::join(words, ", ")), words);
}

constexpr encoding all_encodings[] = {encoding::exact, encoding::fp32, encoding::fp16,
                                      encoding::bf16, encoding::int8};
constexpr optimizer all_optimizers[] = {optimizer::adamw, optimizer::adam, optimizer::sgd};

/// Every hyperparameter is at work.
optimizer_options proven_options(optimizer which) {
  switch (which) {
    case optimizer::adamw: return adamw_options{.beta2 = 0.95, .weight_decay = 0.1};
    case optimizer::adam: return adam_options{.beta2 = 0.95, .weight_decay = 0.1};
    case optimizer::sgd: break;
  }
  return sgd_options{.nesterov = true, .weight_decay = 0.1};
}

status configure(const prove_settings& settings, arm& of) {
  const auto stored = named("--encodings", of.encoding, all_encodings);
  const auto with = named("--optimizers", of.optimizer, all_optimizers);
  if (!stored || !with) {
    return stored ? with.error() : stored.error();
  }
  of.stored = *stored;
  of.update_by = proven_options(*with);
  engine_config& config = of.config;
  config.nvme = {{settings.directory}};
  if (of.placement == "device") {
    config.placement = forced_placement{1, 0};
  } else if (of.placement == "host") {
    config.placement = forced_placement{0, 1};
  } else if (of.placement == "nvme") {
    config.placement = forced_placement{0, 0};
  } else if (of.placement == "early") {
    config.placement = forced_placement{0, 0};
    config.undo_memory = bytes{1u << 30};
  } else if (of.placement == "capacity") {
    // What all ranks keep whole, they keep in memory.
    config.placement = forced_placement{0, 0};
    const bool whole = settings.run.ranks > 1;
    config.weights = whole && (of.stage == "1" || of.stage == "2") ? place::host : place::nvme;
    config.gradients = whole && of.stage == "1" ? place::host : place::nvme;
    of.activations = place::nvme;
  } else if (of.placement == "mixed") {
    config.placement = forced_placement{0.3, 0.3};
    of.activations = place::host;
  } else {
    return no_such("--placements", of.placement, "device, host, nvme, early, capacity, mixed");
  }
  const auto threads = parse_whole(of.threads, {1, 1024});
  const auto tile = parse_count(of.tile);
  if (!threads || !tile) {
    return threads ? tile.error() : threads.error();
  }
  config.threads = static_cast<std::uint32_t>(*threads);
  config.tile_elements = *tile;
  if (of.io != "uring" && of.io != "posix" && of.io != "inline") {
    return no_such("--ios", of.io, "uring, posix, inline");
  }
  config.io = of.io == "uring"   ? io_backend::uring
              : of.io == "posix" ? io_backend::posix
                                 : io_backend::inlined;
  const auto stage = parse_whole(of.stage, {0, 3});
  if (!stage) {
    return stage.error();
  }
  config.stage = static_cast<std::uint32_t>(*stage);
  config.ranks = settings.run.ranks;
  const auto isa = std::ranges::find(cpu::instruction_sets, of.isa, cpu::name_of);
  if (isa == cpu::instruction_sets.end()) {
    return no_such("--isas", of.isa, "sse2, avx2, avx512");
  }
  config.isa = *isa;
  return {};
}

/// Every combination for one pair of encoding and optimizer.
std::vector<arm> product(const prove_settings& settings, const arm& pair) {
  std::vector<arm> all{pair};
  const auto multiply = [&](std::string arm::*member, const std::vector<std::string>& words) {
    std::vector<arm> product;
    for (const arm& each : all) {
      for (const std::string& word : words) {
        product.push_back(each);
        product.back().*member = word;
      }
    }
    all = std::move(product);
  };
  multiply(&arm::placement, settings.placements);
  multiply(&arm::threads, settings.threads);
  multiply(&arm::tile, settings.tiles);
  multiply(&arm::io, settings.ios);
  multiply(&arm::isa, settings.isas);
  multiply(&arm::stage, settings.used_stages());
  return all;
}

/// One of the combinations of the other lists: they are the digits of a number that grows by 7 from
/// turn to turn, so that no list goes in step with the placements.
arm going_round(const prove_settings& settings, arm of, std::size_t turn) {
  std::size_t digits = 7 * turn;
  const auto take = [&](const std::vector<std::string>& words) {
    const std::size_t at = digits % words.size();
    digits /= words.size();
    return words[at];
  };
  of.isa = take(settings.isas);
  of.threads = take(settings.threads);
  of.tile = take(settings.tiles);
  of.io = take(settings.ios);
  of.stage = take(settings.used_stages());
  return of;
}

/// With what a user gets by default.
arm plain(const prove_settings& settings, arm of) {
  of.threads = settings.threads.back();
  of.tile = settings.tiles.back();
  of.io = settings.ios.front();
  of.isa = cpu::name_of(cpu::supported_instruction_sets().back());
  of.stage = settings.used_stages().back();
  return of;
}

std::vector<arm> quick_arms(const prove_settings& settings) {
  std::vector<arm> all;
  for (std::size_t i = 0; i < settings.encodings.size(); ++i) {
    arm pair;
    pair.encoding = settings.encodings[i];
    pair.optimizer = settings.optimizers[i % settings.optimizers.size()];
    for (std::size_t j = 0; j < (i == 0 ? settings.placements.size() : 1); ++j) {
      pair.placement = settings.placements[(i == 0 ? j : i - 1) % settings.placements.size()];
      all.push_back(plain(settings, pair));
      const std::vector<std::string> stages = settings.used_stages();
      all.back().stage = stages[all.size() % stages.size()];
    }
  }
  return all;
}

std::vector<arm> all_arms(const prove_settings& settings) {
  std::vector<arm> all;
  for (const std::string& stored : settings.encodings) {
    for (const std::string& with : settings.optimizers) {
      arm pair;
      pair.encoding = stored;
      pair.optimizer = with;
      if (all.empty()) {
        all = product(settings, pair);
        continue;
      }
      for (const std::string& where : settings.placements) {
        pair.placement = where;
        all.push_back(going_round(settings, pair, all.size()));
      }
    }
  }
  return all;
}

}  // namespace

std::string arm::name() const {
  const std::string at_stage = config.ranks > 1 ? "  stage " + stage : "";
  return fmt::format("{:<5} {:<5} {:<8} threads {} tile {:>5} {:<6} {:<8}{}", encoding, optimizer,
                     placement, threads, tile, io, isa, at_stage);
}

result<std::vector<arm>> arms(const prove_settings& settings) {
  std::vector<arm> all = settings.quick ? quick_arms(settings) : all_arms(settings);
  for (arm& each : all) {
    if (auto known = configure(settings, each); !known) {
      return known.error();
    }
  }
  return all;
}

}  // namespace ballast::tools
