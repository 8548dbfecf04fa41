#include "comm/host_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "comm/ordered_sum.hpp"

namespace ballast::comm {
namespace {

using namespace literals;

/// What is read between two looks at whether a peer has failed: a fraction of a millisecond.
constexpr bytes slice = 1_MiB;

elements longest(shard_ranges shards) {
  elements most;
  for (const element_range& each : shards) most = std::max(most, each.count);
  return most;
}

template <class Byte>
std::span<Byte> part_of(std::span<Byte> whole, element_range part, bytes width) {
  return whole.subspan(part.begin.value * width.value, part.count.value * width.value);
}

void copy(std::byte* to, std::span<const std::byte> from) {
  if (!from.empty() && to != from.data()) std::memcpy(to, from.data(), from.size());
}

}  // namespace

host_ranks::host_ranks(std::string_view name, rank_board board, std::shared_ptr<peer_memory> memory)
    : name_(name), board_(std::move(board)), memory_(std::move(memory)), sources_(board_.size()) {}

host_ranks::~host_ranks() { board_.leave(); }

result<std::unique_ptr<memory_region>> host_ranks::make_region(bytes size) {
  // Nobody begins what the others may not come to.
  if (const status agreed = board_.agree(posted_call::of_region(regions_++)); !agreed) {
    return agreed.error();
  }
  return memory_->make_region(size);
}

template <class Stage, class Take>
status host_ranks::by_pieces(const posted_call& mine, shard_ranges shards, bytes width,
                             std::uint64_t shares, const Stage& stage, const Take& take) {
  status outcome = board_.agree(mine);
  bool all_known = true;
  for (std::uint32_t seat = 0; outcome && seat < size(); ++seat) {
    all_known = all_known && board_.call({seat}).memory.known();
  }
  const elements all = longest(shards);
  const elements step =
      all_known ? all : elements{memory_->stage(board_.self()).size() / shares / width.value};
  for (piece now{{0}, step}; outcome && now.at < all; now.at += step) {
    if (!mine.memory.known()) stage(now);
    if (!all_known) outcome = board_.meet();
    if (!outcome) break;
    take(now);
    outcome = board_.meet();
  }
  // Whoever is told of a failure may give its memory back.
  if (!outcome) board_.settle();
  return outcome;
}

const std::byte* host_ranks::find(rank seat, bytes known, bytes staged) const {
  const shared_address posted = board_.call(seat).memory;
  return posted.known() ? memory_->find(seat, posted) + known.value
                        : memory_->stage(seat).data() + staged.value;
}

template <class Read>
void host_ranks::read_in_slices(std::size_t size, const Read& read) const {
  const rank_board::reading reads(board_);
  for (std::size_t at = 0; at < size && reads.permitted(); at += slice.value) {
    read(at, std::min<std::size_t>(slice.value, size - at));
  }
}

status host_ranks::reduce_scatter(const reduction& what, collective_tag tag) {
  posted_call mine = posted_call::of(what, tag);
  mine.memory = memory_->publish(what.whole);
  const bytes width = size_of(what.type);
  const element_range own = what.shards[board_.self().value];
  // A stage has a share of the piece for every rank.
  const auto share = [&](piece now, std::uint64_t seat) { return width * now.most.value * seat; };
  const auto stage = [&](piece now) {
    std::byte* const to = memory_->stage(board_.self()).data();
    for (std::uint32_t seat = 0; seat < size(); ++seat) {
      copy(to + share(now, seat).value, part_of(what.whole, now.of(what.shards[seat]), width));
    }
  };
  const auto take = [&](piece now) {
    const element_range part = now.of(own);
    if (part.empty()) return;
    for (std::uint32_t seat = 0; seat < size(); ++seat) {
      sources_[seat] = find({seat}, width * part.begin.value, share(now, board_.self().value));
    }
    const auto target = part_of(what.shard, {part.begin - own.begin, part.count}, width);
    read_in_slices(target.size(), [&](std::size_t at, std::size_t count) {
      ordered_sum(target.subspan(at, count), sources_, what.type);
      for (const std::byte*& each : sources_) each += count;
    });
  };
  return by_pieces(mine, what.shards, width, size(), stage, take);
}

status host_ranks::all_gather(const gathering& what, collective_tag tag) {
  posted_call mine = posted_call::of(what, tag);
  mine.memory = memory_->publish(what.shard);
  const bytes width = what.element;
  const element_range own = what.shards[board_.self().value];
  const auto stage = [&](piece now) {
    const element_range part = now.of(own);
    copy(memory_->stage(board_.self()).data(),
         part_of(what.shard, {part.begin - own.begin, part.count}, width));
  };
  const auto take = [&](piece now) {
    // Everybody begins with another peer, and ends with itself.
    for (std::uint32_t turn = 1; turn <= size(); ++turn) {
      const std::uint32_t seat = (board_.self().value + turn) % size();
      const element_range shard = what.shards[seat];
      const element_range part = now.of(shard);
      if (part.empty()) continue;
      const auto target = part_of(what.whole, part, width);
      const std::byte* const from = seat == board_.self().value
                                        ? what.shard.data() + (width * now.at.value).value
                                        : find({seat}, width * now.at.value, {});
      read_in_slices(target.size(), [&](std::size_t at, std::size_t count) {
        copy(target.data() + at, {from + at, count});
      });
    }
  };
  return by_pieces(mine, what.shards, width, 1, stage, take);
}

result<bool> host_ranks::any(bool mine, collective_tag tag) {
  if (const status agreed = board_.agree(posted_call::of(mine, tag)); !agreed) {
    board_.settle();
    return agreed.error();
  }
  bool found = false;
  for (std::uint32_t seat = 0; seat < size(); ++seat) {
    found = found || board_.call({seat}).vote != 0;
  }
  return found;
}

void host_ranks::abort(std::string_view cause) {
  (void)board_.fail({errc::communicator_failure, fmt::format("rank {}: {}", self().value, cause)});
}

}  // namespace ballast::comm
