#include "comm/posted_call.hpp"

#include <fmt/format.h>

#include <tuple>

namespace ballast::comm {
namespace {

/// FNV-1a over the ranges' words.
std::uint64_t digest(shard_ranges shards) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const element_range& each : shards) {
    for (const std::uint64_t word : {each.begin.value, each.count.value}) {
      sum = (sum ^ word) * 0x100000001b3u;
      sum ^= sum >> 32;
    }
  }
  return sum;
}

std::string_view name_of(collective_kind kind) {
  switch (kind) {
    case collective_kind::reduce_scatter: return "reduce_scatter";
    case collective_kind::library_reduce_scatter: return "reduce_scatter by the library";
    case collective_kind::all_gather: return "all_gather";
    case collective_kind::any: return "any";
    case collective_kind::make_region: return "make_region";
    case collective_kind::end: return "the end";
  }
  return "?";
}

}  // namespace

posted_call posted_call::of(const reduction& what, collective_tag tag) {
  const auto type = static_cast<std::uint32_t>(what.type);
  return {.kind = what.ordered ? collective_kind::reduce_scatter
                               : collective_kind::library_reduce_scatter,
          .width = static_cast<std::uint32_t>(size_of(what.type).value) | (type << 16),
          .layer = tag.layer.value,
          .sequence = tag.sequence,
          .shards = digest(what.shards)};
}

posted_call posted_call::of(const gathering& what, collective_tag tag) {
  return {.kind = collective_kind::all_gather,
          .width = static_cast<std::uint32_t>(what.element.value),
          .layer = tag.layer.value,
          .sequence = tag.sequence,
          .shards = digest(what.shards)};
}

posted_call posted_call::of(bool vote, collective_tag tag) {
  return {.kind = collective_kind::any,
          .layer = tag.layer.value,
          .sequence = tag.sequence,
          .vote = vote ? 1u : 0u};
}

posted_call posted_call::of_region(std::uint64_t number) {
  return {.kind = collective_kind::make_region, .sequence = number};
}

bool posted_call::agrees_with(const posted_call& other) const {
  const auto facts = [](const posted_call& each) {
    return std::tie(each.kind, each.width, each.layer, each.sequence, each.shards);
  };
  return facts(*this) == facts(other);
}

std::string posted_call::text() const {
  return fmt::format("{} of layer {}, sequence {}", name_of(kind), layer, sequence);
}

failure disagreement(rank one, const posted_call& ones, rank other, const posted_call& others) {
  return {errc::communicator_failure,
          fmt::format("ranks disagree: rank {} has come to {}, rank {} to {}", one.value,
                      ones.text(), other.value, others.text())};
}

failure departure(rank gone, const posted_call& mine) {
  return {errc::communicator_failure,
          fmt::format("rank {} has left before {}", gone.value, mine.text())};
}

}  // namespace ballast::comm
