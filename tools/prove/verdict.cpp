#include "tools/prove/verdict.hpp"

#include <fmt/format.h>

#include <ballast/engine.hpp>
#include <bit>

#include "tools/command/size_text.hpp"
#include "tools/engine_state.hpp"
#include "tools/prove/bit_flip.hpp"

namespace ballast::tools {
namespace {

/// Bit 12 of one master value, flipped through the engine's own door; a lower one may be rounded
/// away.
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

}  // namespace

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
  proof_run as_placed = run;
  as_placed.batch.activations = placed.activations;
  if (auto reserved = reserve_activations(kept, as_placed.model, as_placed.batch); !reserved) {
    return reserved.error();
  }
  const auto sealed = kept.seal(placed.config);
  if (!sealed) {
    return sealed.error();
  }
  engine_state state(kept);
  verdict found;
  found.tiles = sealed->tiles;
  const auto losses =
      follow(as_placed, expected.declared, state, [&](std::uint64_t step) -> status {
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
                              {"encoding", placed.encoding},
                              {"optimizer", placed.optimizer},
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

}  // namespace ballast::tools
