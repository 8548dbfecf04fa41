#include "peers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/shard.hpp>
#include <utility>

namespace ballast {

completion peers::begin(hop which, layer_id layer, bool ahead) {
  auto* const begun = new (pool_.take(sizeof(under_way)))
      under_way{this, which, subject::of(layer), log_.begin(activity::collective), ahead};
  return {[](void* context, const status&) {
            auto* over = static_cast<under_way*>(context);
            over->by->over(over);
          },
          begun};
}

/// On the communicator's thread. Collectives go one after the other, so each has been under way since
/// the one before it was over.
void peers::over(under_way* which) {
  const under_way ended = *which;
  pool_.give(which);
  log_.end(activity::collective, to_string(ended.which), ended.whose, ended.begun);
  const time_point now = time_.now();
  const std::lock_guard hold(mutex_);
  busy_[static_cast<std::size_t>(ended.which)] += now - std::max(ended.begun, last_);
  last_ = now;
  // Nothing else has come since the one before.
  const rank_traffic all = ranks_->received();
  received_[hop::reduce_scatter] = all.reduced;
  (ended.ahead ? ahead_ : received_[hop::all_gather]) += all.gathered - counted_.gathered;
  counted_ = all;
}

ticket peers::reduce_scatter(layer_id layer, const reduction& what) {
  reduction as_configured = what;
  as_configured.ordered = sums_ == reduction_kind::ordered;
  return ranks_->reduce_scatter(as_configured, next(layer), begin(hop::reduce_scatter, layer));
}

ticket peers::all_gather(layer_id layer, const gathering& what) {
  return ranks_->all_gather(what, next(layer), begin(hop::all_gather, layer));
}

ticket peers::all_gather_ahead(layer_id layer, const gathering& what) {
  return ranks_->all_gather(what, next(layer), begin(hop::all_gather, layer, true));
}

result<bool> peers::any(bool mine) {
  const active_span busy(log_, activity::collective, "any");
  return ranks_->any(mine, next({}));
}

result<std::vector<std::string>> peers::gather_text(std::string_view mine) {
  std::vector<std::uint64_t> lengths(size());
  std::vector<element_range> shards = one_of_each(size());
  const std::uint64_t length = mine.size();
  const auto gather = [&](std::span<const std::byte> shard, std::span<std::byte> whole,
                          bytes width) {
    return all_gather({}, {.shard = shard, .whole = whole, .shards = shards, .element = width})
        .wait();
  };
  if (auto told = gather(std::as_bytes(std::span(&length, 1)),
                         std::as_writable_bytes(std::span(lengths)), {sizeof(length)});
      !told) {
    return told.error();
  }
  elements end;
  for (std::uint32_t i = 0; i < size(); ++i) {
    shards[i] = {end, {lengths[i]}};
    end = shards[i].end();
  }
  std::string all(end.value, '\0');
  if (auto told =
          gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)), {1});
      !told) {
    return told.error();
  }
  std::vector<std::string> texts;
  for (const element_range& each : shards) {
    texts.push_back(all.substr(each.begin.value, each.count.value));
  }
  return texts;
}

status peers::agree(const status& mine) {
  if (alone()) {
    return mine;
  }
  const auto all = gather_text(
      mine ? std::string()
           : fmt::format("{} {}", static_cast<int>(mine.error().code), mine.error().message));
  if (!mine || !all) {
    return mine ? status(all.error()) : mine;
  }
  const auto failed = std::ranges::find_if(*all, [](const auto& each) { return !each.empty(); });
  if (failed == all->end()) {
    return {};
  }
  const std::size_t space = failed->find(' ');
  return failure{static_cast<errc>(std::stoi(failed->substr(0, space))),
                 fmt::format("rank {}: {}", failed - all->begin(), failed->substr(space + 1))};
}

traffic peers::received() const {
  const std::lock_guard hold(mutex_);
  return received_;
}

bytes peers::take_ahead() {
  const std::lock_guard hold(mutex_);
  return std::exchange(ahead_, {});
}

nanoseconds peers::busy(hop which) const {
  const std::lock_guard hold(mutex_);
  return busy_[static_cast<std::size_t>(which)];
}

}  // namespace ballast
