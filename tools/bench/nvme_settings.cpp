#include "tools/bench/nvme_settings.hpp"

#include <algorithm>
#include <array>
#include <ballast/rounding.hpp>
#include <nvme/io_loop.hpp>
#include <nvme/segment.hpp>

#include "tools/bench/bench_store.hpp"
#include "tools/bench/sector_ledger.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

constexpr std::array all_mixes = {io_mix::read, io_mix::write, io_mix::mixed};
constexpr std::array all_orders = {block_order::sequential, block_order::random};
constexpr std::array all_backends = {io_backend::uring, io_backend::posix};
constexpr whole_limits depth_limits{1, 1024};

result<bytes> parse_block(const std::string& word) {
  auto size = parse_size(word);
  if (size && (size->value == 0 || size->value % sector_size.value != 0 ||
               *size >= nvme::request_ceiling)) {
    return failure{errc::invalid_argument, fmt::format("{} bytes is no multiple of {} below 1 GiB",
                                                       size->value, sector_size.value)};
  }
  return size;
}

/// Every block size with every depth.
result<std::vector<io_setting>> settings_of(const nvme_settings& settings) {
  const auto blocks = parse_each("block-sizes", settings.block_sizes, parse_block);
  const auto depths = parse_each("depths", settings.depths, [](const std::string& word) {
    return parse_whole(word, depth_limits);
  });
  if (!blocks) return blocks.error();
  if (!depths) return depths.error();
  std::vector<io_setting> made;
  for (const bytes block : *blocks) {
    for (const std::uint64_t depth : *depths) {
      made.push_back({block, static_cast<std::uint32_t>(depth)});
    }
  }
  return made;
}

/// Whether every folder can be used, and has room for the files of all arms at once.
status check_folders(const nvme_plan& plan, bool with_fio) {
  const bytes wanted = plan.each * (with_fio ? 3 : 2);
  for (const std::string& folder : plan.folders) {
    const auto opened = nvme::open_directory(folder);
    if (!opened) {
      return opened.error();
    }
    if (const status room = nvme::check_space(*opened, folder, wanted); !room) {
      return failure{room.error().code, room.error().message + "; give a smaller --size"};
    }
  }
  return {};
}

/// A file in each folder holds at least one of the largest blocks and one tile.
status check_size(const nvme_plan& plan, bytes asked) {
  bytes least = plan.tile;
  for (const io_setting& each : plan.settings) {
    least = std::max(least, each.block);
  }
  if (plan.each >= least) {
    return {};
  }
  return failure{errc::invalid_argument,
                 fmt::format("--size {} leaves {} in each of {} folders, less than a block or a "
                             "tile ({})",
                             size_text(asked), rounded_size(plan.each), plan.folders.size(),
                             rounded_size(least))};
}

}  // namespace

option_set nvme_options(nvme_settings& settings) {
  option_set options("ballast bench nvme",
                     "How far is the store from the disk's own speed, and how should it be asked?");
  options.list("nvme", settings.nvme, "DIR", "", "folders; files without a name are made there");
  options.size("size", settings.size, "what a pass moves, in all folders together");
  options.section("Rows: every combination of these lists");
  options.list("ops", settings.ops, "NAME", "", "read, write, mixed: half of each");
  options.list("orders", settings.orders, "NAME", "", "sequential, random");
  options.list("block-sizes", settings.block_sizes, "SIZE", "", "bytes of a request");
  options.list("depths", settings.depths, "N", "", "requests under way");
  options.list("backends", settings.backends, "NAME", "", "uring, posix");
  options.section("Tiles through the store, asked as was best");
  options.size("tile", settings.tile, "of a tile; made a multiple of 192 KiB, three arrays' slice");
  options.whole("tiles", settings.tiles, {1, 1024}, "tiles under way");
  options.section("Run");
  options.whole("rounds", settings.rounds, {1, 10000},
                "passes of every arm, in turn; what is printed are medians");
  options.flag("with-fio", settings.with_fio, "the installed fio does the same jobs, in turn");
  options.text("save", settings.save, "FILE",
               "writes the best setting there: a --config of ballast train");
  options.text("json", settings.json, "FILE", "one JSON document there; - is stdout");
  options.section("Test of the verification itself");
  options.flag("lose-write", settings.lose_write,
               "counts one write that never happens, which must be noticed: exit 4");
  return options;
}

result<nvme_plan> plan_of(const nvme_settings& settings) {
  nvme_plan plan;
  plan.folders = split_words(settings.nvme);
  plan.each = settings.size / plan.folders.size();
  plan.each = 1_MiB * (plan.each / 1_MiB);  // as they are written first
  plan.tile = round_up(std::max(settings.tile, bytes{1}), bench_store::slice_size);
  auto asked = settings_of(settings);
  auto mixes = pick("ops", settings.ops, all_mixes, [](io_mix each) { return to_string(each); });
  auto orders =
      pick("orders", settings.orders, all_orders, [](block_order each) { return to_string(each); });
  auto backends = pick("backends", settings.backends, all_backends,
                       [](io_backend each) { return to_string(each); });
  if (!asked) return asked.error();
  if (!mixes) return mixes.error();
  if (!orders) return orders.error();
  if (!backends) return backends.error();
  plan.settings = *std::move(asked);
  plan.mixes = *std::move(mixes);
  plan.orders = *std::move(orders);
  plan.backends = *std::move(backends);
  if (const status large = check_size(plan, settings.size); !large) return large.error();
  if (const status usable = check_folders(plan, settings.with_fio); !usable) return usable.error();
  return plan;
}

std::string_view to_string(io_backend backend) {
  switch (backend) {
    case io_backend::automatic: return "auto";
    case io_backend::uring: return "uring";
    case io_backend::posix: return "posix";
    case io_backend::inlined: return "inline";
  }
  return "?";
}

}  // namespace ballast::tools
