#include <emmintrin.h>

#include <algorithm>
#include <ballast/assert.hpp>
#include <cstdint>
#include <cstring>
#include <nvme/streaming_copy.hpp>

namespace ballast::nvme {

namespace {

constexpr std::size_t line = 64;

void copy_line(const std::byte* from, std::byte* to) {
  __m128i part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i);
  for (int i = 0; i < 4; ++i) _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i, part[i]);
}

}  // namespace

void streaming_copy(std::span<const std::byte> from, std::span<std::byte> to) {
  require(from.size() == to.size(), "a copy has one size");
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(to.data()) % line;
  const std::size_t head = std::min(to.size(), misaligned == 0 ? 0 : line - misaligned);
  std::memcpy(to.data(), from.data(), head);
  std::size_t at = head;
  for (; at + line <= to.size(); at += line) copy_line(from.data() + at, to.data() + at);
  std::memcpy(to.data() + at, from.data() + at, to.size() - at);
  _mm_sfence();
}

}  // namespace ballast::nvme
