// A disk in memory behind the room's I/O seam, which does what a test tells it to do to the n-th
// request, and checks that the loop keeps the seam's promises.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nvme/io_queue.hpp>
#include <nvme/segment_map.hpp>
#include <vector>

namespace ballast::nvme::testing {

/// What happens to one request.
struct fault {
  enum class kind { none, error, shortened, nothing, held };
  kind what = kind::none;
  int error = 0;          ///< errno
  std::size_t moved = 0;  ///< bytes of a shortened one
};
inline fault error(int value) { return {fault::kind::error, value, 0}; }
inline fault shortened(std::size_t moved) { return {fault::kind::shortened, 0, moved}; }
inline fault nothing() { return {fault::kind::nothing, 0, 0}; }
inline fault held() { return {fault::kind::held, 0, 0}; }

/// The disk; outlives the queues on it.
class fake_disk {
 public:
  explicit fake_disk(segment_map shape, bool with_data = true) : map(std::move(shape)) {
    if (with_data) content.resize(map.size.value);
  }

  /// Holds back everything until release().
  void hold_all() {
    const std::lock_guard hold(mutex);
    holding = true;
  }
  void release() {
    const std::lock_guard hold(mutex);
    holding = false;
    released = true;
    changed.notify_all();
  }
  std::size_t seen() const {
    const std::lock_guard hold(mutex);
    return log.size();
  }
  std::vector<io_request> requests() const {
    const std::lock_guard hold(mutex);
    return log;
  }

  const segment_map map;
  std::vector<std::byte> content;
  std::map<std::size_t, fault> faults;  ///< by number of the request, from 0; set before use
  fault every = {};                     ///< of requests without one of their own

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<io_request> log;  // guarded by mutex
  bool holding = false;         // guarded by mutex
  bool released = false;        // guarded by mutex
};

class fake_queue final : public io_queue {
 public:
  fake_queue(fake_disk& disk, std::uint32_t depth) : disk_(disk), depth_(depth) {}
  ~fake_queue() override { EXPECT_TRUE(held_.empty() && done_.empty()) << "buffers given up"; }

  std::string description() const override { return "fake"; }

  void submit(std::span<const io_request> batch) override {
    const std::lock_guard hold(disk_.mutex);
    for (const auto& request : batch) {
      check(request);
      const auto planned = disk_.faults.find(disk_.log.size());
      const fault now = planned != disk_.faults.end() ? planned->second : disk_.every;
      disk_.log.push_back(request);
      if (disk_.holding || now.what == fault::kind::held) {
        held_.push_back(request);
      } else {
        done_.push_back({request.tag, perform(request, now)});
      }
    }
    EXPECT_LE(held_.size() + done_.size(), depth_);
  }

  std::size_t reap(std::span<io_completion> into, nanoseconds limit) override {
    std::unique_lock hold(disk_.mutex);
    disk_.changed.wait_for(hold, limit,
                           [this] { return woken_ || disk_.released || !done_.empty(); });
    woken_ = false;
    if (std::exchange(disk_.released, false)) {
      for (const auto& request : held_) done_.push_back({request.tag, perform(request, {})});
      held_.clear();
    }
    const std::size_t count = std::min(into.size(), done_.size());
    // The youngest first: nobody promised an order.
    for (std::size_t i = 0; i < count; ++i) {
      into[i] = done_.back();
      done_.pop_back();
    }
    return count;
  }

  void wake() override {
    const std::lock_guard hold(disk_.mutex);
    woken_ = true;
    disk_.changed.notify_all();
  }

 private:
  void check(const io_request& request) const {
    const auto& rules = disk_.map.alignment;
    EXPECT_LT(request.memory.size(), std::size_t{1} << 30);
    EXPECT_EQ(request.memory.empty(), request.op == io_op::sync);
    EXPECT_EQ(request.offset % rules.sector.value, 0u);
    EXPECT_EQ(request.memory.size() % rules.sector.value, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(request.memory.data()) % rules.memory.value, 0u);
    EXPECT_LE(request.offset + request.memory.size(), disk_.map.segment_size.value);
  }

  std::int64_t perform(const io_request& request, const fault& what) {
    std::size_t size = request.memory.size();
    switch (what.what) {
      case fault::kind::error: return -what.error;
      case fault::kind::nothing: return 0;
      case fault::kind::shortened: size = std::min(size, what.moved); break;
      default: break;
    }
    const std::size_t at = request.file * disk_.map.segment_size.value + request.offset;
    if (!disk_.content.empty()) {
      const auto stored = std::span(disk_.content).subspan(at, size);
      const auto memory = request.memory.first(size);
      if (request.op == io_op::read) std::copy(stored.begin(), stored.end(), memory.begin());
      if (request.op == io_op::write) std::copy(memory.begin(), memory.end(), stored.begin());
    }
    return static_cast<std::int64_t>(size);
  }

  fake_disk& disk_;
  std::size_t depth_;
  std::vector<io_request> held_;
  std::vector<io_completion> done_;
  bool woken_ = false;
};

inline queue_opener opener_of(fake_disk& disk) {
  return [&disk](const queue_setup& setup) -> result<std::unique_ptr<io_queue>> {
    return std::unique_ptr<io_queue>(std::make_unique<fake_queue>(disk, setup.depth));
  };
}

/// A map without files: `files` segments of `segment_size`, with direct I/O's rules.
inline segment_map fake_map(bytes segment_size, std::size_t files, io_alignment alignment) {
  segment_map map;
  for (std::size_t i = 0; i < files; ++i) map.files.push_back({-1, "fake-" + std::to_string(i)});
  map.segment_size = segment_size;
  map.size = segment_size * files;
  map.alignment = alignment;
  return map;
}

}  // namespace ballast::nvme::testing
