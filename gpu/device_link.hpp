// Upload and download of a GPU: each a stream of its own, so that the two directions run at once,
// and each transfer an event at its end.
//
// Memory: pinned host memory moves at the link's full speed while the caller goes on; any other
//         host memory moves too, slower, since CUDA stages it
#pragma once

#include "gpu/completion_thread.hpp"
#include "gpu/device_memory.hpp"

namespace ballast::gpu {

/// What the links of one device share; it outlives them.
struct link_parts {
  runtime& calls;
  event_pool& events;
  const device_memory& memory;
  completion_thread& completions;
};

class device_link final : public link {
 public:
  /// `on` is the link's own stream; its role, upload or download, is the link's direction.
  device_link(const link_parts& parts, stream on) : parts_(parts), stream_(std::move(on)) {}

  std::string_view name() const override { return to_string(stream_.role()); }
  /// A transfer outside the device's memory is a contract failure. Urgency and deadline are not
  /// looked at: transfers complete in order.
  ticket submit(const transfer& hop) override;
  link_counters counters() const override { return counters_->read(); }

  /// Makes later work on `later` see what was submitted here so far.
  status order_before(stream_ref later) { return parts_.events.order(later, stream_.view()); }
  /// Makes later transfers see what is on `earlier` now.
  status order_after(stream_ref earlier) { return parts_.events.order(stream_.view(), earlier); }

 private:
  result<event> enqueue(const transfer& hop);

  link_parts parts_;
  stream stream_;
  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  std::shared_ptr<transfer_counters> counters_ = std::make_shared<transfer_counters>();
  std::mutex order_;  ///< held from the enqueueing of a transfer until its completion is queued
};

}  // namespace ballast::gpu
