#include "tools/bench/copy_limit.hpp"

#include <algorithm>
#include <array>

#include "cpu/huge_page_region.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

/// They and what is copied lie in a core's second cache.
constexpr std::array blocks = {64_KiB, 256_KiB};
constexpr bytes largest_block = 256_KiB;

}  // namespace

result<std::unique_ptr<copy_limit>> copy_limit::make(std::span<const std::string> folders,
                                                     bytes each, std::uint32_t threads) {
  std::vector<nvme::segment> files;
  for (const std::string& folder : folders) {
    const auto directory = nvme::open_directory(folder);
    if (!directory) return directory.error();
    auto file = nvme::segment::make(*directory, folder, "", each, files.size(),
                                    nvme::segment_access::buffered);
    if (!file) return file.error();
    files.push_back(*std::move(file));
  }
  auto region = cpu::make_huge_page_region(largest_block * threads);
  if (!region) return region.error();
  std::unique_ptr<copy_limit> made(
      new copy_limit(std::move(files), *std::move(region), each, threads));
  std::vector<int> descriptors;
  for (const auto& file : made->map_.files) descriptors.push_back(file.descriptor);
  auto performer = nvme::open_posix_performer(descriptors);
  if (!performer) return performer.error();
  made->io_ =
      std::make_unique<nvme::positional_io>(made->map_, largest_block, *std::move(performer));
  // The first time pages are made.
  if (const status written = made->run(blocks.size() - 1); !written) return written.error();
  return made;
}

copy_limit::copy_limit(std::vector<nvme::segment> files, std::unique_ptr<memory_region> region,
                       bytes each, std::uint32_t threads)
    : files_(std::move(files)), region_(std::move(region)), team_(threads) {
  for (const nvme::segment& file : files_) {
    map_.files.push_back({file.descriptor(), file.name()});
  }
  map_.segment_size = each;
  map_.size = each * files_.size();
}

std::size_t copy_limit::variants() const { return blocks.size(); }

std::string copy_limit::name(std::size_t variant) const { return size_text(blocks[variant]); }

status copy_limit::run(std::size_t variant) {
  std::vector<status> outcomes(team_.threads());
  team_.run([&](std::uint32_t thread) { outcomes[thread] = copy(thread, blocks[variant]); });
  const auto failed = std::ranges::find_if(outcomes, [](const status& each) { return !each; });
  return failed == outcomes.end() ? status() : *failed;
}

/// A thread's share.
status copy_limit::copy(std::uint32_t thread, bytes block) {
  const auto memory = region_->span().subspan((largest_block * thread).value, block.value);
  const std::uint64_t end = map_.size.value * (thread + 1) / team_.threads();
  for (std::uint64_t at = map_.size.value * thread / team_.threads(); at < end; at += block.value) {
    const auto part = memory.first(std::min<std::uint64_t>(block.value, end - at));
    status moved = io_->move(nvme::io_op::read, at, part);
    moved = moved ? io_->move(nvme::io_op::write, at, part) : moved;
    if (!moved) return moved;
  }
  return {};
}

}  // namespace ballast::tools
