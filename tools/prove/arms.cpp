#include "tools/prove/arms.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/update_backend.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

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
  const auto isa = std::ranges::find(cpu::instruction_sets, of.isa, cpu::name_of);
  if (isa == cpu::instruction_sets.end()) {
    return no_such("--isas", of.isa, "sse2, avx2, avx512");
  }
  config.isa = *isa;
  if (of.compute != "fp32" && of.compute != "bf16") {
    return no_such("--computes", of.compute, "fp32, bf16");
  }
  return config;
}

}  // namespace

std::string arm::name() const {
  return fmt::format("{:<6} {:<4} threads {} tile {:>5} {:<5} {:<8}", placement, compute, threads,
                     tile, io, isa);
}

result<std::vector<arm>> arms(const prove_settings& settings) {
  std::vector<arm> all{arm{}};
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
  const auto one = [&](const std::vector<std::string>& words, const std::string& word) {
    return settings.quick ? std::vector{word} : words;
  };
  const std::string widest(cpu::name_of(cpu::supported_instruction_sets().back()));
  multiply(&arm::compute, settings.computes);
  multiply(&arm::placement, settings.placements);
  multiply(&arm::threads, one(settings.threads, settings.threads.back()));
  multiply(&arm::tile, one(settings.tiles, settings.tiles.back()));
  multiply(&arm::io, one(settings.ios, settings.ios.front()));
  multiply(&arm::isa, one(settings.isas, widest));
  for (arm& each : all) {
    auto config = configure(settings, each);
    if (!config) {
      return config.error();
    }
    each.config = *std::move(config);
  }
  return all;
}

}  // namespace ballast::tools
