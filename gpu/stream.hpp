// The owner of a CUDA stream, and the events that order one stream after another. A stream is named
// by its role, and the name reaches the profiler. The view of a stream is ballast::stream_ref.
#pragma once

#include <ballast/result.hpp>
#include <ballast/stream.hpp>
#include <string_view>

struct CUstream_st;
struct CUevent_st;

namespace ballast::gpu {

/// What a stream is for.
enum class stream_role : unsigned char { compute, upload, download, collective };

std::string_view to_string(stream_role role);

/// One non-blocking stream; its end waits for the work that is on it.
///
/// Threads: any; the work of one stream is ordered, whoever enqueued it
class stream {
 public:
  static result<stream> make(stream_role role);

  stream(stream&& other) noexcept;
  stream& operator=(stream&& other) noexcept;
  ~stream();

  stream_role role() const { return role_; }
  stream_ref view() const { return {handle_}; }
  /// Blocks until what has been enqueued is done; reports what failed on the way.
  status wait() const;

 private:
  stream(stream_role role, CUstream_st* handle) : role_(role), handle_(handle) {}

  stream_role role_;
  CUstream_st* handle_;
};

/// A point in a stream's order that other streams and host threads can wait for.
class event {
 public:
  static result<event> make();

  event(event&& other) noexcept;
  event& operator=(event&& other) noexcept;
  ~event();

  status record(stream_ref after);
  /// Makes later work on `later` wait here; no host thread does.
  status order(stream_ref later) const;
  /// Blocks the calling thread, which sleeps.
  status wait() const;

 private:
  explicit event(CUevent_st* handle) : handle_(handle) {}

  CUevent_st* handle_;
};

inline CUstream_st* handle_of(stream_ref stream) {
  return static_cast<CUstream_st*>(stream.handle);
}

}  // namespace ballast::gpu
