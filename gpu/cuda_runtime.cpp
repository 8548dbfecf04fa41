#include "gpu/cuda_runtime.hpp"

#include <fmt/format.h>
#include <nvtx3/nvToolsExtCudaRt.h>

#include <ballast/assert.hpp>

#include "gpu/errors.hpp"
#include "gpu/kernels.hpp"
#include "gpu/stream.hpp"

namespace ballast::gpu {
namespace {

constexpr int oldest_major = 8;  // __reduce_max_sync; CMakeLists.txt builds for it

class cuda_runtime final : public runtime {
 public:
  cuda_runtime(int ordinal, gpu_description gpu) : ordinal_(ordinal), gpu_(std::move(gpu)) {}

  const gpu_description& gpu() const override { return gpu_; }

  result<bytes> free_memory() override {
    std::size_t free = 0;
    std::size_t all = 0;
    const status done = call("asking for free memory", [&] { return cudaMemGetInfo(&free, &all); });
    return done ? result<bytes>(bytes{free}) : done.error();
  }

  result<std::byte*> allocate(bytes size) override {
    void* memory = nullptr;
    const status done = call(fmt::format("allocating {} B", size.value),
                             [&] { return cudaMalloc(&memory, size.value); });
    return done ? result<std::byte*>(static_cast<std::byte*>(memory)) : done.error();
  }

  void free(std::byte* memory) override {
    (void)call("freeing", [&] { return cudaFree(memory); });
  }

  result<std::byte*> allocate_pinned(bytes size) override {
    void* memory = nullptr;
    const status done = call(fmt::format("pinning {} B", size.value), [&] {
      return cudaHostAlloc(&memory, size.value, cudaHostAllocPortable);
    });
    return done ? result<std::byte*>(static_cast<std::byte*>(memory)) : done.error();
  }

  void free_pinned(std::byte* memory) override {
    (void)call("freeing pinned memory", [&] { return cudaFreeHost(memory); });
  }

  result<stream_ref> make_stream(stream_role role) override {
    cudaStream_t made = nullptr;
    const std::string name(to_string(role));
    const status done =
        call(name, [&] { return cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking); });
    if (!done) {
      return done.error();
    }
    nvtxNameCudaStreamA(made, ("ballast " + name).c_str());
    return stream_ref{made};
  }

  void end_stream(stream_ref stream) override {
    // A failure here has been or will be reported by the call that waits for the work's result.
    (void)wait(stream);
    (void)call("ending a stream", [&] { return cudaStreamDestroy(handle_of(stream)); });
  }

  status wait(stream_ref stream) override {
    return call("waiting for a stream", [&] { return cudaStreamSynchronize(handle_of(stream)); });
  }

  status wait_for_all() override { return call("waiting for the GPU", cudaDeviceSynchronize); }

  result<event_ref> make_event() override {
    cudaEvent_t made = nullptr;
    const status done = call("making an event", [&] {
      return cudaEventCreateWithFlags(&made, cudaEventDisableTiming | cudaEventBlockingSync);
    });
    return done ? result<event_ref>(event_ref{made}) : done.error();
  }

  void end_event(event_ref event) override {
    (void)call("ending an event", [&] { return cudaEventDestroy(handle_of(event)); });
  }

  status record(event_ref event, stream_ref stream) override {
    return call("recording an event",
                [&] { return cudaEventRecord(handle_of(event), handle_of(stream)); });
  }

  status order(stream_ref stream, event_ref event) override {
    return call("ordering a stream",
                [&] { return cudaStreamWaitEvent(handle_of(stream), handle_of(event), 0); });
  }

  status wait(event_ref event) override {
    return call("waiting for an event", [&] { return cudaEventSynchronize(handle_of(event)); });
  }

