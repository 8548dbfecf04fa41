#include <algorithm>

#include "tools/bench/sampling.hpp"
#include "tools/plan/rehearsals.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

constexpr bytes least_moved = 64_MiB;
constexpr bytes longest_piece = 64_MiB;
constexpr std::size_t rounds = 5;

}  // namespace

result<double> rehearse_link(backends& parts, const engine_config& engine, bytes whole_layer) {
  const bytes layer = std::min(whole_layer, longest_piece);
  const std::uint64_t pieces = std::max<std::uint64_t>(2, least_moved / layer);
  auto on = parts.make_device(engine, layer * 2);
  if (!on) {
    return on.error();
  }
  auto there = (*on)->allocate(layer * 2);
  if (!there) {
    return there.error();
  }
  auto here = parts.make_host_region(layer * pieces, {}, {});
  if (!here) {
    return here.error();
  }
  status outcome;
  const work works[] = {[&] {
    ticket last;
    for (std::uint64_t i = 0; i < pieces; ++i) {
      last = (*on)->upload().submit(
          {.address = address_of(there->subspan(layer.value * (i % 2), layer.value)),
           .memory = (*here)->span().subspan(layer.value * i, layer.value)});
    }
    // Transfers of one link arrive in their order.
    if (const status arrived = last.wait(); !arrived) {
      outcome = arrived;
    }
  }};
  const double seconds = median(interleave(works, rounds).front());
  if (!outcome) {
    return outcome.error();
  }
  return static_cast<double>((layer * pieces).value) / seconds;
}

}  // namespace ballast::tools
