#include "gpu/completion_thread.hpp"

#include <pthread.h>

#include <algorithm>

namespace ballast::gpu {

void transfer_counters::add(bytes moved, time_point begin, time_point end) {
  const std::lock_guard held(mutex_);
  counters_.moved += moved;
  counters_.transfers += 1;
  counters_.busy += end - std::max(begin, counted_to_);
  counted_to_ = end;
}

link_counters transfer_counters::read() const {
  const std::lock_guard held(mutex_);
  return counters_;
}

std::optional<status> device_transfer::poll() const {
  if (!over_.load(std::memory_order_acquire)) {
    return std::nullopt;
  }
  return outcome_;
}

status device_transfer::wait() const {
  over_.wait(false, std::memory_order_acquire);
  return outcome_;
}

void device_transfer::finish(const status& outcome) {
  counters_->add(outcome ? size_ : bytes{0}, begin_, std::chrono::steady_clock::now());
  outcome_ = outcome;
  if (done_.call != nullptr) {
    done_.call(done_.context, outcome);
  }
  over_.store(true, std::memory_order_release);
  over_.notify_all();
}

completion_thread::completion_thread(event_pool& events, sticky_failure& failures)
    : events_(events), failures_(failures), thread_([this] { serve(); }) {}

completion_thread::~completion_thread() {
  {
    const std::lock_guard held(mutex_);
    ending_ = true;
  }
  work_.notify_one();
}

void completion_thread::hear(std::shared_ptr<device_transfer> enqueued) {
  {
    const std::lock_guard held(mutex_);
    device_transfer* const added = enqueued.get();
    (last_ == nullptr ? first_ : last_->next) = std::move(enqueued);
    last_ = added;
  }
  work_.notify_one();
}

void completion_thread::serve() {
  ::pthread_setname_np(::pthread_self(), "ballast-gpu");
  std::unique_lock held(mutex_);
  while (true) {
    work_.wait(held, [this] { return first_ != nullptr || ending_; });
    if (first_ == nullptr) {
      return;
    }
    const std::shared_ptr<device_transfer> oldest = std::move(first_);
    first_ = std::move(oldest->next);
    if (first_ == nullptr) {
      last_ = nullptr;
    }
    held.unlock();
    oldest->finish(failures_.note(outcome_of(*oldest)));
    held.lock();
  }
}

status completion_thread::outcome_of(device_transfer& oldest) {
  if (!*oldest.enqueued) {
    return oldest.enqueued->error();
  }
  event& moved = oldest.enqueued->value();
  const status outcome = moved.wait();
  events_.give(std::move(moved));
  return outcome;
}

}  // namespace ballast::gpu
