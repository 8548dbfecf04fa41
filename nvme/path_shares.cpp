#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <cmath>
#include <numeric>
#include <nvme/nvme_path.hpp>
#include <nvme/path_shares.hpp>
#include <nvme/queue_choice.hpp>
#include <nvme/staging.hpp>
#include <nvme/store_files.hpp>

namespace ballast::nvme {

namespace {

constexpr bytes unit{4096};
constexpr bytes probe_piece{std::uint64_t{4} << 20};
constexpr std::uint32_t probe_depth = 4;
constexpr std::uint32_t probe_pieces = 12;  // 48 MiB written and read

/// Moves every piece of the probe once, `probe_depth` at a time.
status pass(nvme_path& path, io_op op, const staging& memory, link_meter& meter) {
  std::vector<ticket> under_way;
  status outcome;
  for (std::uint32_t i = 0; i < probe_pieces; ++i) {
    if (i >= probe_depth) {
      if (auto done = under_way[i - probe_depth].wait(); !done && outcome) outcome = done;
    }
    const auto buffer =
        memory.memory().subspan(probe_piece.value * (i % probe_depth), probe_piece.value);
    under_way.push_back(
        path.submit(op, {.address = {probe_piece.value * i}, .memory = buffer}, meter));
  }
  for (const auto& each : under_way) {
    if (auto done = each.wait(); !done && outcome) outcome = done;
  }
  return outcome;
}

}  // namespace

result<std::vector<bytes>> share_out(bytes size, bytes spare,
                                     const std::vector<store_folder>& folders,
                                     const std::vector<double>& bandwidths) {
  spare = folders.size() > 1 ? round_up(spare, unit) : bytes{};
  std::vector<bytes> shares(folders.size());
  std::vector<bool> full(folders.size());
  const auto room_of = [&](const store_folder& of) {
    const bytes most = of.most.value_or(bytes{~std::uint64_t{0} / 2});
    return most > spare ? (most - spare).value / unit.value : 0;
  };
  std::uint64_t left = round_up(size, unit).value / unit.value;
  // Whoever would get more than it may hold gets that; the rest is shared out again.
  for (bool again = true; again && left > 0;) {
    again = false;
    double open = 0;
    for (std::size_t i = 0; i < folders.size(); ++i) open += full[i] ? 0 : bandwidths[i];
    for (std::size_t i = 0; i < folders.size() && !again; ++i) {
      const std::uint64_t room = room_of(folders[i]);
      const auto wanted =
          static_cast<std::uint64_t>(static_cast<double>(left) * bandwidths[i] / open);
      if (!full[i] && wanted >= room) {
        shares[i] = unit * room;
        left -= std::min(left, room);
        full[i] = again = true;
      }
    }
  }
  const double open =
      std::inner_product(full.begin(), full.end(), bandwidths.begin(), 0.0, std::plus<>(),
                         [](bool is_full, double bandwidth) { return is_full ? 0 : bandwidth; });
  if (left > 0 && open == 0) {
    bytes most;
    for (const auto& each : folders) most += each.most.value_or(bytes{});
    return failure{errc::no_space,
                   fmt::format("{} bytes on NVMe are needed, and {} more in each of several "
                               "folders; {} may be used: raise a SIZE of --nvme DIR:SIZE",
                               size.value, spare.value, most.value)};
  }
  double before = 0;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    if (full[i]) continue;
    const auto until = [&](double sum) {
      return static_cast<std::uint64_t>(std::lround(static_cast<double>(left) * sum / open));
    };
    shares[i] = unit * (until(before + bandwidths[i]) - until(before));
    before += bandwidths[i];
  }
  for (std::size_t i = 0; i < folders.size(); ++i) {
    shares[i] += room_of(folders[i]) > 0 ? spare : bytes{};
  }
  return shares;
}

result<double> measure_bandwidth(const store_options& options, const std::string& directory) {
  store_options probe = options;
  probe.checkpoints.clear();
  probe.name.clear();
  auto over = make_files(probe, directory, probe_piece * probe_pieces, 0);
  if (!over) return over.error();
  auto memory = staging::make(probe_piece, probe_depth);
  if (!memory) return memory.error();
  auto path = nvme_path::start(
      {.time = options.time,
       .deadline = options.deadline,
       .on_note = options.on_note,
       .staging_count = 1,
       .arena = memory->memory()},
      options.open_queue ? options.open_queue : choose_queue(options.backend), *std::move(over), 0);
  if (!path) return path.error();
  link_meter meter(options.time);
  if (auto first = pass(**path, io_op::write, *memory, meter); !first) return first.error();
  const time_point begin = options.time.now();
  for (const io_op op : {io_op::write, io_op::read}) {
    if (auto moved = pass(**path, op, *memory, meter); !moved) return moved.error();
  }
  const std::chrono::duration<double> took = options.time.now() - begin;
  // A clock that stands still, or a disk that is faster than it can tell: all are alike.
  return static_cast<double>((probe_piece * probe_pieces * 2).value) / std::max(took.count(), 1e-6);
}

}  // namespace ballast::nvme
