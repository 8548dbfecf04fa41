#include "tools/plan/plan_settings.hpp"

#include <fmt/format.h>

#include "tools/command/bandwidth_text.hpp"
#include "tools/train/given_option.hpp"

namespace ballast::tools {
namespace {

constexpr const char* measured = "measured here";

option bandwidth_option(std::string name, std::optional<double>& target, std::string help) {
  option shown{.name = std::move(name),
               .kind = option_kind::text,
               .value = "SIZE/s",
               .preset = measured,
               .help = std::move(help),
               .set = {},
               .show = {}};
  return given_option(std::move(shown), target, parse_bandwidth,
                      [] { return std::optional<double>(); });
}

/// Reading and writing at once is taken to be as fast as the one after the other, unless it is
/// given.
result<disk_rates> parse_disk(const std::string& text) {
  const auto found = parse_bandwidths(text, 2, 3);
  if (!found) {
    return found.error();
  }
  const double read = (*found)[0];
  const double write = (*found)[1];
  return disk_rates{read, write, found->size() > 2 ? (*found)[2] : 2 / (1 / read + 1 / write)};
}

option disk_option(std::optional<disk_rates>& target) {
  option disk{.name = "nvme-bandwidth",
              .kind = option_kind::text,
              .value = "READ,WRITE[,BOTH]",
              .preset = measured,
              .help =
                  "of all --nvme folders together, which are then not looked at; BOTH: the sum "
                  "while as much is read as written",
              .set = {},
              .show = {}};
  disk.set = [&target](const std::vector<std::string>& given) -> status {
    const auto parsed = parse_disk(given.back());
    if (!parsed) {
      return parsed.error();
    }
    target = *parsed;
    return {};
  };
  disk.show = [&target]() -> nlohmann::ordered_json {
    if (!target) {
      return nullptr;
    }
    return fmt::format("{:.0f},{:.0f},{:.0f}", target->read, target->write, target->both);
  };
  return disk;
}

option flops_option(std::optional<double>& target) {
  option flops{.name = "flops",
               .kind = option_kind::real,
               .value = "X",
               .preset = measured,
               .help =
                   "floating-point operations a second that the device reaches in the model's "
                   "products; it then has processors of its own",
               .set = {},
               .show = {}};
  return given_option(
      std::move(flops), target,
      [](const std::string& text) { return parse_real(text, {.least = 1}); },
      [] { return std::optional<double>(); });
}

}  // namespace

option_set plan_options(plan_settings& settings) {
  option_set options("ballast plan",
                     "Says what goes where, what a step would take, and what would fit.");
  given_machine& machine = settings.machine;
  options.section("Machine, where it is not this one");
  options.add(flops_option(machine.flops));
  options.add(
      bandwidth_option("link", machine.link, "between host memory and the device, each way"));
  options.add(disk_option(machine.disk));
  options.add(bandwidth_option("rank-bandwidth", machine.ranks,
                               "of what comes to a rank from the others, where there are --ranks"));
  options.add(bandwidth_option("memory-bandwidth", machine.memory_bandwidth,
                               "of host memory; what the optimizer is bound by there"));
  options.add(bandwidth_option("device-bandwidth", machine.device_bandwidth,
                               "of the device's memory; what the optimizer is bound by there"));
  options.size("endurance", settings.endurance, "what may be written to the disks in their life");
  options.section("Report");
  options.text("json", settings.json, "FILE",
               "one JSON document there instead of text; - is stdout");
  options.section("The run, as ballast train takes it");
  add_train_options(options, settings.run);
  return options;
}

}  // namespace ballast::tools
