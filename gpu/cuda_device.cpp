#include "gpu/cuda_device.hpp"

#include <fmt/format.h>

#include <ballast/assert.hpp>

#include "gpu/cuda_runtime.hpp"
#include "gpu/device_link.hpp"
#include "gpu/device_updates.hpp"

namespace ballast::gpu {
namespace {

struct device_streams {
  stream setup;
  stream upload;
  stream download;
};

result<device_streams> make_streams(runtime& calls) {
  result<stream> setup = stream::make(calls, stream_role::setup);
  if (!setup) {
    return setup.error();
  }
  result<stream> upload = stream::make(calls, stream_role::upload);
  if (!upload) {
    return upload.error();
  }
  result<stream> download = stream::make(calls, stream_role::download);
  if (!download) {
    return download.error();
  }
  return device_streams{std::move(*setup), std::move(*upload), std::move(*download)};
}

class cuda_device final : public device {
 public:
  cuda_device(std::shared_ptr<runtime> calls, device_streams streams, bytes capacity,
              std::unique_ptr<update_backend> host)
      : calls_(std::move(calls)),
        setup_(std::move(streams.setup)),
        memory_(*calls_, setup_, capacity),
        upload_({*calls_, events_, memory_, completions_}, std::move(streams.upload)),
        download_({*calls_, events_, memory_, completions_}, std::move(streams.download)),
        updates_(*calls_, setup_, failures_, std::move(host)) {}

  std::string_view name() const override { return calls_->gpu().name; }
  bytes capacity() const override { return memory_.capacity(); }
  bytes allocated() const override { return memory_.allocated(); }

  result<std::span<std::byte>> allocate(bytes size) override { return memory_.allocate(size); }
  void release(std::span<std::byte> memory) override { memory_.release(memory); }

  link& upload() override { return upload_; }
  link& download() override { return download_; }
  update_backend& updates() override { return updates_; }
  bool host_addressable() const override { return false; }

  /// Waits for every transfer submitted so far: a ticket does not say which link is its own.
  status order_after(stream_ref stream, const ticket& hop) override {
    if (const auto over = hop.poll()) {
      return *over;
    }
    return all({upload_.order_before(stream), download_.order_before(stream)});
  }

  status order_links_after(stream_ref stream) override {
    return all({upload_.order_after(stream), download_.order_after(stream)});
  }

  status fill_zero(std::span<std::byte> memory, stream_ref stream) override {
    return memory.empty() ? failures_.seen() : failures_.note(calls_->fill_zero(memory, stream));
  }

  status copy(std::span<std::byte> to, std::span<const std::byte> from,
              stream_ref stream) override {
    require(to.size() == from.size(), "a copy's target is as long as its source");
    return to.empty() ? failures_.seen() : failures_.note(calls_->copy(to, from, stream));
  }

 private:
  /// The first failure, of these or of earlier calls.
  status all(std::initializer_list<status> outcomes) {
    for (const status& each : outcomes) {
      (void)failures_.note(each);
    }
    return failures_.seen();
  }

  std::shared_ptr<runtime> calls_;
  sticky_failure failures_;
  event_pool events_{*calls_};
  stream setup_;
  device_memory memory_;
  device_link upload_;
  device_link download_;
  device_updates updates_;
  // The first to end: it completes what is queued, and a completion may submit one more transfer.
  completion_thread completions_{events_, failures_};
};

}  // namespace

result<std::unique_ptr<device>> make_device_on(std::shared_ptr<runtime> calls, bytes capacity,
                                               std::unique_ptr<update_backend> host) {
  const result<bytes> free = calls->free_memory();
  if (!free) {
    return free.error();
  }
  if (capacity > *free) {
    return failure{
        errc::exhausted,
        fmt::format("{} has {} B free of {} B, less than the {} B asked for: lower "
                    "--device-memory",
                    calls->gpu().name, free->value, calls->gpu().memory.value, capacity.value)};
  }
  result<device_streams> streams = make_streams(*calls);
  if (!streams) {
    return streams.error();
  }
  return std::unique_ptr<device>(std::make_unique<cuda_device>(
      std::move(calls), std::move(*streams), capacity, std::move(host)));
}

result<std::unique_ptr<device>> make_cuda_device(bytes capacity,
                                                 std::unique_ptr<update_backend> host) {
  result<std::shared_ptr<runtime>> calls = make_cuda_runtime();
  if (!calls) {
    return calls.error();
  }
  return make_device_on(std::move(*calls), capacity, std::move(host));
}

}  // namespace ballast::gpu
