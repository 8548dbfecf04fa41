// Aligned memory that unaligned transfers pass through, in equal buffers, on 2 MiB pages where the
// kernel gives them (a disk is 2 to 3 times slower into memory of 4 KiB pages).
//
// Allocated once. Used by the loop's thread alone; an empty pool is a value, not an error.
#pragma once

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <span>
#include <vector>

namespace ballast::nvme {

class staging {
 public:
  /// Errors: exhausted when the system has no memory for it
  static result<staging> make(bytes buffer_size, std::uint32_t count);

  staging(staging&& other) noexcept;
  staging& operator=(staging&&) = delete;
  ~staging();

  std::span<std::byte> memory() const { return memory_; }
  bytes buffer_size() const { return buffer_size_; }
  std::size_t available() const { return free_.size(); }

  /// A free buffer; there must be one.
  std::span<std::byte> take();
  void give(std::span<std::byte> buffer);

 private:
  staging(std::span<std::byte> mapping, bytes buffer_size, std::uint32_t count);

  std::span<std::byte> mapping_;
  std::span<std::byte> memory_;
  bytes buffer_size_;
  std::vector<std::byte*> free_;
};

}  // namespace ballast::nvme
