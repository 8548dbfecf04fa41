#include "tools/bench/fio_arm.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/bench/child_program.hpp"

namespace ballast::tools {
namespace {

/// Has the C library's malloc ask for 2 MiB pages (glibc 2.35); what else there is needs pages that
/// were reserved by root.
const std::array<std::string, 1> huge_pages = {"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"};

std::string pattern_of(const block_job& job) {
  const std::string_view words[] = {"read", "write", "rw"};
  return fmt::format("{}{}", job.order == block_order::random ? "rand" : "",
                     words[static_cast<std::size_t>(job.mix)]);
}

/// A process's anonymous memory on 2 MiB pages; zero when the system does not say.
bytes huge_memory_of(pid_t process) {
  std::ifstream from(fmt::format("/proc/{}/smaps_rollup", process));
  std::string word;
  std::uint64_t kib = 0;
  while (from >> word) {
    if (word == "AnonHugePages:" && from >> kib) {
      break;
    }
  }
  return bytes{kib << 10};
}

/// What fio complained about, in one line.
std::string complaint(const std::string& output) {
  const std::size_t begin = output.find("fio: ");
  const std::string line = output.substr(begin == std::string::npos ? 0 : begin);
  return line.substr(0, line.find('\n'));
}

}  // namespace

result<std::string> fio_version() {
  const std::array<std::string, 2> words = {"fio", "--version"};
  const auto end = run_program(words);
  if (!end || end->code != 0) {
    return failure{errc::unsupported,
                   "--with-fio: there is no fio in PATH; install it (apt-get install fio) or leave "
                   "the option out"};
  }
  return end->output.substr(0, end->output.find('\n'));
}

std::vector<std::string> fio_arm::words() const {
  std::vector<std::string> names;
  for (const auto& file : files_.map().files) {
    // The files have no names of their own.
    names.push_back(fmt::format("/proc/{}/fd/{}", ::getpid(), file.descriptor));
  }
  const std::uint64_t each = files_.map().segment_size / job_.setting.block;
  std::vector<std::string> made = {
      "fio",
      "--name=job",
      "--ioengine=io_uring",
      "--output-format=json",
      "--overwrite=1",
      "--allow_file_create=0",
      "--fallocate=none",
      "--scramble_buffers=0",
      "--iomem_align=2m",
      "--file_service_type=roundrobin",
      fmt::format("--filename={}", fmt::join(names, ":")),
      fmt::format("--direct={}", files_.note().empty() ? 1 : 0),
      fmt::format("--rw={}", pattern_of(job_)),
      fmt::format("--size={}", each * job_.setting.block.value * names.size()),
      fmt::format("--bs={}", job_.setting.block.value),
      fmt::format("--iodepth={}", job_.setting.depth)};
  if (registers_) {
    made.insert(made.end(), {"--fixedbufs=1", "--registerfiles=1"});
  }
  return made;
}

std::string fio_arm::description() const {
  const bytes needed = job_.setting.block * job_.setting.depth;
  return fmt::format("io_uring, {} files, {} memory, {} pages", registers_ ? "registered" : "plain",
                     registers_ ? "registered" : "plain", huge_ >= needed ? "2 MiB" : "4 KiB");
}

result<io_sample> fio_arm::run(scrutiny how) {
  const auto look = [this](pid_t fio) { huge_ = std::max(huge_, huge_memory_of(fio)); };
  const bool first = how == scrutiny::all_bytes;
  auto end = run_program(words(), huge_pages, first ? look : std::function<void(pid_t)>());
  if (end && end->code != 0 && first && registers_) {
    registers_ = false;
    end = run_program(words(), huge_pages, look);
  }
  if (!end) {
    return end.error();
  }
  if (end->code != 0) {
    return failure{errc::io_failure, fmt::format("fio failed: {}", complaint(end->output))};
  }
  try {
    const std::size_t begin = end->output.find("\n{") + 1;
    const auto job = nlohmann::json::parse(end->output.substr(begin)).at("jobs").at(0);
    const auto moved = [&](const char* op) {
      return job.at(op).at("io_bytes").get<std::uint64_t>();
    };
    // It counts in milliseconds.
    const double wall = std::max(job.at("job_runtime").get<double>(), 1.0) * 1e-3;
    const double busy = job.at("usr_cpu").get<double>() + job.at("sys_cpu").get<double>();
    return io_sample{bytes{moved("read") + moved("write")}, wall, wall * busy / 100, 0};
  } catch (const nlohmann::json::exception& problem) {
    return failure{errc::io_failure,
                   fmt::format("fio's report is not understood: {}", problem.what())};
  }
}

}  // namespace ballast::tools
