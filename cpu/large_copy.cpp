#include <emmintrin.h>

#include <ballast/assert.hpp>
#include <cpu/large_copy.hpp>
#include <cstdint>
#include <cstring>

namespace ballast::cpu {

void large_copy(std::span<std::byte> to, std::span<const std::byte> from) {
  require(to.size() == from.size(), "a copy's target is as long as its source");
  if (to.size() < streamed_from_bytes) {
    if (!to.empty()) std::memcpy(to.data(), from.data(), to.size());
    return;
  }
  constexpr std::size_t line = 64;
  const std::size_t head = (line - reinterpret_cast<std::uintptr_t>(to.data()) % line) % line;
  std::memcpy(to.data(), from.data(), head);
  std::size_t at = head;
  for (; at + line <= to.size(); at += line) {
    const auto* source = reinterpret_cast<const __m128i_u*>(from.data() + at);
    auto* target = reinterpret_cast<__m128i*>(to.data() + at);
    const __m128i first = _mm_loadu_si128(source);
    const __m128i second = _mm_loadu_si128(source + 1);
    const __m128i third = _mm_loadu_si128(source + 2);
    const __m128i fourth = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, first);
    _mm_stream_si128(target + 1, second);
    _mm_stream_si128(target + 2, third);
    _mm_stream_si128(target + 3, fourth);
  }
  std::memcpy(to.data() + at, from.data() + at, to.size() - at);
  _mm_sfence();  // streaming stores are not ordered by the release that tells of them
}

}  // namespace ballast::cpu
