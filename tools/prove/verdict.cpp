#include "tools/prove/verdict.hpp"

#include <fmt/format.h>

#include <ballast/engine.hpp>
#include <bit>
#include <mutex>

#include "tools/command/size_text.hpp"
#include "tools/engine_state.hpp"
#include "tools/prove/bit_flip.hpp"
#include "tools/world.hpp"

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

std::string unused_link(const plan& summary, const traffic& moved, std::uint32_t ranks) {
  const auto tiles = [&](place where) { return summary.tiles[static_cast<std::size_t>(where)]; };
  const bool off_device = tiles(place::host) + tiles(place::nvme) > 0;
  for (const hop each : all_hops) {
    const bool disk = each == hop::read || each == hop::write;
    const bool peers = each == hop::reduce_scatter || each == hop::all_gather;
    const bool used = peers ? ranks > 1 : disk ? tiles(place::nvme) > 0 : off_device;
    if (used != (moved[each].value > 0)) {
      return std::string(to_string(each));
    }
  }
  return {};
}

}  // namespace

result<reference_arm> run_reference(const proof_run& run) {
  reference_arm made{declare(run.model), nullptr, {}};
  made.state = std::make_unique<resident_state>(made.declared.declared, run.ranks);
  const auto in_turn = [&](const std::function<status(rank)>& compute) {
    status outcome;
    for (std::uint32_t i = 0; i < run.ranks && outcome; ++i) {
      made.state->work_as({i});
      outcome = compute({i});
    }
    return outcome;
  };
  auto losses =
      follow(run, made.declared, *made.state, in_turn, [](std::uint64_t) { return status(); });
  if (!losses) {
    return losses.error();
  }
  made.losses = *std::move(losses);
  return made;
}

namespace {

/// One rank's part of an arm.
result<verdict> run_rank(const prove_settings& settings, const proof_run& run, const arm& placed,
                         reference_arm& expected, world::member at) {
  engine_config config = placed.config;
  at.set(config);
  auto parts = std::make_unique<damaging_backends>(std::move(at.door));
  const auto disk = parts->last_store();
  engine kept(expected.declared.declared, std::move(parts));
  proof_run as_placed = run;
  as_placed.batch.activations = placed.activations;
  as_placed.batch.threads = at.threads(run.batch.threads);
  if (auto reserved = reserve_activations(kept, as_placed.model, as_placed.batch); !reserved) {
    return reserved.error();
  }
  const auto sealed = kept.seal(config);
  if (!sealed) {
    return sealed.error();
  }
  engine_state state(kept);
  verdict found;
  found.tiles = sealed->tiles;
  const auto alone = [&](const std::function<status(rank)>& compute) { return compute(at.self); };
  const auto losses =
      follow(as_placed, expected.declared, state, alone, [&](std::uint64_t step) -> status {
        for (std::size_t i = 0; i < hop_count; ++i) {
          found.moved.moved[i] += state.report().moved.moved[i];
        }
        if (step != settings.flip_step || settings.flip == flip_target::none) {
          return {};
        }
        if (settings.flip == flip_target::memory) {
          return flip_in_memory(kept);  // all ranks together, whoever has it
        }
        return at.speaks() ? damaging_backends::damage(*disk) : status();
      });
  if (!losses) {
    return losses.error();
  }
  found.losses = losses->size() / 2;
  found.loss_bits = differing_bits(expected.losses, *losses);
  found.unused_link = unused_link(*sealed, found.moved, run.ranks);
  const auto bits = differing_bits(expected.declared, *expected.state, state, found.values);
  if (!bits) {
    return bits.error();
  }
  found.state_bits = *bits;
  return found;
}

}  // namespace

result<verdict> run_arm(const prove_settings& settings, const proof_run& run, const arm& placed,
                        reference_arm& expected) {
  auto ranks = world::join(run.ranks);
  if (!ranks) {
    return ranks.error();
  }
  std::mutex mutex;
  verdict found;
  const status outcome = ranks->run([&](world::member at) -> status {
    const bool first = at.self == ranks->first();
    const auto mine = run_rank(settings, run, placed, expected, std::move(at));
    if (!mine) {
      return mine.error();
    }
    const std::lock_guard hold(mutex);
    const std::uint64_t loss_bits = found.loss_bits + mine->loss_bits;
    const std::uint64_t state_bits = found.state_bits + mine->state_bits;
    found = first ? *mine : found;
    found.loss_bits = loss_bits;
    found.state_bits = state_bits;
    return {};
  });
  return outcome ? result<verdict>(found) : outcome.error();
}

std::string line(const arm& placed, const verdict& found) {
  const std::string verdict_word = found.identical() ? "identical"
                                   : !found.unused_link.empty()
                                       ? fmt::format("WRONG LINK {}", found.unused_link)
                                       : "DIFFERENT";
  std::string moved;
  for (const hop each : all_hops) {
    if (found.moved[each].value == 0 && (each == hop::reduce_scatter || each == hop::all_gather)) {
      continue;
    }
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
                              {"stage", placed.config.stage},
                              {"identical", found.identical()},
                              {"losses", found.losses},
                              {"values", found.values},
                              {"loss_bits", found.loss_bits},
                              {"state_bits", found.state_bits}};
  for (const hop each : all_hops) {
    json["moved"][std::string(to_string(each))] = found.moved[each].value;
  }
  return json;
}

}  // namespace ballast::tools
