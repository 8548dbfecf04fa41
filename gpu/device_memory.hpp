// A device's memory under its cap: what is given out, and who may be addressed. One allocation here
// is one of CUDA's; the engine allocates when it is sealed and not afterwards.
//
// It owns what it gives out until release() or its own end. Bounded by its capacity.
#pragma once

#include <map>
#include <mutex>

#include "gpu/stream.hpp"

namespace ballast::gpu {

/// Threads: any
class device_memory {
 public:
  /// `setup` is where memory is cleared. Both outlive it.
  device_memory(runtime& calls, const stream& setup, bytes capacity)
      : calls_(calls), setup_(setup), capacity_(capacity) {}
  device_memory(const device_memory&) = delete;
  device_memory& operator=(const device_memory&) = delete;
  ~device_memory();

  bytes capacity() const { return capacity_; }
  bytes allocated() const;

  /// 256 B aligned and zero when it returns.
  ///
  /// Errors: exhausted past the cap, or when the GPU is full; device_failure
  result<std::span<std::byte>> allocate(bytes size);
  void release(std::span<std::byte> memory);

  /// True when the bytes are inside one piece that was given out.
  bool holds(std::uint64_t address, std::size_t size) const;

 private:
  runtime& calls_;
  const stream& setup_;
  bytes capacity_;
  mutable std::mutex mutex_;
  bytes allocated_;                        ///< guarded by mutex_
  std::map<std::uint64_t, bytes> pieces_;  ///< guarded by mutex_: sizes, by address
};

}  // namespace ballast::gpu
