// A GPU of plain memory behind the seam of the gpu room: it records every call in order, and does
// the work of a stream as late as it may: when a host thread waits for it, or when a stream that is
// waited for is ordered after it. So an order that is not stated by events is not kept, and shows
// as wrong data.
//
// hold() stops host threads that wait, so that a test can enqueue a whole step, and then
// run_last_first() does the work in the order that a missing event least expects.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "gpu/runtime.hpp"

namespace ballast::gpu {

/// Threads: any
class recording_runtime final : public runtime {
 public:
  /// `arithmetic` stands in for the kernels; it outlives the runtime.
  recording_runtime(update_backend& arithmetic, bytes memory);
  ~recording_runtime() override;

  // The test's side

  /// "upload upload", "update compute", ...: each call that enqueues or waits, and its stream.
  std::vector<std::string> log() const;
  /// The next call of that verb fails.
  void fail_next(std::string verb);
  void hold();
  void run_last_first();
  /// Lets waiting threads go on.
  void proceed();
  /// Pieces of device memory that are allocated now.
  std::size_t pieces() const;

  // The seam

  const gpu_description& gpu() const override { return gpu_; }
  result<bytes> free_memory() override;
  result<std::byte*> allocate(bytes size) override;
  void free(std::byte* memory) override;
  result<std::byte*> allocate_pinned(bytes size) override;
  void free_pinned(std::byte* memory) override;
  result<stream_ref> make_stream(stream_role role) override;
  void end_stream(stream_ref stream) override;
  status wait(stream_ref stream) override;
  status wait_for_all() override;
  result<event_ref> make_event() override;
  void end_event(event_ref event) override;
  status record(event_ref event, stream_ref stream) override;
  status order(stream_ref stream, event_ref event) override;
  status wait(event_ref event) override;
  result<bool> query(event_ref event) override;
  status upload(std::span<std::byte> device, std::span<const std::byte> host,
                stream_ref stream) override;
  status download(std::span<std::byte> host, std::span<const std::byte> device,
                  stream_ref stream) override;
  status copy(std::span<std::byte> to, std::span<const std::byte> from, stream_ref stream) override;
  status fill_zero(std::span<std::byte> device, stream_ref stream) override;
  status update(const update_recipe& recipe, const state_view& view, std::uint32_t* findings,
                stream_ref stream) override;
  status encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                         std::span<double> sums, std::uint32_t* findings,
                         stream_ref stream) override;
  status decode_gradient(const std::byte* source, dtype type, float scale, std::span<float> target,
                         stream_ref stream) override;
  status accumulate(std::span<float> into, std::span<const float> from, stream_ref stream) override;

 private:
  struct work_queue;
  /// A point in a queue's order.
  struct queue_point {
    work_queue* queue = nullptr;
    std::size_t after = 0;
  };
  struct work_item {
    std::function<void()> run;
    queue_point awaited = {};
  };
  struct work_queue {
    std::string name;
    std::deque<work_item> items;
    std::size_t done = 0;
    std::uint64_t touched = 0;  ///< when the last item came
  };

  work_queue& queue_of(stream_ref stream);
  status noted(const std::string& verb, const std::string& stream);
  status enqueue(const std::string& verb, stream_ref stream, std::function<void()> run);
  bool on_device(std::span<const std::byte> memory) const;
  std::unique_lock<std::mutex> lock_to_wait();
  static void run_until(const queue_point& point);
  void run_all();

  update_backend& arithmetic_;
  gpu_description gpu_;
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable proceeding_;
  bool held_ = false;
  std::uint64_t now_ = 0;
  std::vector<std::string> log_;
  std::string failing_;
  work_queue legacy_{.name = "legacy", .items = {}};
  std::vector<std::unique_ptr<work_queue>> queues_;
  std::vector<std::unique_ptr<queue_point>> events_;
  std::map<std::byte*, bytes> pieces_;
  bytes allocated_;
};

}  // namespace ballast::gpu
