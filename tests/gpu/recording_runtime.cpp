#include "tests/gpu/recording_runtime.hpp"

#include <algorithm>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/rounding.hpp>
#include <cstdlib>
#include <cstring>

namespace ballast::gpu {
namespace {

constexpr std::size_t alignment = 256;
constexpr int stale = 0xA5;  // what memory holds that nobody has cleared

float widened(const std::byte* source, dtype type, std::size_t i) {
  float wide = 0;
  std::uint16_t narrow = 0;
  if (type == dtype::f32) {
    std::memcpy(&wide, source + i * sizeof wide, sizeof wide);
    return wide;
  }
  std::memcpy(&narrow, source + i * sizeof narrow, sizeof narrow);
  return type == dtype::bf16 ? arithmetic::widen_bf16(narrow) : arithmetic::widen_f16(narrow);
}

}  // namespace

recording_runtime::recording_runtime(update_backend& arithmetic, bytes memory)
    : arithmetic_(arithmetic),
      gpu_{.name = "recorded GPU", .major = 9, .minor = 0, .driver = 13000, .memory = memory} {}

recording_runtime::~recording_runtime() {
  for (const auto& [memory, size] : pieces_) {
    std::free(memory);
  }
}

std::vector<std::string> recording_runtime::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

void recording_runtime::fail_next(std::string verb) {
  const std::lock_guard lock(mutex_);
  failing_ = std::move(verb);
}

void recording_runtime::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void recording_runtime::run_last_first() {
  const std::lock_guard lock(mutex_);
  std::vector<work_queue*> order{&legacy_};
  for (const auto& each : queues_) {
    order.push_back(each.get());
  }
  std::ranges::sort(order, std::ranges::greater(), &work_queue::touched);
  for (work_queue* each : order) {
    run_until({each, each->items.size()});
  }
}

void recording_runtime::proceed() {
  {
    const std::lock_guard lock(mutex_);
    held_ = false;
  }
  proceeding_.notify_all();
}

std::size_t recording_runtime::pieces() const {
  const std::lock_guard lock(mutex_);
  return pieces_.size();
}

result<bytes> recording_runtime::free_memory() {
  const std::lock_guard lock(mutex_);
  return gpu_.memory - allocated_;
}

result<std::byte*> recording_runtime::allocate(bytes size) {
  const std::lock_guard lock(mutex_);
  if (const status made = noted("allocate", "-"); !made) {
    return made.error();
  }
  const bytes whole = round_up(size, bytes{alignment});
  if (whole > gpu_.memory - allocated_) {
    return failure{errc::exhausted, "the recorded GPU is full"};
  }
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(alignment, whole.value));
  std::memset(memory, stale, whole.value);
  pieces_.emplace(memory, whole);
  allocated_ += whole;
  return memory;
}

void recording_runtime::free(std::byte* memory) {
  const auto lock = lock_to_wait();
  (void)noted("free", "-");
  run_all();
  const auto piece = pieces_.find(memory);
  allocated_ -= piece->second;
  pieces_.erase(piece);
  std::free(memory);
}

result<std::byte*> recording_runtime::allocate_pinned(bytes size) {
  return static_cast<std::byte*>(
      std::aligned_alloc(alignment, round_up(size, bytes{alignment}).value));
}

void recording_runtime::free_pinned(std::byte* memory) { std::free(memory); }

result<stream_ref> recording_runtime::make_stream(stream_role role) {
  const std::lock_guard lock(mutex_);
  if (const status made = noted("make_stream", std::string(to_string(role))); !made) {
    return made.error();
  }
  queues_.push_back(std::make_unique<work_queue>());
  queues_.back()->name = to_string(role);
  return stream_ref{queues_.back().get()};
}

void recording_runtime::end_stream(stream_ref stream) {
  const auto lock = lock_to_wait();
  work_queue& queue = queue_of(stream);
  (void)noted("end_stream", queue.name);
  run_until({&queue, queue.items.size()});
}

status recording_runtime::wait(stream_ref stream) {
  const auto lock = lock_to_wait();
  work_queue& queue = queue_of(stream);
  run_until({&queue, queue.items.size()});
  return noted("wait", queue.name);
}

status recording_runtime::wait_for_all() {
  const auto lock = lock_to_wait();
  run_all();
  return noted("wait_for_all", "-");
}

result<event_ref> recording_runtime::make_event() {
  const std::lock_guard lock(mutex_);
  if (const status made = noted("make_event", "-"); !made) {
    return made.error();
  }
  events_.push_back(std::make_unique<queue_point>());
  return event_ref{events_.back().get()};
}

void recording_runtime::end_event(event_ref) {}

status recording_runtime::record(event_ref event, stream_ref stream) {
  const std::lock_guard lock(mutex_);
  work_queue& queue = queue_of(stream);
  *static_cast<queue_point*>(event.handle) = {&queue, queue.items.size()};
  return noted("record", queue.name);
}

status recording_runtime::order(stream_ref stream, event_ref event) {
  const std::lock_guard lock(mutex_);
  work_queue& queue = queue_of(stream);
  const queue_point awaited = *static_cast<const queue_point*>(event.handle);
  queue.items.push_back({{}, awaited});
  queue.touched = ++now_;
  return noted("order", queue.name + " after " + awaited.queue->name);
}

