// Parts of an engine in plain memory, so that a whole training step runs
// without a device, a disk or a second rank. Their misbehaviour is scripted.
#pragma once

#include <algorithm>
#include <ballast/backends.hpp>
#include <ballast/rounding.hpp>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ballast::fakes {

class promised_state final : public transfer_state {
 public:
  std::optional<status> poll() const override {
    const std::lock_guard held(mutex_);
    return outcome_;
  }
  status wait() const override {
    std::unique_lock held(mutex_);
    arrived_.wait(held, [&] { return outcome_.has_value(); });
    return *outcome_;
  }
  void arrive(const status& outcome) {
    const std::lock_guard held(mutex_);
    outcome_ = outcome;
    arrived_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::optional<status> outcome_;
};

/// Moves in order on a thread of its own, a little after it was asked to, so that every buffer is
/// in flight for a while; the n-th transfer may be made to fail.
class late_link final : public link {
 public:
  using move = std::function<void(const transfer&)>;
  late_link(std::string name, move how)
      : name_(std::move(name)),
        how_(std::move(how)),
        mover_([this](std::stop_token stop) { run(stop); }) {}
  ~late_link() override {
    mover_.request_stop();
    mover_.join();
  }

  std::string_view name() const override { return name_; }
  ticket submit(const transfer& hop) override {
    auto state = std::make_shared<promised_state>();
    const std::lock_guard held(mutex_);
    queue_.push_back({hop, state});
    wanted_.notify_one();
    return ticket(std::move(state));
  }
  link_counters counters() const override {
    const std::lock_guard held(mutex_);
    return counters_;
  }
  /// Until all that was submitted has arrived.
  void wait_until_idle() {
    std::unique_lock held(mutex_);
    rests_.wait(held, [&] { return queue_.empty() && !moving_; });
  }
  /// Fails the n-th transfer from now on, n from 1.
  void fail_in(std::uint64_t n) {
    const std::lock_guard held(mutex_);
    fail_at_ = counters_.transfers + queue_.size() + n;
  }

 private:
  struct job {
    transfer hop;
    std::shared_ptr<promised_state> state;
  };

  void run(const std::stop_token& stop) {
    std::unique_lock held(mutex_);
    while (wanted_.wait(held, stop, [&] { return !queue_.empty(); })) {
      const job next = queue_.front();
      moving_ = true;
      held.unlock();
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      held.lock();
      status outcome;
      if (++counters_.transfers == fail_at_) {
        outcome = failure{errc::io_failure, name_ + " was made to fail"};
      } else {
        how_(next.hop);
        counters_.moved += bytes{next.hop.memory.size()};
      }
      queue_.pop_front();
      held.unlock();
      if (next.hop.done.call != nullptr) {
        next.hop.done.call(next.hop.done.context, outcome);
      }
      next.state->arrive(outcome);
      held.lock();
      moving_ = false;
      rests_.notify_all();
    }
  }

  std::string name_;
  move how_;
  mutable std::mutex mutex_;
  std::condition_variable_any wanted_, rests_;
  bool moving_ = false;
  std::deque<job> queue_;
  link_counters counters_;
  std::uint64_t fail_at_ = 0;
  std::jthread mover_;
};

class vector_region final : public memory_region {
 public:
  explicit vector_region(bytes size) : memory_(size.value / sizeof(line) + 1) {}
  std::span<std::byte> span() const override {
    return {reinterpret_cast<std::byte*>(memory_.data()), memory_.size() * sizeof(line)};
  }
  std::string backing() const override { return "a vector"; }

 private:
  struct alignas(64) line {
    std::byte bytes[64] = {};
  };
  mutable std::vector<line> memory_;
};

/// Plain memory under a cap; its links are real copies.
class plain_device final : public device {
 public:
  plain_device(bytes capacity, std::unique_ptr<update_backend> updates)
      : capacity_(capacity),
        updates_(std::move(updates)),
        upload_("upload",
                [](const transfer& hop) {
                  std::memcpy(reinterpret_cast<void*>(hop.address.value), hop.memory.data(),
                              hop.memory.size());
                }),
        download_("download", [](const transfer& hop) {
          std::memcpy(hop.memory.data(), reinterpret_cast<const void*>(hop.address.value),
                      hop.memory.size());
        }) {}

