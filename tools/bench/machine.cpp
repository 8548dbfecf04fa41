#include "tools/bench/machine.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <thread>

#include "cpu/instruction_sets.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

std::string processor_name() {
  std::ifstream from("/proc/cpuinfo");
  for (std::string line; std::getline(from, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(": ") + 2);
    }
  }
  return "unknown";
}

}  // namespace

bytes last_cache() {
  bytes largest{0};
  for (int index = 0; index < 8; ++index) {
    std::ifstream from(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
    std::string text;
    if (from >> text) {
      const auto size = parse_size(text);
      largest = std::max(largest, size ? *size : bytes{0});
    }
  }
  return largest;
}

nlohmann::ordered_json describe_machine() {
  struct utsname system {};
  uname(&system);
  double load[1] = {0};
  getloadavg(load, 1);
  nlohmann::ordered_json sets;
  for (const instruction_set each : cpu::supported_instruction_sets()) {
    sets.push_back(std::string(cpu::name_of(each)));
  }
  return {{"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
          {"processor", processor_name()},
          {"cores", std::thread::hardware_concurrency()},
          {"instruction_sets", sets},
          {"last_cache_bytes", last_cache().value},
          {"memory_bytes", static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                               static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))},
          {"kernel", std::string(system.sysname) + " " + system.release},
          {"load", load[0]}};
}

}  // namespace ballast::tools
