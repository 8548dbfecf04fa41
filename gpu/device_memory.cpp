#include "gpu/device_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>

namespace ballast::gpu {
namespace {

constexpr bytes allocation_unit{256};

std::uint64_t address_of(const std::byte* memory) {
  return reinterpret_cast<std::uint64_t>(memory);
}

std::byte* memory_at(std::uint64_t address) { return reinterpret_cast<std::byte*>(address); }

}  // namespace

device_memory::~device_memory() {
  for (const auto& [address, size] : pieces_) {
    calls_.free(memory_at(address));
  }
}

bytes device_memory::allocated() const {
  const std::lock_guard held(mutex_);
  return allocated_;
}

result<std::span<std::byte>> device_memory::allocate(bytes size) {
  const std::lock_guard held(mutex_);
  const bytes left = capacity_ - allocated_;
  // A size near the type's end must not round up past it.
  const bytes taken = size > left ? size : round_up(std::max(size, bytes{1}), allocation_unit);
  if (taken > left) {
    return failure{errc::exhausted,
                   fmt::format("the GPU's budget has no {} B: {} of its {} B are given out; raise "
                               "--device-memory",
                               size.value, allocated_.value, capacity_.value)};
  }
  const result<std::byte*> memory = calls_.allocate(taken);
  if (!memory) {
    return memory.error();
  }
  status cleared = calls_.fill_zero({*memory, taken.value}, setup_.view());
  if (cleared) {
    cleared = setup_.wait();
  }
  if (!cleared) {
    calls_.free(*memory);
    return cleared.error();
  }
  allocated_ += taken;
  pieces_.emplace(address_of(*memory), taken);
  return std::span(*memory, size.value);
}

void device_memory::release(std::span<std::byte> memory) {
  const std::lock_guard held(mutex_);
  const auto piece = pieces_.find(address_of(memory.data()));
  require(piece != pieces_.end(), "released memory is this device's, and is released once");
  calls_.free(memory.data());
  allocated_ -= piece->second;
  pieces_.erase(piece);
}

bool device_memory::holds(std::uint64_t address, std::size_t size) const {
  const std::lock_guard held(mutex_);
  const auto after = pieces_.upper_bound(address);
  if (after == pieces_.begin()) {
    return false;
  }
  const auto& [begin, length] = *std::prev(after);
  return size <= length.value && address - begin <= length.value - size;
}

}  // namespace ballast::gpu
