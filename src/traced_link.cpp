#include "traced_link.hpp"

namespace ballast {

ticket traced_link::submit(const transfer& hop) {
  auto* const begun = new (pool_.take(sizeof(under_way)))
      under_way{this, hop.done, hop.whose, {hop.memory.size()}, log_.begin(what_)};
  transfer watched = hop;
  watched.done = {[](void* context, const status& outcome) {
                    auto* which = static_cast<under_way*>(context);
                    which->by->arrived(which, outcome);
                  },
                  begun};
  return watched_.submit(watched);
}

status traced_link::move(std::span<const tier_range> ranges, subject whose) {
  const time_point begun = log_.begin(what_);
  const status outcome = watched_.move(ranges, whose);
  bytes moved;
  for (const tier_range& each : ranges) {
    moved += bytes{outcome ? each.memory.size() : 0};
  }
  log_.end(what_, name(), whose, begun, moved);
  return outcome;
}

void traced_link::arrived(under_way* which, const status& outcome) {
  const under_way over = *which;
  pool_.give(which);
  log_.end(what_, name(), over.whose, over.begun, outcome ? over.size : bytes{});
  if (over.done.call != nullptr) {
    over.done.call(over.done.context, outcome);
  }
}

}  // namespace ballast
