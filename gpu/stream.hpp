// The owner of a stream, and the events that order one stream after another. A stream is named by
// its role, and the name reaches the profiler. The view of a stream is ballast::stream_ref.
#pragma once

#include <utility>

#include "gpu/runtime.hpp"

struct CUstream_st;
struct CUevent_st;

namespace ballast::gpu {

/// One stream that waits for no other by itself; its end waits for the work that is on it. The
/// runtime outlives it.
///
/// Threads: any; the work of one stream is ordered, whoever enqueued it
class stream {
 public:
  static result<stream> make(runtime& calls, stream_role role);

  stream(stream&& other) noexcept
      : calls_(std::exchange(other.calls_, nullptr)), role_(other.role_), view_(other.view_) {}
  stream& operator=(stream&& other) noexcept {
    std::swap(calls_, other.calls_);
    std::swap(role_, other.role_);
    std::swap(view_, other.view_);
    return *this;
  }
  ~stream();

  stream_role role() const { return role_; }
  stream_ref view() const { return view_; }
  /// Blocks until what has been enqueued is done; reports what failed on the way.
  status wait() const { return calls_->wait(view_); }

 private:
  stream(runtime& calls, stream_role role, stream_ref view)
      : calls_(&calls), role_(role), view_(view) {}

  runtime* calls_;
  stream_role role_;
  stream_ref view_;
};

/// A point in a stream's order that other streams and host threads can wait for.
class event {
 public:
  static result<event> make(runtime& calls);

  event(event&& other) noexcept
      : calls_(std::exchange(other.calls_, nullptr)), view_(other.view_) {}
  event& operator=(event&& other) noexcept {
    std::swap(calls_, other.calls_);
    std::swap(view_, other.view_);
    return *this;
  }
  ~event();

  status record(stream_ref after) { return calls_->record(view_, after); }
  /// Makes later work on `later` wait here; no host thread does. The event may be recorded again at
  /// once.
  status order(stream_ref later) const { return calls_->order(later, view_); }
  /// Blocks the calling thread, which sleeps.
  status wait() const { return calls_->wait(view_); }

 private:
  event(runtime& calls, event_ref view) : calls_(&calls), view_(view) {}

  runtime* calls_;
  event_ref view_;
};

// What CUDA calls them.

inline CUstream_st* handle_of(stream_ref stream) {
  return static_cast<CUstream_st*>(stream.handle);
}
inline CUevent_st* handle_of(event_ref event) { return static_cast<CUevent_st*>(event.handle); }

}  // namespace ballast::gpu
