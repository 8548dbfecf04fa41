#include "caller_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>

namespace ballast {

caller_memory::caller_memory(place where, std::span<std::byte> whole)
    : where_(where), whole_(whole) {
  if (!whole.empty()) {
    free_.push_back({0, whole.size()});
  }
}

caller_memory::~caller_memory() {
  require(std::ranges::all_of(given_, [](const run& each) { return each.size == 0; }),
          "a memory_lease ends before its engine");
}

result<memory_lease> caller_memory::allocate(bytes size) {
  const std::size_t wanted = round_up(std::max(size, bytes{1}), alignment).value;
  const auto fits = [&](const run& each) { return each.size >= wanted; };
  const auto found = std::ranges::find_if(free_, fits);
  if (found == free_.end()) {
    std::size_t left = 0;
    for (const run& each : free_) {
      left += each.size;
    }
    return failure{
        errc::exhausted,
        fmt::format("{} memory: {} bytes asked for, {} of the {} reserved are free; reserve "
                    "more before seal()",
                    to_string(where_), size.value, left, whole_.size())};
  }
  const run taken{found->begin, wanted};
  found->begin += wanted;
  found->size -= wanted;
  if (found->size == 0) {
    free_.erase(found);
  }
  auto entry = std::ranges::find(given_, std::size_t{0}, &run::size);
  if (entry == given_.end()) {
    entry = given_.insert(entry, run{});
  }
  *entry = taken;
  const auto index = static_cast<std::uint32_t>(entry - given_.begin());
  return memory_lease({*this, index}, whole_.subspan(taken.begin, size.value));
}

void caller_memory::give_back(std::uint32_t index) {
  const run back = std::exchange(given_[index], run{});
  auto next = std::ranges::lower_bound(free_, back.begin, {}, &run::begin);
  if (next != free_.end() && back.begin + back.size == next->begin) {
    next->begin = back.begin;
    next->size += back.size;
  } else {
    next = free_.insert(next, back);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->begin + before->size == next->begin) {
      before->size += next->size;
      free_.erase(next);
    }
  }
}

}  // namespace ballast
