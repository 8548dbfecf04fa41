// The seam between this room and CUDA: everything the room asks of it, as one interface without a
// CUDA header. cuda_runtime.hpp opens the real one; tests/gpu has one that records the order of the
// calls and does the work in plain memory, so that all else in the room is built and tested on
// every machine.
//
// A call that names a stream enqueues work there and returns; the work of one stream is done in the
// order of the calls, that of two streams in any, except as events order it.
//
// Threads: any
// Errors:  of the call itself, or of earlier work that CUDA reports with it: exhausted,
//          device_failure
#pragma once

#include <ballast/result.hpp>
#include <ballast/update.hpp>
#include <string>

namespace ballast::gpu {

/// What a stream is for.
enum class stream_role : unsigned char { setup, compute, upload, download, collective };

constexpr std::string_view to_string(stream_role role) {
  switch (role) {
    case stream_role::setup: return "setup";
    case stream_role::compute: return "compute";
    case stream_role::upload: return "upload";
    case stream_role::download: return "download";
    case stream_role::collective: return "collective";
  }
  return "?";
}

/// A view of an event; event (stream.hpp) is its owner.
struct event_ref {
  void* handle = nullptr;
};

/// The GPU behind the seam.
struct gpu_description {
  std::string name;  ///< "NVIDIA H200"
  int major = 0;     ///< compute capability
  int minor = 0;
  int driver = 0;  ///< newest CUDA version that the driver serves, 1000 major + 10 minor
  bytes memory;    ///< all of it
};

class runtime {
 public:
  virtual ~runtime() = default;

  virtual const gpu_description& gpu() const = 0;
  /// What is free of the GPU's memory now.
  virtual result<bytes> free_memory() = 0;

  /// Device memory, 256 B aligned, with any content; free() waits for all work that may use it.
  virtual result<std::byte*> allocate(bytes size) = 0;
  virtual void free(std::byte* memory) = 0;
  /// Host memory that links reach at full speed and that kernels can address.
  virtual result<std::byte*> allocate_pinned(bytes size) = 0;
  virtual void free_pinned(std::byte* memory) = 0;

  /// The role is the stream's name in a profiler. end_stream() waits for the stream's work.
  virtual result<stream_ref> make_stream(stream_role role) = 0;
  virtual void end_stream(stream_ref stream) = 0;
  /// Blocks until what has been enqueued is done.
  virtual status wait(stream_ref stream) = 0;

  /// The same of all streams.
  virtual status wait_for_all() = 0;

  virtual result<event_ref> make_event() = 0;
  virtual void end_event(event_ref event) = 0;
  /// The event happens when `stream` has done what is on it now.
  virtual status record(event_ref event, stream_ref stream) = 0;
  /// Later work on `stream` waits for the event as it was last recorded; recording it again
  /// afterwards changes nothing for this wait.
  virtual status order(stream_ref stream, event_ref event) = 0;
  /// Blocks the calling thread, which sleeps.
  virtual status wait(event_ref event) = 0;
  /// True when the event has happened. Never blocks.
  virtual result<bool> query(event_ref event) = 0;

  // Bytes. Device addresses and host addresses are told apart by the verb; sizes are equal.

  virtual status upload(std::span<std::byte> device, std::span<const std::byte> host,
                        stream_ref stream) = 0;
  virtual status download(std::span<std::byte> host, std::span<const std::byte> device,
                          stream_ref stream) = 0;
  virtual status copy(std::span<std::byte> to, std::span<const std::byte> from,
                      stream_ref stream) = 0;
  virtual status fill_zero(std::span<std::byte> device, stream_ref stream) = 0;

  // Kernels; shapes and memory as in kernels.hpp.

  virtual status update(const update_recipe& recipe, const state_view& view,
                        std::uint32_t* findings, stream_ref stream) = 0;
  virtual status encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                                 std::span<double> sums, std::uint32_t* findings,
                                 stream_ref stream) = 0;
  virtual status decode_gradient(const std::byte* source, dtype type, float scale,
                                 std::span<float> target, stream_ref stream) = 0;
  virtual status accumulate(std::span<float> into, std::span<const float> from,
                            stream_ref stream) = 0;
};

}  // namespace ballast::gpu
