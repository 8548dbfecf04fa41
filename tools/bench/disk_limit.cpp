#include "tools/bench/disk_limit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ballast/rounding.hpp>

#include "cpu/huge_page_region.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

constexpr std::array candidates = {io_setting{512_KiB, 16}, io_setting{1_MiB, 8},
                                   io_setting{1_MiB, 16},   io_setting{2_MiB, 4},
                                   io_setting{2_MiB, 8},    io_setting{4_MiB, 8}};
constexpr bytes largest_request = 4_MiB;
constexpr bytes largest_in_flight = 32_MiB;
constexpr std::size_t kept = 2;

}  // namespace

result<std::unique_ptr<disk_limit>> disk_limit::make(std::span<const std::string> folders,
                                                     bytes each) {
  auto files = bench_files::open(folders, round_up(each, largest_request * 2));
  auto region = cpu::make_huge_page_region(largest_in_flight);
  if (!files) return files.error();
  if (!region) return region.error();
  std::unique_ptr<disk_limit> made(new disk_limit(*std::move(files), *std::move(region)));
  status ready = made->write();
  ready = ready ? made->choose() : ready;
  if (!ready) {
    return ready.error();
  }
  return made;
}

std::string disk_limit::name(std::size_t variant) const {
  return fmt::format("{} x {}", size_text(settings_[variant].block), settings_[variant].depth);
}

/// The first writing of a file is another, slower thing than all others.
status disk_limit::write() {
  const block_job job{io_mix::write, block_order::sequential, {1_MiB, 4}};
  auto arm = saturation_arm::make(job, files_, region_->span());
  if (!arm) {
    return arm.error();
  }
  const auto written = (*arm)->run(scrutiny::some_marks);
  return written ? status() : written.error();
}

status disk_limit::choose() {
  std::vector<std::pair<double, io_setting>> seen;
  for (const io_setting& each : candidates) {
    auto arm = saturation_arm::make({io_mix::mixed, block_order::sequential, each}, files_,
                                    region_->span());
    const auto taken = arm ? (*arm)->run(scrutiny::some_marks) : result<io_sample>(arm.error());
    if (!taken) {
      return taken.error();
    }
    seen.emplace_back(taken->wall, each);
  }
  std::ranges::sort(seen, {}, [](const auto& each) { return each.first; });
  for (std::size_t i = 0; i < kept; ++i) {
    settings_.push_back(seen[i].second);
    auto arm = saturation_arm::make({io_mix::mixed, block_order::sequential, settings_.back()},
                                    files_, region_->span());
    if (!arm) {
      return arm.error();
    }
    arms_.push_back(*std::move(arm));
  }
  return {};
}

}  // namespace ballast::tools
