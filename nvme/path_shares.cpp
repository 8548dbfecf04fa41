#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <cmath>
#include <numeric>
#include <nvme/nvme_path.hpp>
#include <nvme/path_shares.hpp>
#include <nvme/queue_choice.hpp>
#include <nvme/segment.hpp>
#include <nvme/staging.hpp>
#include <nvme/store_files.hpp>

namespace ballast::nvme {

namespace {

constexpr bytes unit{4096};
constexpr bytes longest_piece{std::uint64_t{4} << 20};
constexpr std::uint32_t deepest = 4;
constexpr bytes probed{std::uint64_t{48} << 20};  // written and read

/// Pieces that go through `memory`, as many of them under way as it holds.
struct probe {
  std::span<std::byte> memory;
  bytes piece;
  std::uint32_t depth;
  std::uint32_t pieces;

  /// `most`: bytes of the file; at least `unit`
  probe(std::span<std::byte> with, bytes most)
      : memory(with),
        piece(std::clamp(
            unit * (std::min<std::uint64_t>(with.size(), most.value) / deepest / unit.value), unit,
            longest_piece)),
        depth(
            static_cast<std::uint32_t>(std::min<std::size_t>(with.size() / piece.value, deepest))),
        pieces(static_cast<std::uint32_t>(most / piece)) {}
};

/// How large a file may be for measuring: it takes no more than the folder's SIZE, and leaves as much
/// free as it takes.
bytes file_for(const store_folder& of) {
  bytes most = std::min(probed, of.most.value_or(probed));
  if (const auto opened = open_directory(of.directory)) {
    if (const auto free = free_space(*opened)) most = std::min(most, *free / 2);
  }
  return unit * std::max<std::uint64_t>(most / unit, 1);
}

/// Moves every piece of the probe once.
status pass(nvme_path& path, io_op op, const probe& of, link_meter& meter) {
  std::vector<ticket> under_way;
  status outcome;
  for (std::uint32_t i = 0; i < of.pieces; ++i) {
    if (i >= of.depth) {
      if (auto done = under_way[i - of.depth].wait(); !done && outcome) outcome = done;
    }
    const auto buffer = of.memory.subspan(of.piece.value * (i % of.depth), of.piece.value);
    under_way.push_back(
        path.submit(op, {.address = {of.piece.value * i}, .memory = buffer}, meter));
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
    const std::string on_top = spare.value > 0 ? fmt::format(", and {} more in each of {} folders",
                                                             spare.value, folders.size())
                                               : "";
    return failure{errc::no_space, fmt::format("{} bytes on NVMe are needed{}; {} may be used: "
                                               "raise {} of --nvme DIR:SIZE",
                                               size.value, on_top, most.value,
                                               folders.size() > 1 ? "a SIZE" : "the SIZE")};
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

result<double> measure_bandwidth(const store_options& options, const store_folder& of_store) {
  store_options unnamed = options;
  unnamed.checkpoints.clear();
  unnamed.name.clear();
  // In the store's own memory where it has some: measuring takes none that no plan lists.
  const bool has_own = options.arena.size() >= unit.value;
  auto other = staging::make(longest_piece, has_own ? 0 : deepest);
  if (!other) return other.error();
  const probe of(has_own ? options.arena : other->memory(), file_for(of_store));
  auto over = make_files(unnamed, of_store.directory, of.piece * of.pieces, 0);
  if (!over) return over.error();
  auto path = nvme_path::start(
      {.time = options.time,
       .deadline = options.deadline,
       .on_note = options.on_note,
       .staging_count = 1,
       .arena = of.memory},
      options.open_queue ? options.open_queue : choose_queue(options.backend), *std::move(over), 0);
  if (!path) return path.error();
  link_meter meter(options.time);
  if (auto first = pass(**path, io_op::write, of, meter); !first) return first.error();
  const time_point begin = options.time.now();
  for (const io_op op : {io_op::write, io_op::read}) {
    if (auto moved = pass(**path, op, of, meter); !moved) return moved.error();
  }
  const std::chrono::duration<double> took = options.time.now() - begin;
  // A clock that stands still, or a disk that is faster than it can tell: all are alike.
  return static_cast<double>((of.piece * of.pieces * 2).value) / std::max(took.count(), 1e-6);
}

}  // namespace ballast::nvme
