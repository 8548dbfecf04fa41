#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <cerrno>
#include <nvme/errno_translator.hpp>
#include <nvme/staging.hpp>
#include <utility>

namespace ballast::nvme {

namespace {
constexpr bytes huge_page{std::uint64_t{2} << 20};
}

result<staging> staging::make(bytes buffer_size, std::uint32_t count) {
  // One page more than needed, so that the buffers can start on a huge page.
  const bytes size = round_up(buffer_size * count, huge_page) + huge_page;
  void* mapped =
      ::mmap(nullptr, size.value, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    return failure{
        errc::exhausted,
        fmt::format("no {} bytes of memory for staging buffers: {}", size.value, errno_name(errno)),
        errno};
  }
  return staging({static_cast<std::byte*>(mapped), size.value}, buffer_size, count);
}

staging::staging(std::span<std::byte> mapping, bytes buffer_size, std::uint32_t count)
    : mapping_(mapping), buffer_size_(buffer_size) {
  const bytes begin{reinterpret_cast<std::uintptr_t>(mapping.data())};
  const bytes skipped = round_up(begin, huge_page) - begin;
  memory_ = mapping.subspan(skipped.value, buffer_size.value * count);
  // Refused where huge pages are switched off: slower, not wrong.
  ::madvise(memory_.data(), round_up(bytes{memory_.size()}, huge_page).value, MADV_HUGEPAGE);
  std::fill(memory_.begin(), memory_.end(), std::byte{0});
  free_.reserve(count);
  for (std::uint32_t i = count; i-- > 0;) {
    free_.push_back(memory_.data() + i * buffer_size.value);
  }
}

staging::staging(staging&& other) noexcept
    : mapping_(std::exchange(other.mapping_, {})),
      memory_(std::exchange(other.memory_, {})),
      buffer_size_(other.buffer_size_),
      free_(std::move(other.free_)) {}

staging::~staging() {
  if (!mapping_.empty()) ::munmap(mapping_.data(), mapping_.size());
}

std::span<std::byte> staging::take() {
  require(!free_.empty(), "a staging buffer is taken when one is free");
  std::byte* const buffer = free_.back();
  free_.pop_back();
  return {buffer, buffer_size_.value};
}

void staging::give(std::span<std::byte> buffer) { free_.push_back(buffer.data()); }

}  // namespace ballast::nvme