  std::string_view name() const override { return "plain memory"; }
  bytes capacity() const override { return capacity_; }
  bytes allocated() const override { return allocated_; }
  result<std::span<std::byte>> allocate(bytes size) override {
    if (allocated_ + round_up(size, bytes{256}) > capacity_) {
      return failure{errc::exhausted, "the plain device is full"};
    }
    allocated_ += round_up(size, bytes{256});
    regions_.push_back(std::make_unique<vector_region>(size));
    return regions_.back()->span().first(size.value);
  }
  void release(std::span<std::byte>) override {}
  link& upload() override { return upload_; }
  link& download() override { return download_; }
  update_backend& updates() override { return *updates_; }
  bool host_addressable() const override { return true; }
  status order_after(stream_ref, const ticket& hop) override { return hop.wait(); }
  status order_links_after(stream_ref) override { return {}; }
  status fill_zero(std::span<std::byte> memory, stream_ref) override {
    return std::ranges::fill(memory, std::byte{0}), status{};
  }
  status copy(std::span<std::byte> to, std::span<const std::byte> from, stream_ref) override {
    return std::ranges::copy(from, to.begin()), status{};
  }

  late_link& fake_upload() { return upload_; }
  late_link& fake_download() { return download_; }

 private:
  bytes capacity_;
  bytes allocated_;
  std::unique_ptr<update_backend> updates_;
  std::vector<std::unique_ptr<vector_region>> regions_;
  late_link upload_;
  late_link download_;
};

/// A store in memory; its digest is seeded with the extent's address and the slice. An extent that is
/// given back twice is a contract failure.
class plain_store final : public store {
 public:
  explicit plain_store(bytes size)
      : size_(size),
        disk_(size * 2),
        read_("read",
              [this](const transfer& hop) {
                std::memcpy(hop.memory.data(), disk_.span().data() + hop.address.value,
                            hop.memory.size());
              }),
        write_("write", [this](const transfer& hop) {
          std::memcpy(disk_.span().data() + hop.address.value, hop.memory.data(),
                      hop.memory.size());
        }) {
    digests_.reserve(1u << 16);  // they stay where they are while workers stamp
  }

  std::string description() const override { return "plain memory"; }
  bytes alignment() const override { return {4096}; }
  result<extent> allocate(bytes size, std::uint32_t slices) override {
    if (const auto again = free_.find({size, slices}); again != free_.end()) {
      held_.insert(again->second.address);
      return free_.extract(again).mapped();
    }
    if (used_ + size > size_) {
      return failure{errc::no_space, "the plain store is full"};
    }
    const extent given{{used_.value}, size, static_cast<std::uint32_t>(digests_.size()), slices};
    used_ += size;
    held_.insert(given.address);
    digests_.resize(digests_.size() + slices);
    return given;
  }
  void release(const extent& where) override {
    take_back(where);
    free_.insert({{where.size, where.slices}, where});
  }
  /// What is taken back lies in a folder that gets no further extents.
  bool avoid(const extent& where, const failure&) override {
    if (others_left) {
      take_back(where);
    }
    return others_left;
  }
  bool others_left = false;  ///< pretends to have several folders
  /// Up to twice its size.
  void give_room(bytes more) { size_ += more; }
  status sync() override { return {}; }
  std::vector<ballast::digest> digests(const extent& where) const override {
    std::vector<ballast::digest> kept;
    for (std::uint32_t i = 0; i < where.slices; ++i) {
      kept.push_back({digests_[where.first_slice + i], 1});
    }
    return kept;
  }
  result<extent> adopt(tier_address address, bytes size,
                       std::span<const ballast::digest> kept) override {
    const extent adopted{address, size, static_cast<std::uint32_t>(digests_.size()),
                         static_cast<std::uint32_t>(kept.size())};
    for (const auto& each : kept) {
      digests_.push_back(each.low);
    }
    return adopted;
  }
  store_record record() override { return {}; }
  link& read() override { return read_; }
  link& write() override { return write_; }
  void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) override {
    digests_[where.first_slice + index] = digest(where, index, pieces);
  }
  status check(const extent& where, std::uint32_t index,
               const slice_pieces& pieces) const override {
    if (digests_[where.first_slice + index] != digest(where, index, pieces)) {
      return failure{errc::corrupted, "a slice of the plain store differs"};
    }
    return {};
  }

  std::span<std::byte> disk() { return disk_.span(); }
  late_link& fake_read() { return read_; }
  late_link& fake_write() { return write_; }

