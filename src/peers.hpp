// The other ranks, as the engine's rooms speak with them: collectives that are numbered, counted and
// heard by the activity log.
//
// Owns the communicator. The caller's thread submits, in an order that depends on the sequence of
// the engine's calls only, never on timing: so it is the same on every rank.
#pragma once

#include <ballast/block_pool.hpp>
#include <ballast/communicator.hpp>
#include <ballast/config.hpp>
#include <ballast/report.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "activity_log.hpp"

namespace ballast {

class peers {
 public:
  peers(std::unique_ptr<communicator> ranks, reduction_kind sums, activity_log& log,
        const clock& time)
      : sums_(sums), log_(log), time_(time), ranks_(std::move(ranks)) {}

  std::string_view name() const { return ranks_->name(); }
  rank self() const { return ranks_->self(); }
  std::uint32_t size() const { return ranks_->size(); }
  bool alone() const { return size() == 1; }
  communicator& door() { return *ranks_; }

  // As the communicator's, which says what each promises.

  /// Summed as configured, whatever `what` says of it.
  ticket reduce_scatter(layer_id layer, const reduction& what);
  ticket all_gather(layer_id layer, const gathering& what);
  /// An all-gather that is waited for in the step after the one that begins it.
  ticket all_gather_ahead(layer_id layer, const gathering& what);
  /// A vote has no layer.
  result<bool> any(bool mine);
  void abort(std::string_view cause) { ranks_->abort(cause); }

  /// Every rank's bytes, which may differ in number, by rank.
  result<std::vector<std::string>> gather_text(std::string_view mine);

  /// The failure of any rank, on every rank: its own where it has one, else the first's, which it names.
  status agree(const status& mine);

  /// Received since the beginning by what is over, without what was gathered ahead.
  traffic received() const;
  /// What was gathered ahead since the last call.
  bytes take_ahead();
  /// How long collectives took, each from when it was asked for or the one before it was over: what it
  /// waited for of its own rank too.
  nanoseconds busy(hop which) const;

 private:
  struct under_way {
    peers* by;
    hop which;
    subject whose;
    time_point begun;
    bool ahead;
  };

  completion begin(hop which, layer_id layer, bool ahead = false);
  void over(under_way* which);
  collective_tag next(layer_id layer) { return {layer, sequence_++}; }

  const reduction_kind sums_;
  activity_log& log_;
  const clock& time_;
  std::uint64_t sequence_ = 0;
  block_pool pool_;
  mutable std::mutex mutex_;
  std::array<nanoseconds, hop_count> busy_{};  ///< guarded by mutex_
  traffic received_;                           ///< guarded by mutex_
  bytes ahead_;                                ///< guarded by mutex_
  rank_traffic counted_;                       ///< guarded by mutex_: the communicator's, by then
  time_point last_{};                          ///< guarded by mutex_: when one was over
  std::unique_ptr<communicator> ranks_;        ///< last: its thread uses the above
};

}  // namespace ballast
