#include <pthread.h>

#include <atomic>
#include <ballast/assert.hpp>
#include <cpu/copy_link.hpp>
#include <cpu/large_copy.hpp>

namespace ballast::cpu {

/// One queued copy and what its ticket looks at.
class copy_state final : public transfer_state {
 public:
  copy_state(std::span<std::byte> to, std::span<const std::byte> from, completion done,
             std::shared_ptr<copy_counters> counters)
      : to_(to), from_(from), done_(done), counters_(std::move(counters)) {}

  std::optional<status> poll() const override {
    if (!over_.load(std::memory_order_acquire)) return std::nullopt;
    return status{};
  }
  status wait() const override {
    over_.wait(false, std::memory_order_acquire);
    return {};
  }

  void run() {
    const auto begin = std::chrono::steady_clock::now();
    large_copy(to_, from_);
    const nanoseconds taken = std::chrono::steady_clock::now() - begin;
    {
      const std::lock_guard lock(counters_->mutex);
      counters_->moved.moved += bytes{to_.size()};
      counters_->moved.transfers += 1;
      counters_->moved.busy += taken;
    }
    if (done_.call != nullptr) done_.call(done_.context, status{});
    over_.store(true, std::memory_order_release);
    over_.notify_all();
  }

  std::shared_ptr<copy_state> next;  ///< guarded by the queue's mutex

 private:
  std::span<std::byte> to_;
  std::span<const std::byte> from_;
  completion done_;
  std::shared_ptr<copy_counters> counters_;
  std::atomic<bool> over_{false};
};

copy_thread::copy_thread() : thread_([this] { serve(); }) {}

copy_thread::~copy_thread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_.notify_one();
}

ticket copy_thread::submit(std::span<std::byte> to, std::span<const std::byte> from,
                           completion done, std::shared_ptr<copy_counters> counters) {
  require(to.size() == from.size(), "a copy's target is as long as its source");
  auto state = std::allocate_shared<copy_state>(block_allocator<copy_state>(pool_), to, from, done,
                                                std::move(counters));
  {
    const std::lock_guard lock(mutex_);
    copy_state* added = state.get();
    (last_ == nullptr ? first_ : last_->next) = state;
    last_ = added;
  }
  work_.notify_one();
  return ticket(std::move(state));
}

void copy_thread::serve() {
  ::pthread_setname_np(::pthread_self(), "ballast-copy");
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return first_ != nullptr || ending_; });
    if (first_ == nullptr) return;
    const std::shared_ptr<copy_state> state = std::move(first_);
    first_ = std::move(state->next);
    if (first_ == nullptr) last_ = nullptr;
    lock.unlock();
    state->run();
    lock.lock();
  }
}

ticket copy_link::submit(const transfer& hop) {
  const auto begin = reinterpret_cast<std::uint64_t>(device_memory_.data());
  const std::size_t size = hop.memory.size();
  require(hop.address.value >= begin && size <= device_memory_.size() &&
              hop.address.value - begin <= device_memory_.size() - size,
          "a transfer stays inside the device's memory");
  const std::span<std::byte> remote = device_memory_.subspan(hop.address.value - begin, size);
  return direction_ == copy_direction::upload
             ? server_.submit(remote, hop.memory, hop.done, counters_)
             : server_.submit(hop.memory, remote, hop.done, counters_);
}

link_counters copy_link::counters() const {
  const std::lock_guard lock(counters_->mutex);
  return counters_->moved;
}

}  // namespace ballast::cpu
