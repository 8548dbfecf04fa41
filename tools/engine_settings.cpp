#include "tools/engine_settings.hpp"

#include <fmt/format.h>

#include "tools/command/directory_budget.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

/// "--nvme DIR[:SIZE]", once for each folder.
option nvme_option(engine_config& config) {
  option nvme;
  nvme.name = "nvme";
  nvme.kind = option_kind::list;
  nvme.value = "DIR[:SIZE]";
  nvme.preset = "nothing rests on disk";
  nvme.help =
      "folder for optimizer state that fits nowhere else, and how much of it may be used (may be "
      "repeated: tiles are spread by bandwidth)";
  nvme.set = [&config](const std::vector<std::string>& given) -> status {
    config.nvme.clear();
    for (const std::string& each : given) {
      const auto parsed = parse_directory_budget(each);
      if (!parsed) {
        return parsed.error();
      }
      config.nvme.push_back({parsed->directory, parsed->size});
    }
    return {};
  };
  nvme.show = [&config]() -> nlohmann::ordered_json {
    auto shown = nlohmann::ordered_json::array();
    for (const nvme_folder& each : config.nvme) {
      shown.push_back(each.size ? fmt::format("{}:{}", each.directory, each.size->value)
                                : each.directory);
    }
    return shown;
  };
  return nvme;
}

option checkpoint_option(engine_config& config) {
  option folder;
  folder.name = "checkpoint";
  folder.kind = option_kind::text;
  folder.value = "DIR";
  folder.preset = "no checkpoints";
  folder.help = "folder for checkpoints; optimizer state on NVMe is kept where it lies";
  folder.set = [&config](const std::vector<std::string>& given) -> status {
    if (given.back().empty()) {
      return failure{errc::invalid_argument, "--checkpoint wants a folder"};
    }
    config.checkpoint_directory = given.back();
    return {};
  };
  folder.show = [&config]() -> nlohmann::ordered_json {
    return config.checkpoint_directory ? nlohmann::ordered_json(*config.checkpoint_directory)
                                       : nlohmann::ordered_json();
  };
  return folder;
}

/// "--placement DEVICE,HOST": fractions of the tiles; the rest goes to NVMe.
option placement_option(engine_config& config) {
  option placement;
  placement.name = "placement";
  placement.kind = option_kind::text;
  placement.value = "DEVICE,HOST";
  placement.preset = "device first, then host, then NVMe, as the budgets allow";
  placement.help = "fractions of the tiles whose state is forced there; the rest goes to NVMe";
  placement.set = [&config](const std::vector<std::string>& given) -> status {
    const std::string& text = given.back();
    const std::size_t comma = text.find(',');
    const auto device = parse_real(text.substr(0, comma), {0, 1});
    const auto host = parse_real(comma == std::string::npos ? "" : text.substr(comma + 1), {0, 1});
    if (!device || !host) {
      return failure{errc::invalid_argument,
                     fmt::format("\"{}\" is not two fractions in [0, 1], as in 0.25,0.5", text)};
    }
    config.placement = forced_placement{*device, *host};
    return {};
  };
  placement.show = [&config]() -> nlohmann::ordered_json {
    return config.placement ? nlohmann::ordered_json(fmt::format("{},{}", config.placement->device,
                                                                 config.placement->host))
                            : nlohmann::ordered_json();
  };
  return placement;
}

/// "--io-request SIZE": refused here already, whether or not anything will rest on a disk.
option request_option(engine_config& config) {
  option request;
  request.name = "io-request";
  request.kind = option_kind::amount;
  request.value = "SIZE";
  request.preset = size_text(config.io_request);
  request.help = "longest request to a disk, a multiple of 4096 below 1 GiB";
  request.set = [&config](const std::vector<std::string>& given) -> status {
    const auto size = parse_size(given.back());
    if (!size) {
      return size.error();
    }
    if (size->value == 0 || size->value % 4096 != 0 || *size >= 1_GiB) {
      return failure{errc::invalid_argument,
                     fmt::format("{} bytes is no multiple of 4096 below 1 GiB", size->value)};
    }
    config.io_request = *size;
    return {};
  };
  request.show = [&config] { return nlohmann::ordered_json(config.io_request.value); };
  return request;
}

void add_rank_options(option_set& options, engine_config& config) {
  options.section("Ranks");
  options.whole(
      "ranks", config.ranks, {1, 4096},
      "ranks that share the model: threads of this process; under mpirun its processes are, "
      "and their number is known");
  options.whole(
      "stage", config.stage, {0, 3},
      "of ZeRO, what is partitioned over ranks: 0 nothing, 1 optimizer state, 2 gradients "
      "too, 3 weights too");
  options.choice<reduction_kind>(
      "reduction", config.reduction,
      {{"ordered", reduction_kind::ordered}, {"library", reduction_kind::library}},
      "who sums gradients: ordered, the same bits wherever ranks run; library, MPI as it likes");
}

}  // namespace

