#include "comm/host_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "comm/ordered_sum.hpp"
#include "comm/shard_piece.hpp"

namespace ballast::comm {
namespace {

using namespace literals;

/// What is read between two looks at whether a peer has failed: a fraction of a millisecond.
constexpr bytes slice = 1_MiB;
/// A result of this size is gone from a core's own caches before it is used.
constexpr bytes cached = 4_MiB;

/// How to write so many bytes of which nothing is looked at soon.
stores stores_of(std::size_t size) {
  return size < cached.value ? stores::cached : stores::streamed;
}

}  // namespace

host_ranks::host_ranks(std::string_view name, rank_board board, std::shared_ptr<peer_memory> memory,
                       std::shared_ptr<far_ranks> far, std::unique_ptr<sum_library> library)
    : name_(name),
      board_(std::move(board)),
      memory_(std::move(memory)),
      far_(std::move(far)),
      library_(std::move(library)),
      sources_(size()),
      far_pieces_(memory_->stage(board_.self()).size()),
      sends_(far_count()),
      takes_(far_count()) {}

host_ranks::~host_ranks() { board_.leave(); }

result<std::unique_ptr<memory_region>> host_ranks::make_region(bytes size) {
  // Nobody begins what the others may not come to.
  if (const auto agreed = agree(posted_call::of_region(regions_++)); !agreed) {
    return agreed.error();
  }
  auto made = memory_->make_region(size);
  // The others may wait inside for this rank's part.
  if (!made) return board_.fail(made.error());
  return made;
}

result<std::span<const posted_call>> host_ranks::agree(const posted_call& mine) {
  if (const status agreed = board_.agree(mine); !agreed) return agreed.error();
  const auto calls = far_->tell(mine);
  if (!calls) return calls;
  for (std::size_t i = 0; i < calls->size(); ++i) {
    const posted_call& theirs = (*calls)[i];
    const rank peer = far_->ranks()[i];
    if (theirs.kind == collective_kind::end) return board_.fail(departure(peer, mine));
    if (!mine.agrees_with(theirs)) return board_.fail(disagreement(self(), mine, peer, theirs));
  }
  return calls;
}

template <class Stage, class Trade, class Take>
status host_ranks::by_pieces(const posted_call& mine, shard_ranges shards, bytes width,
                             std::uint64_t shares, const Stage& stage, const Trade& trade,
                             const Take& take) {
  const auto agreed = agree(mine);
  status outcome = agreed ? status() : agreed.error();
  bool all_known = true;
  for (std::uint32_t seat = 0; outcome && seat < board_.size(); ++seat) {
    all_known = all_known && board_.call({seat}).memory.known();
  }
  const elements all = longest(shards);
  // Pieces are the same on every host, whatever is known there.
  const bool at_once = all_known && far_count() == 0;
  const elements step =
      at_once ? all : elements{memory_->stage(board_.self()).size() / shares / width.value};
  for (shard_piece now{{0}, step}; outcome && now.at < all; now.at += step) {
    if (!mine.memory.known()) stage(now);
    trade(now);
    outcome = far_->exchange(sends_, takes_);
    if (outcome && !all_known) outcome = board_.meet();
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

status host_ranks::sum_by_library(const reduction& what, const posted_call& call) {
  const auto agreed = agree(call);
  const status outcome = agreed ? library_->reduce_scatter(what, call) : agreed.error();
  if (outcome) {
    reduced_ += what.shard.size() * (size() - 1);
  } else {
    board_.settle();
  }
  return outcome;
}

status host_ranks::reduce_scatter(const reduction& what, collective_tag tag) {
  posted_call mine = posted_call::of(what, tag);
  if (!what.ordered && library_ != nullptr) return sum_by_library(what, mine);
  mine.memory = memory_->publish(what.whole);
  const bytes width = size_of(what.type);
  const element_range own = what.shards[self().value];
  // A stage has room for a share of the piece for every rank, and so have the far ranks' pieces.
  const auto share = [&](shard_piece now, std::uint64_t seat) {
    return width * now.most.value * seat;
  };
  const auto stage = [&](shard_piece now) {
    std::byte* const to = memory_->stage(board_.self()).data();
    for (std::uint32_t seat = 0; seat < board_.size(); ++seat) {
      const element_range shard = what.shards[board_.number({seat}).value];
      const auto part = part_of(what.whole, now.of(shard), width);
      copy({to + share(now, seat).value, part.size()}, part.data());
    }
  };
  const auto trade = [&](shard_piece now) {
    const std::size_t mine_now = (width * now.of(own).count.value).value;
    for (std::uint32_t i = 0; i < far_count(); ++i) {
      sends_[i] = part_of(what.whole, now.of(what.shards[far_->ranks()[i].value]), width);
      takes_[i] = std::span(far_pieces_).subspan(share(now, i).value, mine_now);
    }
  };
  const auto take = [&](shard_piece now) {
    const element_range part = now.of(own);
    if (part.empty()) return;
    for (std::uint32_t seat = 0; seat < board_.size(); ++seat) {
      sources_[board_.number({seat}).value] =
          find({seat}, width * part.begin.value, share(now, board_.self().value));
    }
    for (std::uint32_t i = 0; i < far_count(); ++i) {
      sources_[far_->ranks()[i].value] = takes_[i].data();
    }
    const auto target = part_of(what.shard, {part.begin - own.begin, part.count}, width);
    read_in_slices(target.size(), [&](std::size_t at, std::size_t count) {
      ordered_sum(target.subspan(at, count), sources_, what.type, stores_of(what.shard.size()));
      for (const std::byte*& each : sources_) each += count;
    });
    reduced_ += target.size() * (size() - 1);
  };
  return by_pieces(mine, what.shards, width, size(), stage, trade, take);
}

status host_ranks::all_gather(const gathering& what, collective_tag tag) {
  posted_call mine = posted_call::of(what, tag);
  mine.memory = memory_->publish(what.shard);
  const bytes width = what.element;
  const element_range own = what.shards[self().value];
  const auto mine_of = [&](shard_piece now) {
    const element_range part = now.of(own);
    return part_of(what.shard, {part.begin - own.begin, part.count}, width);
  };
  const auto stage = [&](shard_piece now) {
    const auto part = mine_of(now);
    copy(memory_->stage(board_.self()).first(part.size()), part.data());
  };
  const auto trade = [&](shard_piece now) {
    for (std::uint32_t i = 0; i < far_count(); ++i) {
      sends_[i] = mine_of(now);
      takes_[i] = part_of(what.whole, now.of(what.shards[far_->ranks()[i].value]), width);
    }
  };
  const auto take = [&](shard_piece now) {
    // Everybody begins with another peer, and ends with itself.
    for (std::uint32_t turn = 1; turn <= board_.size(); ++turn) {
      const std::uint32_t seat = (board_.self().value + turn) % board_.size();
      const element_range part = now.of(what.shards[board_.number({seat}).value]);
      if (part.empty()) continue;
      const auto target = part_of(what.whole, part, width);
      const std::byte* const from = seat == board_.self().value
                                        ? mine_of(now).data()
                                        : find({seat}, width * now.at.value, {});
      read_in_slices(target.size(), [&](std::size_t at, std::size_t count) {
        copy(target.subspan(at, count), from + at, stores_of(what.whole.size()));
      });
      if (seat != board_.self().value) gathered_ += target.size();
    }
    for (const std::span<std::byte> far : takes_) gathered_ += far.size();
  };
  return by_pieces(mine, what.shards, width, 1, stage, trade, take);
}

result<bool> host_ranks::any(bool mine, collective_tag tag) {
  const auto far = agree(posted_call::of(mine, tag));
  if (!far) {
    board_.settle();
    return far.error();
  }
  const auto says_yes = [](const posted_call& each) { return each.vote != 0; };
  bool found = std::ranges::any_of(*far, says_yes);
  for (std::uint32_t seat = 0; seat < board_.size(); ++seat) {
    found = found || says_yes(board_.call({seat}));
  }
  return found;
}

rank_traffic host_ranks::received() const { return {{reduced_}, {gathered_}}; }

void host_ranks::abort(std::string_view cause) {
  (void)board_.fail({errc::communicator_failure, fmt::format("rank {}: {}", self().value, cause)});
}

}  // namespace ballast::comm
