#include "tools/bench/step_settings.hpp"

#include <algorithm>
#include <array>
#include <ballast/encoding.hpp>

#include "tools/command/size_text.hpp"
#include "tools/engine_settings.hpp"

namespace ballast::tools {
namespace {

constexpr std::array all_encodings = {encoding::fp32, encoding::exact, encoding::fp16,
                                      encoding::bf16, encoding::int8};
constexpr std::array all_ways = {step_way::nvme,       step_way::inlined, step_way::cached,
                                 step_way::undigested, step_way::loop,    step_way::host};
static_assert(all_encodings.size() == encoding_count);

/// The ways say where state rests, and what it may take.
status check_engine(const engine_config& engine) {
  const auto refuse = [](std::string_view option) {
    return failure{
        errc::invalid_argument,
        fmt::format("--{} is no matter of bench step: --ways says where state rests", option)};
  };
  if (engine.placement) return refuse("placement");
  if (engine.ranks > 1) return refuse("ranks");
  if (engine.device_memory) return refuse("device-memory");
  if (engine.host_memory) return refuse("host-memory");
  if (engine.checkpoint_directory) return refuse("checkpoint");
  if (engine.undo_memory.value > 0) return refuse("undo-memory");
  return {};
}

}  // namespace

option_set step_options_of(step_settings& settings) {
  option_set options("ballast bench step",
                     "How far is a whole step from the disk or the memory that it needs?");
  options.section("Rows: every combination of these lists");
  options.list("elements", settings.elements, "COUNT", "as many as --state holds",
               "parameters: 1e8, 100Mi");
  options.size("state", settings.state, "of optimizer state, where no --elements are given");
  options.list("encodings", settings.encodings, "NAME", "", "how state is stored");
  options.list(
      "ways", settings.ways, "NAME", "",
      "nvme: state on disk; inline: the same, moved by the update's workers; cached: with "
      "host memory for a third of it; undigested: on disk without digests; loop: on disk, by "
      "a plain loop; host: in host memory");
  options.section("Run");
  options.whole("rounds", settings.rounds, {1, 10000},
                "steps of every way, in turn with the limit; what is printed are medians");
  options.text("json", settings.json, "FILE", "one JSON document there; - is stdout");
  add_engine_options(options, settings.engine);
  options.section("Test of the verification itself");
  options.flag("flip", settings.flip, "flips one bit, which must be noticed: exit 4");
  return options;
}

std::vector<elements> step_plan::sizes_for(encoding stored, bytes state) const {
  if (!sizes.empty()) {
    return sizes;
  }
  const elements some{1u << 20};
  const double each = static_cast<double>(layout_of(stored, optimizer::adamw).state(some).value) /
                      static_cast<double>(some.value);
  return {{static_cast<std::uint64_t>(static_cast<double>(state.value) / each) + 1}};
}

bool step_plan::has(step_way way) const { return std::ranges::find(ways, way) != ways.end(); }

result<step_plan> plan_of(const step_settings& settings) {
  const auto name = [](auto value) { return to_string(value); };
  auto encodings = pick("encodings", settings.encodings, all_encodings, name);
  auto ways = pick("ways", settings.ways, all_ways, name);
  auto sizes = parse_each("elements", settings.elements, [](const std::string& word) {
    auto count = parse_count(word);
    return count && count->value == 0
               ? result<elements>(failure{errc::invalid_argument, "no elements, no rows"})
               : count;
  });
  if (!encodings) return encodings.error();
  if (!ways) return ways.error();
  if (!sizes) return sizes.error();
  if (const status usable = check_engine(settings.engine); !usable) return usable.error();
  if (settings.elements.empty() && settings.state.value == 0) {
    return failure{errc::invalid_argument, "--state 0: no elements, no rows"};
  }
  return step_plan{*std::move(encodings), *std::move(ways), *std::move(sizes)};
}

}  // namespace ballast::tools
