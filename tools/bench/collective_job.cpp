#include "tools/bench/collective_job.hpp"

#include <algorithm>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/rounding.hpp>
#include <ballast/shard.hpp>
#include <cstring>

namespace ballast::tools {
namespace {

constexpr std::byte poison{0xA5};

/// Whole blocks for every rank; in bytes.
bytes rounded(bytes size, bytes width, std::uint32_t ranks) {
  return round_up(size, width * block_elements.value * ranks);
}

}  // namespace

std::string_view to_string(collective_operation which) {
  switch (which) {
    case collective_operation::all_reduce: return "all_reduce";
    case collective_operation::reduce_scatter: return "reduce_scatter";
    case collective_operation::library_sum: return "library_sum";
    case collective_operation::all_gather: return "all_gather";
  }
  return "?";
}

bytes collective_memory::needed(bytes largest, std::uint32_t ranks) {
  return rounded(largest, {4}, ranks) * 2;
}

result<collective_memory> collective_memory::make(communicator& ranks, bytes largest) {
  const bytes each = rounded(largest, {4}, ranks.size());
  auto whole = ranks.make_region(each);
  if (!whole) return whole.error();
  auto other = ranks.make_region(each);
  if (!other) return other.error();
  return collective_memory{*std::move(whole), *std::move(other)};
}

collective_job::collective_job(communicator& ranks, const collective_memory& memory,
                               collective_operation operation, bytes size, dtype type)
    : ranks_(ranks), operation_(operation), type_(type), width_(size_of(type)) {
  const bytes all = rounded(size, width_, ranks.size());
  const elements count{all / width_};
  for (std::uint32_t r = 0; r < ranks.size(); ++r) {
    shards_.push_back(shard_of(count, {r}, ranks.size()));
  }
  own_ = shards_[ranks.self().value];
  whole_ = memory.whole->span().first(all.value);
  other_ = memory.other->span().first(all.value);
  const bytes size_of_own = width_ * own_.count.value;
  shard_ = gathers() ? whole_.subspan((width_ * own_.begin.value).value, size_of_own.value)
                     : other_.first(size_of_own.value);
}

bytes collective_job::moved() const {
  bytes sum;
  if (sums()) {
    sum += traffic_of(summed_arrays(), own_.count);
  }
  if (gathers()) {
    sum += traffic_of(gathered_arrays(), own_.count * (ranks_.size() - 1));
  }
  return sum * ranks_.size();
}

/// Whole numbers whose sum over the ranks is exact in every type, bf16's 8 bits included.
std::int64_t collective_job::value(std::uint64_t of_rank, std::uint64_t at) const {
  const std::int64_t most = std::max<std::int64_t>(240 / ranks_.size(), 1);
  return static_cast<std::int64_t>((at * 7 + at / 997 + of_rank * 3) %
                                   static_cast<std::uint64_t>(2 * most + 1)) -
         most;
}

std::int64_t collective_job::sum(std::uint64_t at) const {
  std::int64_t made = 0;
  for (std::uint32_t r = 0; r < ranks_.size(); ++r) made += value(r, at);
  return made;
}

void collective_job::put(std::byte* to, std::int64_t value) const {
  const auto number = static_cast<float>(value);
  if (type_ == dtype::f32) {
    std::memcpy(to, &number, sizeof number);
    return;
  }
  const std::uint16_t half =
      type_ == dtype::bf16 ? arithmetic::round_to_bf16(number) : arithmetic::round_to_f16(number);
  std::memcpy(to, &half, sizeof half);
}

void collective_job::fill() {
  std::ranges::fill(other_, poison);
  std::ranges::fill(whole_, poison);
  const element_range brought = sums() ? element_range{{0}, shards_.back().end()} : own_;
  for (std::uint64_t at = brought.begin.value; at < brought.end().value; ++at) {
    put(whole_.data() + at * width_.value, value(ranks_.self().value, at));
  }
}

std::uint64_t collective_job::wrong() const {
  std::uint64_t found = 0;
  const auto check = [&](const std::byte* at, std::int64_t expected) {
    std::byte right[4];
    put(right, expected);
    found += std::memcmp(at, right, width_.value) == 0 ? 0 : 1;
  };
  if (!gathers()) {
    for (std::uint64_t i = 0; i < own_.count.value; ++i) {
      check(shard_.data() + i * width_.value, sum(own_.begin.value + i));
    }
    return found;
  }
  for (std::uint32_t r = 0; r < ranks_.size(); ++r) {
    for (std::uint64_t i = shards_[r].begin.value; i < shards_[r].end().value; ++i) {
      check(whole_.data() + i * width_.value,
            operation_ == collective_operation::all_reduce ? sum(i) : value(r, i));
    }
  }
  return found;
}

status collective_job::run(collective_tag tag) {
  switch (operation_) {
    case collective_operation::all_reduce:
      return ranks_.all_reduce(whole_, shards_, type_, tag).wait();
    case collective_operation::reduce_scatter:
      return ranks_.reduce_scatter({whole_, shard_, shards_, type_}, tag).wait();
    case collective_operation::library_sum:
      return ranks_.reduce_scatter({whole_, shard_, shards_, type_, false}, tag).wait();
    case collective_operation::all_gather:
      return ranks_.all_gather({shard_, whole_, shards_, width_}, tag).wait();
  }
  return {};
}

/// A shard of every rank is read and one written; where that is one of them, it is updated.
std::vector<worked_array> collective_job::summed_arrays() const {
  const bool in_place = operation_ == collective_operation::all_reduce;
  std::vector<worked_array> made;
  for (std::uint32_t r = 0; r < ranks_.size(); ++r) {
    const access how = in_place && r == ranks_.self().value ? access::update : access::read;
    made.push_back({whole_.data() + (width_ * shards_[r].begin.value).value, {width_, {}}, how});
  }
  if (!in_place) made.push_back({other_.data(), {width_, {}}, access::write});
  return made;
}

/// What the others have is read and written.
std::vector<worked_array> collective_job::gathered_arrays() const {
  return {{other_.data(), {width_, {}}, access::read},
          {whole_.data(), {width_, {}}, access::write}};
}

std::vector<traffic_variant> collective_job::limit_variants() const {
  std::vector<worked_array> all;
  if (sums()) all = summed_arrays();
  if (gathers()) {
    const auto gathered = gathered_arrays();
    all.insert(all.end(), gathered.begin(), gathered.end());
  }
  return traffic_variants(all);
}

void collective_job::move_bytes_only(const traffic_variant& how, elements most) const {
  if (sums()) {
    move_bytes(how, summed_arrays(), {{0}, std::min(own_.count, most)});
  }
  if (gathers()) {
    move_bytes(how, gathered_arrays(), {{0}, std::min(own_.count * (ranks_.size() - 1), most)});
  }
}

}  // namespace ballast::tools
