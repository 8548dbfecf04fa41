// The buffers of a relay, in host memory: each serves one request after the other, so memory and
// transfers under way are bounded by their number. Requests that find none free wait in order, those
// with demand before all others.
//
// Owned by a relay, whose completions are told which buffer they are of. Threads: any. Ends when every
// buffer rests.
#pragma once

#include <ballast/transfer.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace ballast {

template <class Relay, class Request>
class relay_buffers {
 public:
  struct buffer {
    Relay* owner = nullptr;
    std::span<std::byte> memory;
    Request serves;
  };

  relay_buffers(Relay& owner, std::span<const std::span<std::byte>> memory)
      : buffers_(memory.size()) {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      buffers_[i].owner = &owner;
      buffers_[i].memory = memory[i];
      idle_.push_back(&buffers_[i]);
    }
  }
  ~relay_buffers() { wait(); }

  /// Lines a request up. Returns the buffer that is to serve the first one now, if one was free.
  buffer* admit(Request which, priority urgency) {
    const std::lock_guard hold(mutex_);
    (urgency == priority::demand ? demanded_ : others_).push_back(std::move(which));
    if (idle_.empty()) {
      return nullptr;
    }
    buffer* const free = idle_.back();
    idle_.pop_back();
    take_next(*free);
    return free;
  }

  /// A buffer's request is over. True when it serves the next one, false when it rests.
  bool next(buffer& with) {
    const std::lock_guard hold(mutex_);
    if (take_next(with)) {
      return true;
    }
    idle_.push_back(&with);
    rests_.notify_all();
    return false;
  }

  /// Until every buffer rests.
  void wait() {
    std::unique_lock hold(mutex_);
    rests_.wait(hold, [&] { return idle_.size() == buffers_.size(); });
  }

 private:
  /// mutex_ is held.
  bool take_next(buffer& with) {
    std::deque<Request>& from = demanded_.empty() ? others_ : demanded_;
    if (from.empty()) {
      return false;
    }
    with.serves = std::move(from.front());
    from.pop_front();
    return true;
  }

  std::vector<buffer> buffers_;

  std::mutex mutex_;
  std::condition_variable rests_;
  std::deque<Request> demanded_, others_;  ///< guarded by mutex_
  std::vector<buffer*> idle_;              ///< guarded by mutex_
};

}  // namespace ballast