void add_engine_options(option_set& options, engine_config& config) {
  add_rank_options(options, config);
  options.section("Budgets");
  options.size("device-memory", config.device_memory, "as much as the plan wants",
               "hard cap on the device's memory, activations included");
  options.size("host-memory", config.host_memory, "as much as the plan wants",
               "hard cap on the engine's host memory");
  options.add(nvme_option(config));
  options.add(placement_option(config));
  options.choice<place>("weights", config.weights, {{"host", place::host}, {"nvme", place::nvme}},
                        "where weights rest of tiles whose optimizer state is on NVMe");
  options.choice<place>(
      "gradients", config.gradients, {{"host", place::host}, {"nvme", place::nvme}},
      "where gradients rest of the same tiles until the update; those summed over "
      "several pushes stay in host memory");
  options.add(checkpoint_option(config));
  options.whole("keep-checkpoints", config.kept_checkpoints, {1, 1000},
                "checkpoints that are kept; each takes its tiles' room on NVMe once more");

  options.section("Engine");
  options.count("tile-elements", config.tile_elements,
                "elements of a tile, the unit of movement, a multiple of 4096; 0: 1Mi, or 128Ki "
                "where folders for NVMe are given");
  options.whole("pipeline-depth", config.pipeline_depth, {1, 1024},
                "tiles under way between NVMe and the optimizer");
  options.whole("layer-slots", config.layer_slots, {1, 1024},
                "layers whose weights are on the device at once");
  options.whole("gradient-slots", config.gradient_slots, {1, 1024},
                "layers whose gradient is on the device at once");
  options.size("undo-memory", config.undo_memory,
               "host memory for undoing updates that begin during backward; 0: they wait for its "
               "end");
  options.whole("threads", config.threads, {0, 1024},
                "engine threads; 0: one a core, less one or two for the links from 5 cores on");
  options.flag("several-pushes", config.several_pushes,
               "keep fp32 sums, so that a layer's gradient may come in several pushes");
  options.choice<io_backend>(
      "io", config.io,
      {{"auto", io_backend::automatic},
       {"uring", io_backend::uring},
       {"posix", io_backend::posix},
       {"inline", io_backend::inlined}},
      "what moves bytes to and from disk; inline: the update's workers themselves, as auto has it "
      "where all folders are in memory (tmpfs, DAX)");
  options.add(request_option(config));
  options.whole("io-depth", config.io_depth, {1, 1024}, "requests under way in each --nvme folder");
  options.choice<device_kind>(
      "device", config.device,
      {{"auto", device_kind::automatic}, {"host", device_kind::host}, {"cuda", device_kind::cuda}},
      "where the model is computed");
  options.choice<instruction_set>("isa", config.isa,
                                  {{"auto", instruction_set::automatic},
                                   {"sse2", instruction_set::sse2},
                                   {"avx2", instruction_set::avx2},
                                   {"avx512", instruction_set::avx512}},
                                  "instruction set of the optimizer's kernels");
  options.whole("noise-seed", config.noise_seed, {},
                "of stochastic rounding, in the encodings bf16 and int8");
  options.whole("io-deadline", config.io_deadline_seconds, {1, 86400},
                "seconds after which an I/O is reported as late");
}

std::string plan_table(const plan& summary) {
  std::string text =
      fmt::format("{:<8} {:<28} {:>12} {:>12}\n", "place", "consumer", "size", "budget");
  for (const place where : {place::device, place::host, place::nvme}) {
    const bytes total = summary.total(where);
    if (total.value == 0) {
      continue;
    }
    for (const consumer& each : summary.consumers) {
      if (each.where == where) {
        text += fmt::format("{:<8} {:<28} {:>12}\n", to_string(where), each.name,
                            rounded_size(each.size));
      }
    }
    const auto budget = summary.budgets[static_cast<std::size_t>(where)];
    text += fmt::format("{:<8} {:<28} {:>12} {:>12}\n", to_string(where), "= together",
                        rounded_size(total), budget ? rounded_size(*budget) : "none");
  }
  const auto tiles = [&](place where) { return summary.tiles[static_cast<std::size_t>(where)]; };
  text += fmt::format("{} parameters, {} of state; optimizer tiles on device/host/nvme: {}/{}/{}\n",
                      summary.parameters.value, rounded_size(summary.state), tiles(place::device),
                      tiles(place::host), tiles(place::nvme));
  return text;
}

}  // namespace ballast::tools
