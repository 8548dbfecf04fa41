#include "gpu/stream.hpp"

#include <utility>

#include "gpu/errors.hpp"

namespace ballast::gpu {

std::string_view to_string(stream_role role) {
  switch (role) {
    case stream_role::compute: return "compute";
    case stream_role::upload: return "upload";
    case stream_role::download: return "download";
    case stream_role::collective: return "collective";
  }
  return "?";
}

result<stream> stream::make(stream_role role) {
  cudaStream_t made = nullptr;
  if (auto done = checked(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), to_string(role));
      !done) {
    return done.error();
  }
  return stream{role, made};
}

stream::stream(stream&& other) noexcept
    : role_(other.role_), handle_(std::exchange(other.handle_, nullptr)) {}

stream& stream::operator=(stream&& other) noexcept {
  std::swap(role_, other.role_);
  std::swap(handle_, other.handle_);
  return *this;
}

stream::~stream() {
  if (handle_ != nullptr) {
    // A failure here has been or will be reported by the call that waits for the work's result.
    (void)cudaStreamSynchronize(handle_);
    (void)cudaStreamDestroy(handle_);
  }
}

status stream::wait() const { return checked(cudaStreamSynchronize(handle_), to_string(role_)); }

result<event> event::make() {
  cudaEvent_t made = nullptr;
  const unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync;
  if (auto done = checked(cudaEventCreateWithFlags(&made, flags), "making an event"); !done) {
    return done.error();
  }
  return event{made};
}

event::event(event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

event& event::operator=(event&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

event::~event() {
  if (handle_ != nullptr) {
    (void)cudaEventDestroy(handle_);
  }
}

status event::record(stream_ref after) {
  return checked(cudaEventRecord(handle_, handle_of(after)), "recording an event");
}

status event::order(stream_ref later) const {
  return checked(cudaStreamWaitEvent(handle_of(later), handle_, 0), "ordering a stream");
}

status event::wait() const {
  return checked(cudaEventSynchronize(handle_), "waiting for an event");
}

}  // namespace ballast::gpu
