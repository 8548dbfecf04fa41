#include "tools/doctor/checks.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <ballast/backends.hpp>
#include <ballast/engine.hpp>
#include <ballast/thread_plan.hpp>
#include <fstream>
#include <thread>

#include "comm/ranks.hpp"
#include "cpu/update_backend.hpp"
#include "nvme/path_shares.hpp"
#include "tools/command/size_text.hpp"
#include "tools/disk_wear.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

std::string first_line(const std::string& file) {
  std::ifstream from(file);
  std::string line;
  std::getline(from, line);
  return line;
}

finding_line processor() {
  const auto chosen = cpu::choose(instruction_set::automatic);
  if (!chosen) {
    return {"processor", false, chosen.error().message, "unset BALLAST_ISA"};
  }
  const bool wide = *chosen == instruction_set::avx512;
  return {"processor", wide,
          fmt::format("{} cores, optimizer kernels: {}, {}", std::thread::hardware_concurrency(),
                      cpu::name_of(*chosen), plan_threads(0, find_numa_nodes()).description()),
          wide ? "" : "nothing to do: results are the same, the update is slower"};
}

finding_line memory() {
  struct sysinfo machine {};
  sysinfo(&machine);
  const bytes total{std::uint64_t{machine.totalram} * machine.mem_unit};
  return {"memory", true, fmt::format("{} of RAM", rounded_size(total)), ""};
}

finding_line huge_pages() {
  const auto region = make_backends()->make_host_region(8_MiB, {}, {});
  const std::string backing = region ? (*region)->backing() : region.error().message;
  const bool good = backing == "2 MiB pages";
  return {"2 MiB pages", good,
          fmt::format("8 MiB asked for: {}; transparent_hugepage: {}", backing,
                      first_line("/sys/kernel/mm/transparent_hugepage/enabled")),
          good ? "" : "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"};
}

finding_line limit(const char* name, __rlimit_resource which, std::uint64_t wanted,
                   const char* unit, const char* remedy) {
  struct rlimit now {};
  getrlimit(which, &now);
  const bool good = now.rlim_cur == RLIM_INFINITY || now.rlim_cur >= wanted;
  const std::string value =
      now.rlim_cur == RLIM_INFINITY ? "unlimited" : fmt::format("{} {}", now.rlim_cur, unit);
  return {name, good, value, good ? "" : remedy};
}

finding_line disk(const std::string& directory) {
  auto parts = make_backends();
  const engine_config config =
      engine(model{}, make_backends()).resolved({.nvme = {{.directory = directory}}});
  const auto opened = parts->make_store(config, {.extents = 1_MiB, .spare = {}, .slices = 1}, {});
  if (!opened) {
    return {"disk", false, opened.error().message, "choose another folder with --nvme DIR"};
  }
  const std::string found = (*opened)->description();
  if (config.io == io_backend::inlined) {
    return {"disk", true, found, ""};
  }
  const bool good =
      found.find("io_uring") != std::string::npos && found.find("O_DIRECT") != std::string::npos;
  return {"disk", good, found,
          good ? "" : "sysctl kernel.io_uring_disabled=0, or a folder on ext4 or xfs"};
}

/// What an update does to the disk: as much read as written, and what that means a day.
finding_line wear_of_disk(const std::string& directory) {
  const steady_clock time;
  const auto measured =
      nvme::measure_bandwidth({.folders = {{directory}}, .size = {}, .time = time}, {directory});
  if (!measured) {
    return {"disk wear", false, measured.error().message, "choose another folder with --nvme DIR"};
  }
  return {"disk wear", true,
          fmt::format("{:.1f} GB/s, half read and half written: a run that the disk binds writes "
                      "up to {:.0f} TB a day",
                      *measured / 1e9, disk_wear::of(*measured / 2, 1).terabytes_a_day()),
          ""};
}

finding_line gpu() {
  engine_config config;
  config.device = device_kind::cuda;
  auto parts = make_backends();
  const auto opened = parts->make_device(config, 1_MiB);
  return {"gpu", static_cast<bool>(opened),
          opened ? std::string((*opened)->name()) : opened.error().message,
          opened ? "" : "the host device stands in: --device host"};
}

finding_line mpi() {
  const auto made = comm::make_mpi_communicator();
  return {"mpi", static_cast<bool>(made), made ? "available" : made.error().message,
          made ? "" : "one rank works without it"};
}

}  // namespace

std::vector<finding_line> examine(const std::string& directory) {
  return {processor(),
          memory(),
          huge_pages(),
          limit("locked memory", RLIMIT_MEMLOCK, (64_MiB).value, "bytes", "ulimit -l unlimited"),
          limit("open files", RLIMIT_NOFILE, 256, "files", "ulimit -n 1024"),
          disk(directory),
          wear_of_disk(directory),
          gpu(),
          mpi()};
}

}  // namespace ballast::tools
