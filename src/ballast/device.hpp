// The place where the caller computes: a GPU, or the host device that stands in for one.
//
// A device owns its memory under a hard cap, one upload and one download link, and the update
// backend for state that rests in it. The host device is a capped arena with its own copy thread:
// the same interface, the same limits, real copies. Every backend passes
// tests/conformance/device_conformance.hpp.
#pragma once

#include <ballast/link.hpp>
#include <ballast/stream.hpp>
#include <ballast/update.hpp>
#include <span>

namespace ballast {

class device {
 public:
  virtual ~device() = default;

  virtual std::string_view name() const = 0;
  /// The cap it was opened with, and what is given out of it.
  virtual bytes capacity() const = 0;
  virtual bytes allocated() const = 0;

  /// Memory on the device, 256 B aligned, zero-filled; it lives until release() or the device's
  /// end.
  ///
  /// Errors: exhausted past the cap, with the amounts; device_failure
  virtual result<std::span<std::byte>> allocate(bytes size) = 0;
  virtual void release(std::span<std::byte> memory) = 0;

  /// Host memory to device memory, and back. An address is the device pointer.
  virtual link& upload() = 0;
  virtual link& download() = 0;

  virtual update_backend& updates() = 0;

  /// True when the CPU may read and write this device's memory; then work on stream_ref{} runs in
  /// the calling thread and the engine may split it over its own threads.
  virtual bool host_addressable() const = 0;

  /// Makes later work on `stream` see what `hop` moved. On a GPU no host thread waits; the host
  /// device's stream is the calling thread, so that thread waits.
  virtual status order_after(stream_ref stream, const ticket& hop) = 0;

  /// Makes later transfers of either link see what earlier work on `stream` wrote.
  virtual status order_links_after(stream_ref stream) = 0;

  virtual status fill_zero(std::span<std::byte> memory, stream_ref stream) = 0;
  virtual status copy(std::span<std::byte> to, std::span<const std::byte> from,
                      stream_ref stream) = 0;
};

inline tier_address address_of(std::span<const std::byte> device_memory) {
  return {reinterpret_cast<std::uint64_t>(device_memory.data())};
}

}  // namespace ballast
