#include "gpu/stream.hpp"

namespace ballast::gpu {

result<stream> stream::make(runtime& calls, stream_role role) {
  const auto made = calls.make_stream(role);
  if (!made) {
    return made.error();
  }
  return stream{calls, role, *made};
}

stream::~stream() {
  if (calls_ != nullptr) {
    calls_->end_stream(view_);
  }
}

result<event> event::make(runtime& calls) {
  const auto made = calls.make_event();
  if (!made) {
    return made.error();
  }
  return event{calls, *made};
}

event::~event() {
  if (calls_ != nullptr) {
    calls_->end_event(view_);
  }
}

}  // namespace ballast::gpu
