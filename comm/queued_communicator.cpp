#include "comm/queued_communicator.hpp"

#include <immintrin.h>
#include <pthread.h>

#include <atomic>
#include <ballast/assert.hpp>
#include <exception>
#include <variant>

namespace ballast::comm {
namespace {

struct ballot {
  bool mine;
};

struct region_order {
  bytes size;
};

using work = std::variant<reduction, gathering, ballot, region_order>;

/// MXCSR after reset, Intel SDM volume 1, 10.2.3: no flush to zero, whatever the thread that made
/// this one has set.
constexpr unsigned default_floating_point = 0x1F80;

}  // namespace

/// One submitted collective, and what its ticket looks at.
class queued_call final : public transfer_state {
 public:
  queued_call(const work& what, collective_tag tag, completion done)
      : what_(what), tag_(tag), done_(done) {}

  std::optional<status> poll() const override {
    if (!over_.load(std::memory_order_acquire)) return std::nullopt;
    return outcome_;
  }
  status wait() const override {
    over_.wait(false, std::memory_order_acquire);
    return outcome_;
  }

  void run(collectives& ranks) {
    std::visit([&](const auto& what) { carry_out(ranks, what); }, what_);
  }
  /// Tells whoever waits for it.
  void finish() {
    if (done_.call != nullptr) done_.call(done_.context, outcome_);
    over_.store(true, std::memory_order_release);
    over_.notify_all();
  }

  // Once wait() has returned.
  bool vote() const { return vote_; }
  std::unique_ptr<memory_region> take_region() { return std::move(region_); }

  std::shared_ptr<queued_call> next;  ///< guarded by the queue's mutex

 private:
  void carry_out(collectives& ranks, const reduction& what) {
    if (has_arrived(ranks, what.after)) outcome_ = ranks.reduce_scatter(what, tag_);
  }
  void carry_out(collectives& ranks, const gathering& what) {
    if (has_arrived(ranks, what.after)) outcome_ = ranks.all_gather(what, tag_);
  }
  void carry_out(collectives& ranks, const ballot& what) {
    const auto found = ranks.any(what.mine, tag_);
    found ? void(vote_ = *found) : void(outcome_ = found.error());
  }
  void carry_out(collectives& ranks, const region_order& what) {
    auto made = ranks.make_region(what.size);
    made ? void(region_ = *std::move(made)) : void(outcome_ = made.error());
  }

  /// What this rank was to bring and cannot nobody can wait for.
  bool has_arrived(collectives& ranks, std::span<const ticket> hops) {
    outcome_ = wait_for_all(hops);
    if (!outcome_) ranks.abort(outcome_.error().message);
    return outcome_.has_value();
  }

  work what_;
  collective_tag tag_;
  completion done_;
  status outcome_;
  bool vote_ = false;
  std::unique_ptr<memory_region> region_;
  std::atomic<bool> over_{false};
};

queued_communicator::queued_communicator(std::unique_ptr<collectives> ranks)
    : ranks_(std::move(ranks)), thread_([this] { serve(); }) {}

queued_communicator::~queued_communicator() {
  bool unfinished = false;
  {
    const std::lock_guard lock(mutex_);
    unfinished = busy_ || first_ != nullptr;
    ending_ = true;
  }
  if (std::uncaught_exceptions() > 0) {
    ranks_->abort("an exception has ended it");
  } else if (unfinished) {
    ranks_->abort("left with collectives under way");
  }
  work_.notify_one();
}

template <class What>
std::shared_ptr<queued_call> queued_communicator::submit(const What& what, collective_tag tag,
                                                         completion done) {
  auto call =
      std::allocate_shared<queued_call>(block_allocator<queued_call>(pool_), work(what), tag, done);
  {
    const std::lock_guard lock(mutex_);
    (last_ == nullptr ? first_ : last_->next) = call;
    last_ = call.get();
  }
  work_.notify_one();
  return call;
}

result<std::unique_ptr<memory_region>> queued_communicator::make_region(bytes size) {
  const auto call = submit(region_order{size}, {}, {});
  if (const status made = call->wait(); !made) return made.error();
  return call->take_region();
}

ticket queued_communicator::reduce_scatter(const reduction& what, collective_tag tag,
                                           completion done) {
  require(what.shards.size() == size(), "a range a rank");
  const bytes width = size_of(what.type);
  require(what.shard.size() == what.shards[self().value].count.value * width.value,
          "a shard is as long as its range");
  require(what.whole.size() >= what.shards.back().end().value * width.value,
          "shards lie in the whole");
  return ticket(submit(what, tag, done));
}

ticket queued_communicator::all_gather(const gathering& what, collective_tag tag, completion done) {
  require(what.shards.size() == size(), "a range a rank");
  require(what.shard.size() == what.shards[self().value].count.value * what.element.value,
          "a shard is as long as its range");
  require(what.whole.size() >= what.shards.back().end().value * what.element.value,
          "shards lie in the whole");
  return ticket(submit(what, tag, done));
}

result<bool> queued_communicator::any(bool mine, collective_tag tag) {
  const auto call = submit(ballot{mine}, tag, {});
  if (const status voted = call->wait(); !voted) return voted.error();
  return call->vote();
}

void queued_communicator::serve() {
  ::pthread_setname_np(::pthread_self(), "ballast-ranks");
  _mm_setcsr(default_floating_point);
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return first_ != nullptr || ending_; });
    if (first_ == nullptr) return;
    const std::shared_ptr<queued_call> call = std::move(first_);
    first_ = std::move(call->next);
    if (first_ == nullptr) last_ = nullptr;
    busy_ = true;
    lock.unlock();
    call->run(*ranks_);
    lock.lock();
    busy_ = false;  // before anybody hears of it: who has heard may destroy this
    lock.unlock();
    call->finish();
    lock.lock();
  }
}

}  // namespace ballast::comm
