#include "comm/private_region.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <ballast/rounding.hpp>
#include <cerrno>
#include <cstring>

namespace ballast::comm {
namespace {

using namespace literals;

constexpr bytes huge_page = 2_MiB;

class private_region final : public memory_region {
 public:
  private_region(std::byte* mapped, bytes reserved, bytes size)
      : mapped_(mapped), reserved_(reserved), size_(size) {
    const auto address = reinterpret_cast<std::uint64_t>(mapped);
    begin_ = mapped + (round_up(bytes{address}, huge_page).value - address);
    (void)::madvise(begin_, size_.value, MADV_HUGEPAGE);  // 4 KiB pages are slower, not wrong
    std::memset(begin_, 0, size_.value);
  }
  ~private_region() override { ::munmap(mapped_, reserved_.value); }
  private_region(const private_region&) = delete;
  private_region& operator=(const private_region&) = delete;

  std::span<std::byte> span() const override { return {begin_, size_.value}; }
  std::string backing() const override { return "memory of this process"; }

 private:
  std::byte* mapped_;
  bytes reserved_;
  bytes size_;
  std::byte* begin_;
};

}  // namespace

result<std::unique_ptr<memory_region>> make_private_region(bytes size) {
  const bytes rounded = round_up(size, huge_page);
  const bytes reserved = rounded + huge_page;  // room to align
  void* const mapped = ::mmap(nullptr, reserved.value, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return failure{
        errc::exhausted,
        fmt::format("{} bytes of memory for collectives: {}", size.value, std::strerror(errno)),
        errno};
  }
  return std::unique_ptr<memory_region>(
      std::make_unique<private_region>(static_cast<std::byte*>(mapped), reserved, rounded));
}

}  // namespace ballast::comm
