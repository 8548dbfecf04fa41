#include "tools/doctor/doctor_command.hpp"

#include <fmt/format.h>

#include "tools/command/command_call.hpp"
#include "tools/command/json_lines.hpp"
#include "tools/doctor/checks.hpp"

namespace ballast::tools {

option_set doctor_options(doctor_settings& settings) {
  option_set options("ballast doctor",
                     "Says what this machine offers and what would mend the rest.");
  options.text("directory", settings.directory, "DIR", "folder whose disk is examined");
  options.text("json", settings.json, "FILE",
               "one JSON document there instead of text; - is stdout");
  return options;
}

exit_code doctor(std::span<const std::string> arguments) {
  doctor_settings settings;
  const option_set options = doctor_options(settings);
  const command_call call(options, arguments);
  if (call.over()) {
    return *call.over();
  }
  const auto lines = examine(settings.directory);
  if (settings.json.empty()) {
    for (const finding_line& each : lines) {
      fmt::print("{:<9} {:<14} {}\n", each.good ? "good" : "degraded", each.name, each.detail);
      if (!each.remedy.empty()) {
        fmt::print("{:<9} {:<14} -> {}\n", "", "", each.remedy);
      }
    }
    return exit_code::done;
  }
  nlohmann::ordered_json document{{"schema", "ballast.doctor/1"}};
  for (const finding_line& each : lines) {
    document["checks"].push_back({{"name", each.name},
                                  {"good", each.good},
                                  {"detail", each.detail},
                                  {"remedy", each.remedy}});
  }
  auto file = json_lines::open(settings.json);
  const status written = file ? file->write(document) : status(file.error());
  if (!written) {
    return call.fail(written.error(), stage::set_up);
  }
  return exit_code::done;
}

}  // namespace ballast::tools