  result<bool> query(event_ref event) override {
    bool happened = true;
    const status done = call("asking for an event", [&] {
      const cudaError_t outcome = cudaEventQuery(handle_of(event));
      happened = outcome != cudaErrorNotReady;
      return happened ? outcome : cudaSuccess;
    });
    return done ? result<bool>(happened) : done.error();
  }

  status upload(std::span<std::byte> device, std::span<const std::byte> host,
                stream_ref stream) override {
    return move(device, host, cudaMemcpyHostToDevice, "upload", stream);
  }

  status download(std::span<std::byte> host, std::span<const std::byte> device,
                  stream_ref stream) override {
    return move(host, device, cudaMemcpyDeviceToHost, "download", stream);
  }

  status copy(std::span<std::byte> to, std::span<const std::byte> from,
              stream_ref stream) override {
    return move(to, from, cudaMemcpyDeviceToDevice, "copy", stream);
  }

  status fill_zero(std::span<std::byte> device, stream_ref stream) override {
    return call("clearing memory", [&] {
      return cudaMemsetAsync(device.data(), 0, device.size(), handle_of(stream));
    });
  }

  status update(const update_recipe& recipe, const state_view& view, std::uint32_t* findings,
                stream_ref stream) override {
    const status mine = here();
    return mine ? launch_update(recipe, view, findings, stream) : mine;
  }

  status encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                         std::span<double> sums, std::uint32_t* findings,
                         stream_ref stream) override {
    const status mine = here();
    return mine ? launch_encode_gradient(source, type, target, sums, findings, stream) : mine;
  }

  status decode_gradient(const std::byte* source, dtype type, float scale, std::span<float> target,
                         stream_ref stream) override {
    const status mine = here();
    return mine ? launch_decode_gradient(source, type, scale, target, stream) : mine;
  }

  status accumulate(std::span<float> into, std::span<const float> from,
                    stream_ref stream) override {
    const status mine = here();
    return mine ? launch_accumulate(into, from, stream) : mine;
  }

 private:
  /// A thread starts on GPU 0, whichever was current where the runtime was made.
  status here() const { return checked(cudaSetDevice(ordinal_), "choosing the GPU"); }

  template <class Function>
  status call(std::string_view what, const Function& function,
              std::source_location where = std::source_location::current()) const {
    const status mine = here();
    return mine ? checked(function(), what, where) : mine;
  }

  status move(std::span<std::byte> to, std::span<const std::byte> from, cudaMemcpyKind kind,
              std::string_view verb, stream_ref stream) const {
    require(to.size() == from.size(), "a copy's target is as long as its source");
    return call(verb, [&] {
      return cudaMemcpyAsync(to.data(), from.data(), to.size(), kind, handle_of(stream));
    });
  }

  int ordinal_;
  gpu_description gpu_;
};

}  // namespace

result<std::shared_ptr<runtime>> make_cuda_runtime() {
  int count = 0;
  if (const status done = checked(cudaGetDeviceCount(&count), "looking for a GPU"); !done) {
    return done.error();
  }
  int ordinal = 0;
  if (const status done = checked(cudaGetDevice(&ordinal), "looking for a GPU"); !done) {
    return done.error();
  }
  cudaDeviceProp found{};
  if (const status done = checked(cudaGetDeviceProperties(&found, ordinal), "asking a GPU");
      !done) {
    return done.error();
  }
  int driver = 0;
  if (const status done = checked(cudaDriverGetVersion(&driver), "asking the driver"); !done) {
    return done.error();
  }
  if (found.major < oldest_major) {
    return failure{errc::unsupported,
                   fmt::format("{} has compute capability {}.{}, Ballast needs {}.0 or later: "
                               "choose the host device",
                               found.name, found.major, found.minor, oldest_major)};
  }
  return std::shared_ptr<runtime>(std::make_shared<cuda_runtime>(
      ordinal,
      gpu_description{found.name, found.major, found.minor, driver, bytes{found.totalGlobalMem}}));
}

}  // namespace ballast::gpu