 private:
  void take_back(const extent& where) {
    require(held_.erase(where.address) == 1, "an extent is given back once");
  }
  static std::uint64_t digest(const extent& where, std::uint32_t index,
                              const slice_pieces& pieces) {
    std::uint64_t hash = 1469598103934665603ULL;
    for (const std::uint64_t seed : {where.address.value, std::uint64_t{index}}) {
      hash = (hash ^ seed) * 1099511628211ULL;
    }
    for (const auto& piece : pieces) {
      for (const std::byte each : piece) {
        hash = (hash ^ static_cast<std::uint64_t>(each)) * 1099511628211ULL;
      }
    }
    return hash;
  }

  bytes size_;
  bytes used_;
  vector_region disk_;
  std::vector<std::uint64_t> digests_;
  std::multimap<std::pair<bytes, std::uint32_t>, extent> free_;
  std::set<tier_address> held_;
  late_link read_;
  late_link write_;
};

/// One rank that needs nobody.
class lone_rank final : public communicator {
 public:
  std::string_view name() const override { return "lone"; }
  rank self() const override { return {0}; }
  std::uint32_t size() const override { return 1; }
  std::uint32_t host_size() const override { return 1; }
  result<std::unique_ptr<memory_region>> make_region(bytes) override {
    return failure{errc::unsupported, "a lone rank has no peers"};
  }
  ticket reduce_scatter(const reduction&, collective_tag, completion) override { return {}; }
  ticket all_gather(const gathering&, collective_tag, completion) override { return {}; }
  result<bool> any(bool mine, collective_tag) override { return mine; }
  rank_traffic received() const override { return {}; }
  void abort(std::string_view) override {}
};

/// Plain gradient descent on fp32 weights, p -= step_size * g, one multiplication and one
/// subtraction: an optimizer simple enough to check by hand. Momentum counts the updates of each
/// element.
class descent final : public update_backend {
 public:
  static float rate(const adamw_scalars& scalars) {
    return scalars.step_size * static_cast<float>(scalars.momentum_gain);
  }
  std::string_view name() const override { return "descent"; }
  void update(const update_recipe& recipe, const state_view& view, std::uint32_t&,
              stream_ref) override {
    for (std::uint64_t i = 0; i < view.count.value; ++i) {
      float& p = at(view.weights, i);
      p -= rate(std::get<adamw_scalars>(recipe.scalars)) *
           *(reinterpret_cast<const float*>(view.gradient) + i);
      at(view.momentum, i) += 1.0F;
    }
  }
  void encode_gradient(std::span<const float> source, dtype, std::byte* target,
                       std::span<double> sums, std::uint32_t& findings, stream_ref) override {
    for (std::size_t block = 0; block < sums.size(); ++block) {
      sums[block] = 0;
      for (std::size_t i = block * block_elements.value;
           i < std::min<std::size_t>(source.size(), (block + 1) * block_elements.value); ++i) {
        sums[block] += double{source[i]} * double{source[i]};
        if (!std::isfinite(source[i])) {
          findings |= found_non_finite_gradient;
        }
      }
    }
    std::memmove(target, source.data(), source.size_bytes());
  }
  void accumulate(std::span<float> into, std::span<const float> from, stream_ref) override {
    for (std::size_t i = 0; i < into.size(); ++i) {
      into[i] += from[i];
    }
  }
  void encode_master(encoding, std::span<const float> master, const state_view& view,
                     std::uint32_t&) override {
    std::memcpy(view.weights, master.data(), master.size_bytes());
    for (std::uint64_t i = 0; view.momentum != nullptr && i < view.count.value; ++i) {
      at(view.momentum, i) = 0;
      at(view.variance, i) = 0;
    }
  }
  void decode_master(encoding, const state_view& view, std::span<float> master) const override {
    std::memcpy(master.data(), view.weights, master.size_bytes());
  }
  void encode_moment(encoding, state_part which, std::span<const float> values,
                     const state_view& view) override {
    std::memcpy(which == state_part::momentum ? view.momentum : view.variance, values.data(),
                values.size_bytes());
  }
  void decode_moment(encoding, state_part which, const state_view& view,
                     std::span<float> values) const override {
    std::memcpy(values.data(), which == state_part::momentum ? view.momentum : view.variance,
                values.size_bytes());
  }

 private:
  static float& at(std::byte* array, std::uint64_t i) {
    return *(reinterpret_cast<float*>(array) + i);
  }
};

}  // namespace ballast::fakes
