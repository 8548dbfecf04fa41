#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ballast/rounding.hpp>
#include <cerrno>
#include <cpu/available_memory.hpp>
#include <cpu/huge_page_region.hpp>
#include <cstring>
#include <fstream>
#include <limits>
#include <thread>
#include <vector>

namespace ballast::cpu {
namespace {

constexpr double mib = 1 << 20;

// Advice that Debian 12's C library has no names for; an older kernel answers EINVAL.
constexpr int populate_write = 23;  // MADV_POPULATE_WRITE, Linux 5.14
constexpr int collapse = 25;        // MADV_COLLAPSE, Linux 6.1

/// Address space without access; its borders keep the kernel from merging neighbours into one
/// mapping.
class reservation {
 public:
  explicit reservation(std::size_t size)
      : size_(size),
        base_(
            ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  ~reservation() {
    if (valid()) ::munmap(base_, size_);
  }
  reservation(reservation&& other) noexcept : size_(other.size_), base_(other.base_) {
    other.base_ = MAP_FAILED;
  }
  reservation& operator=(reservation&&) = delete;

  bool valid() const { return base_ != MAP_FAILED; }
  /// The first 2 MiB boundary that leaves an inaccessible page before it.
  std::byte* aligned() const {
    const auto first = reinterpret_cast<std::uintptr_t>(base_) + 1;
    const std::uintptr_t unit = huge_page.value;
    return reinterpret_cast<std::byte*>((first + unit - 1) / unit * unit);
  }

 private:
  std::size_t size_;
  void* base_;
};

/// Touches [begin, begin + size) for the first time. False with errno when the kernel refuses.
bool touch(std::byte* begin, std::size_t size) {
  if (::madvise(begin, size, populate_write) == 0) return true;
  if (errno != EINVAL) return false;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  for (std::size_t at = 0; at < size; at += page) {
    reinterpret_cast<volatile unsigned char*>(begin)[at] = 0;
  }
  return true;
}

/// One thread a core, pieces taken in turn.
void touch_on_all_cores(std::size_t count, const std::function<void(std::size_t)>& touch_piece) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) touch_piece(i);
  };
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < std::min(cores, count); ++i) threads.emplace_back(work);
  work();
}

/// Touches all pages, part by part. Zero, or the errno of a refusal.
int touch_parts(std::byte* begin, std::size_t size, std::span<const bytes> parts,
                const first_touch& by) {
  std::atomic<int> refused{0};
  // A part begins in the page in which the one before ends; whoever comes first owns that page.
  const auto touch_part = [&](std::size_t first, std::size_t last) {
    constexpr std::size_t piece = huge_page.value * 4;
    const std::size_t from = first / huge_page.value * huge_page.value;
    const std::size_t pieces = (last - from + piece - 1) / piece;
    by(pieces, [&](std::size_t i) {
      const std::size_t at = from + i * piece;
      if (refused == 0 && !touch(begin + at, std::min(piece, last - at))) refused = errno;
    });
  };
  std::size_t at = 0;
  for (const bytes part : parts) {
    const std::size_t end = std::min(size, at + part.value);
    if (end > at) touch_part(at, end);
    at = end;
  }
  if (at < size) touch_part(at, size);
  return refused;
}

/// Bytes of the mapping at `begin` that 2 MiB pages back. The borders make it one line of smaps.
std::size_t bytes_in_huge_pages(const std::byte* begin) {
  std::ifstream smaps("/proc/self/smaps");
  const std::string start = fmt::format("{:x}-", reinterpret_cast<std::uintptr_t>(begin));
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.starts_with(start)) inside = true;
    constexpr std::string_view key = "AnonHugePages:";
    if (inside && line.starts_with(key)) return std::stoull(line.substr(key.size())) << 10;
  }
  return 0;
}

std::string describe(std::size_t huge, std::size_t size) {
  if (huge >= size) return "2 MiB pages";
  if (huge == 0) return "4 KiB pages";
  return fmt::format("2 MiB pages for {:.0f} of {:.0f} MiB", static_cast<double>(huge) / mib,
                     static_cast<double>(size) / mib);
}

class huge_page_region final : public memory_region {
 public:
  huge_page_region(reservation mapping, std::span<std::byte> memory, std::string backing)
      : mapping_(std::move(mapping)), memory_(memory), backing_(std::move(backing)) {}

  std::span<std::byte> span() const override { return memory_; }
  std::string backing() const override { return backing_; }

 private:
  reservation mapping_;
  std::span<std::byte> memory_;
  std::string backing_;
};

failure exhausted(bytes size, const std::string& reason, int system = 0) {
  return {errc::exhausted,
          fmt::format("cannot hold {:.1f} MiB of memory: {}; give a smaller budget",
                      static_cast<double>(size.value) / mib, reason),
          system};
}

}  // namespace

result<std::unique_ptr<memory_region>> make_huge_page_region(bytes size,
                                                             std::span<const bytes> parts,
                                                             const first_touch& by) {
  // Asked first: past these limits touching would not fail, it would have some process killed.
  const available_memory available = find_available_memory();
  if (size > available.amount) {
    return exhausted(size, fmt::format("{} has {:.1f} MiB left", available.limited_by,
                                       static_cast<double>(available.amount.value) / mib));
  }
  const std::size_t mapped = round_up(std::max(size, bytes{1}), huge_page).value;
  reservation mapping(mapped + 2 * huge_page.value);
  if (!mapping.valid()) {
    return exhausted(
        size, fmt::format("no address space ({}; see ulimit -v)", std::strerror(errno)), errno);
  }
  std::byte* begin = mapping.aligned();
  if (::mprotect(begin, mapped, PROT_READ | PROT_WRITE) != 0) {
    return exhausted(size, fmt::format("the kernel refused it ({})", std::strerror(errno)), errno);
  }
  ::madvise(begin, mapped, MADV_HUGEPAGE);  // a refusal shows in the count below
  const first_touch touching = by ? by : touch_on_all_cores;
  if (const int refused = touch_parts(begin, mapped, parts, touching); refused != 0) {
    return exhausted(size, fmt::format("the kernel refused it ({})", std::strerror(refused)),
                     refused);
  }
  std::size_t huge = bytes_in_huge_pages(begin);
  if (huge < mapped) {
    ::madvise(begin, mapped, collapse);
    huge = bytes_in_huge_pages(begin);
  }
  return std::unique_ptr<memory_region>(std::make_unique<huge_page_region>(
      std::move(mapping), std::span(begin, size.value), describe(huge, mapped)));
}

}  // namespace ballast::cpu
