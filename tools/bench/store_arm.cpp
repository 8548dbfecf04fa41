#include "tools/bench/store_arm.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "tools/bench/cpu_clock.hpp"

namespace ballast::tools {
namespace {

/// One word of every slice, so that no two writings of a tile are the same bytes.
void touch(std::span<std::byte> tile, std::uint64_t word) {
  const std::size_t array = tile.size() / tile_arrays;
  for (std::size_t at = 0; at < array; at += digest_slice.value * sizeof(float)) {
    std::memcpy(tile.data() + at, &word, sizeof word);
  }
}

void fill_with_noise(std::span<std::byte> memory) {
  std::mt19937_64 noise(1);
  for (std::size_t at = 0; at + 8 <= memory.size(); at += 8) {
    const std::uint64_t word = noise();
    std::memcpy(memory.data() + at, &word, sizeof word);
  }
}

}  // namespace

store_arm::store_arm(std::string_view name, io_mix mix, block_order order, const bench_store& held,
                     std::span<std::byte> memory, std::uint32_t carriers)
    : name_(name), mix_(mix), held_(held) {
  for (const extent& tile : held.tiles()) {
    order_.push_back(&tile);
  }
  if (order == block_order::random) {
    std::ranges::shuffle(order_, std::mt19937_64(1));
  }
  // What is read and written counts twice.
  if (mix == io_mix::mixed) {
    order_.resize(std::max<std::size_t>(order_.size() / 2, 1));
  }
  const std::size_t size = held.tiles().front().size.value;
  for (std::uint32_t i = 0; i < carriers; ++i) {
    carriers_.push_back({this, memory.subspan(size * i, size)});
  }
  fill_with_noise(memory.first(size * carriers));
}

bytes store_arm::total() const {
  return order_.front()->size * order_.size() * (mix_ == io_mix::mixed ? 2 : 1);
}

void store_arm::begin(carrier& with) {
  if (!outcome_ || next_ == order_.size()) {
    return;
  }
  with.tile = order_[next_++];
  if (mix_ == io_mix::write) {
    write(with);
    return;
  }
  mark(with);
  submit(with, true);
}

/// So that bytes which were never read are not taken for those that should have been.
void store_arm::mark(carrier& with) {
  const double begin = thread_cpu_seconds();
  if (how_ == scrutiny::all_bytes) {
    std::memset(with.memory.data(), 0xA5, with.memory.size());
  }
  touch(with.memory, 0);
  check_seconds_ += thread_cpu_seconds() - begin;
}

void store_arm::write(carrier& with) {
  const double begin = thread_cpu_seconds();
  touch(with.memory, ++writings_);
  held_.stamp(*with.tile, with.memory);
  check_seconds_ += thread_cpu_seconds() - begin;
  submit(with, false);
}

void store_arm::submit(carrier& with, bool reading) {
  with.reading = reading;
  ++under_way_;
  const completion done{[](void* context, const status& outcome) {
                          carrier& back = *static_cast<carrier*>(context);
                          back.outcome = outcome;
                          back.arm->keep(back);
                        },
                        &with};
  link& through = reading ? held_.disk().read() : held_.disk().write();
  (void)through.submit({.address = with.tile->address,
                        .memory = with.memory,
                        .urgency = reading ? priority::demand : priority::write_back,
                        .done = done});
}

/// On the store's thread.
void store_arm::keep(carrier& arrived) {
  {
    const std::lock_guard hold(mutex_);
    arrived_.push_back(&arrived);
  }
  some_arrived_.notify_one();
}

store_arm::carrier& store_arm::wait() {
  std::unique_lock hold(mutex_);
  some_arrived_.wait(hold, [this] { return !arrived_.empty(); });
  carrier& first = *arrived_.front();
  arrived_.erase(arrived_.begin());
  return first;
}

/// What a tile that arrived needs next.
void store_arm::proceed(carrier& with) {
  if (with.outcome && with.reading) {
    const double begin = thread_cpu_seconds();
    with.outcome = held_.check(*with.tile, with.memory);
    check_seconds_ += thread_cpu_seconds() - begin;
  }
  if (!with.outcome) {
    outcome_ = with.outcome;
  } else if (with.reading && mix_ == io_mix::mixed) {
    write(with);
  } else {
    begin(with);
  }
}

result<io_sample> store_arm::run(scrutiny how) {
  how_ = how;
  next_ = 0;
  check_seconds_ = 0;
  outcome_ = {};
  const double cpu = process_cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  for (carrier& each : carriers_) {
    begin(each);
  }
  while (under_way_ > 0) {
    carrier& with = wait();
    --under_way_;
    proceed(with);
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  if (!outcome_) {
    return outcome_.error();
  }
  return io_sample{total(), wall.count(), process_cpu_seconds() - cpu, check_seconds_};
}

}  // namespace ballast::tools
