#include <fmt/format.h>

#include <algorithm>
#include <ballast/assert.hpp>
#include <cpu/copy_link.hpp>
#include <cpu/first_fit.hpp>
#include <cpu/host_device.hpp>
#include <cpu/huge_page_region.hpp>
#include <cpu/update_backend.hpp>
#include <cstring>
#include <mutex>

namespace ballast::cpu {
namespace {

constexpr bytes allocation_alignment{256};

class host_device final : public device {
 public:
  host_device(bytes capacity, std::unique_ptr<memory_region> arena,
              std::unique_ptr<update_backend> updates)
      : region_(std::move(arena)),
        arena_(region_->span().first(capacity.value)),
        updates_(std::move(updates)),
        places_(capacity, allocation_alignment) {}

  std::string_view name() const override { return "host device"; }
  bytes capacity() const override { return {arena_.size()}; }

  bytes allocated() const override {
    const std::lock_guard lock(mutex_);
    return places_.taken();
  }

  result<std::span<std::byte>> allocate(bytes size) override {
    const std::lock_guard lock(mutex_);
    const std::optional<arena_range> place = places_.take(size);
    if (!place) return refused(size);
    const std::span<std::byte> memory = arena_.subspan(place->begin.value, size.value);
    // Above used_ the arena is as the kernel gave it: zero.
    const bytes used_before = std::clamp(used_, place->begin, place->begin + size);
    std::ranges::fill(memory.first((used_before - place->begin).value), std::byte{0});
    used_ = std::max(used_, place->end());
    return memory;
  }

  void release(std::span<std::byte> memory) override {
    const std::lock_guard lock(mutex_);
    require(memory.data() >= arena_.data(), "released memory is this device's");
    places_.give({static_cast<std::uint64_t>(memory.data() - arena_.data())});
  }

  link& upload() override { return upload_; }
  link& download() override { return download_; }
  update_backend& updates() override { return *updates_; }
  bool host_addressable() const override { return true; }

  status order_after(stream_ref, const ticket& hop) override { return hop.wait(); }

  /// The stream is the calling thread: what it wrote precedes what it submits.
  status order_links_after(stream_ref) override { return {}; }

  status fill_zero(std::span<std::byte> memory, stream_ref) override {
    std::ranges::fill(memory, std::byte{0});
    return {};
  }

  status copy(std::span<std::byte> to, std::span<const std::byte> from, stream_ref) override {
    require(to.size() == from.size(), "a copy's target is as long as its source");
    if (!to.empty()) std::memmove(to.data(), from.data(), to.size());
    return {};
  }

 private:
  failure refused(bytes size) const {
    return {errc::exhausted,
            fmt::format("the host device has no {} B: {} of its {} B are given out and the largest "
                        "piece left is {} B; raise --device-memory",
                        size.value, places_.taken().value, capacity().value,
                        places_.largest_hole().value)};
  }

  std::unique_ptr<memory_region> region_;
  std::span<std::byte> arena_;
  std::unique_ptr<update_backend> updates_;
  mutable std::mutex mutex_;
  first_fit places_;  ///< guarded by mutex_
  bytes used_;        ///< guarded by mutex_: the end of all that was ever given out
  copy_thread copies_;
  copy_link upload_{copy_direction::upload, arena_, copies_};
  copy_link download_{copy_direction::download, arena_, copies_};
};

}  // namespace

result<std::unique_ptr<device>> make_host_device(bytes capacity, instruction_set isa) {
  auto arena = make_huge_page_region(capacity);
  if (!arena) return arena.error();
  return make_host_device(capacity, isa, *std::move(arena));
}

result<std::unique_ptr<device>> make_host_device(bytes capacity, instruction_set isa,
                                                 std::unique_ptr<memory_region> arena) {
  require(arena->span().size() >= capacity.value, "an arena holds the device's memory");
  auto updates = make_update_backend(isa);
  if (!updates) return updates.error();
  return std::unique_ptr<device>(
      std::make_unique<host_device>(capacity, std::move(arena), *std::move(updates)));
}

}  // namespace ballast::cpu
