#include "tools/bench/small_page_region.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ballast::tools {
namespace {

class small_page_region final : public memory_region {
 public:
  explicit small_page_region(std::span<std::byte> memory) : memory_(memory) {}
  small_page_region(const small_page_region&) = delete;
  small_page_region& operator=(const small_page_region&) = delete;
  ~small_page_region() override { ::munmap(memory_.data(), memory_.size()); }

  std::span<std::byte> span() const override { return memory_; }
  std::string backing() const override { return "4 KiB pages"; }

 private:
  std::span<std::byte> memory_;
};

}  // namespace

result<std::unique_ptr<memory_region>> make_small_page_region(bytes size) {
  void* const mapped =
      ::mmap(nullptr, size.value, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    return failure{errc::exhausted,
                   fmt::format("no {} bytes of memory: {}", size.value, std::strerror(errno)),
                   errno};
  }
  const std::span<std::byte> memory(static_cast<std::byte*>(mapped), size.value);
  ::madvise(mapped, size.value, MADV_NOHUGEPAGE);  // refused where there are no huge pages at all
  std::ranges::fill(memory, std::byte{0});
  return std::unique_ptr<memory_region>(std::make_unique<small_page_region>(memory));
}

}  // namespace ballast::tools