status recording_runtime::wait(event_ref event) {
  const auto lock = lock_to_wait();
  const queue_point awaited = *static_cast<const queue_point*>(event.handle);
  run_until(awaited);
  return noted("wait", "event of " + awaited.queue->name);
}

result<bool> recording_runtime::query(event_ref event) {
  const std::lock_guard lock(mutex_);
  const queue_point awaited = *static_cast<const queue_point*>(event.handle);
  return awaited.queue == nullptr || awaited.queue->done >= awaited.after;
}

status recording_runtime::upload(std::span<std::byte> device, std::span<const std::byte> host,
                                 stream_ref stream) {
  if (!on_device(device) || on_device(host)) {
    return failure{errc::device_failure, "an upload is from host memory to device memory"};
  }
  return enqueue("upload", stream, [=] { std::ranges::copy(host, device.begin()); });
}

status recording_runtime::download(std::span<std::byte> host, std::span<const std::byte> device,
                                   stream_ref stream) {
  if (!on_device(device) || on_device(host)) {
    return failure{errc::device_failure, "a download is from device memory to host memory"};
  }
  return enqueue("download", stream, [=] { std::ranges::copy(device, host.begin()); });
}

status recording_runtime::copy(std::span<std::byte> to, std::span<const std::byte> from,
                               stream_ref stream) {
  if (!on_device(to) || !on_device(from)) {
    return failure{errc::device_failure, "a copy is from device memory to device memory"};
  }
  return enqueue("copy", stream, [=] { std::ranges::copy(from, to.begin()); });
}

status recording_runtime::fill_zero(std::span<std::byte> device, stream_ref stream) {
  if (!on_device(device)) {
    return failure{errc::device_failure, "what is cleared is device memory"};
  }
  return enqueue("fill_zero", stream, [=] { std::ranges::fill(device, std::byte{0}); });
}

status recording_runtime::update(const update_recipe& recipe, const state_view& view,
                                 std::uint32_t* findings, stream_ref stream) {
  return enqueue("update", stream, [this, recipe, view, findings] {
    arithmetic_.update(recipe, view, *findings, {});
  });
}

status recording_runtime::encode_gradient(std::span<const float> source, dtype type,
                                          std::byte* target, std::span<double> sums,
                                          std::uint32_t* findings, stream_ref stream) {
  return enqueue("encode_gradient", stream, [=, this] {
    arithmetic_.encode_gradient(source, type, target, sums, *findings, {});
  });
}

status recording_runtime::decode_gradient(const std::byte* source, dtype type, float scale,
                                          std::span<float> target, stream_ref stream) {
  return enqueue("decode_gradient", stream, [=] {
    for (std::size_t i = 0; i < target.size(); ++i) {
      target[i] = arithmetic::canonical(scale * widened(source, type, i));
    }
  });
}

status recording_runtime::accumulate(std::span<float> into, std::span<const float> from,
                                     stream_ref stream) {
  return enqueue("accumulate", stream, [=, this] { arithmetic_.accumulate(into, from, {}); });
}

recording_runtime::work_queue& recording_runtime::queue_of(stream_ref stream) {
  return stream == stream_ref{} ? legacy_ : *static_cast<work_queue*>(stream.handle);
}

status recording_runtime::noted(const std::string& verb, const std::string& stream) {
  log_.push_back(verb + " " + stream);
  if (verb == failing_) {
    failing_.clear();
    return failure{errc::device_failure, verb + " was made to fail"};
  }
  return {};
}

status recording_runtime::enqueue(const std::string& verb, stream_ref stream,
                                  std::function<void()> run) {
  const std::lock_guard lock(mutex_);
  work_queue& queue = queue_of(stream);
  const status made = noted(verb, queue.name);
  if (made) {
    queue.items.push_back({std::move(run)});
    queue.touched = ++now_;
  }
  return made;
}

bool recording_runtime::on_device(std::span<const std::byte> memory) const {
  const std::lock_guard lock(mutex_);
  const auto inside = [&](const auto& piece) {
    const std::less_equal<const std::byte*> not_after;
    const std::byte* const end = piece.first + piece.second.value;
    return not_after(piece.first, memory.data()) && not_after(memory.data() + memory.size(), end);
  };
  return std::ranges::any_of(pieces_, inside);
}

std::unique_lock<std::mutex> recording_runtime::lock_to_wait() {
  std::unique_lock lock(mutex_);
  proceeding_.wait(lock, [this] { return !held_; });
  return lock;
}

void recording_runtime::run_until(const queue_point& point) {
  while (point.queue != nullptr && point.queue->done < point.after) {
    const work_item& next = point.queue->items[point.queue->done];
    if (next.run) {
      next.run();
    } else {
      run_until(next.awaited);
    }
    ++point.queue->done;
  }
}

void recording_runtime::run_all() {
  run_until({&legacy_, legacy_.items.size()});
  for (const auto& each : queues_) {
    run_until({each.get(), each->items.size()});
  }
}

}  // namespace ballast::gpu
