#include "stored_activations.hpp"

namespace ballast {

result<activation_id> stored_activations::store(std::span<const std::byte> device_memory,
                                                stream_ref stream) {
  auto memory = memory_.allocate({device_memory.size()});
  if (!memory) {
    return memory.error();
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered.error();
  }
  const activation_id named{next_++};
  const ticket download =
      homes_.download().submit({.address = address_of(device_memory), .memory = memory->span()});
  kept_.emplace(named.value, kept{*std::move(memory), download});
  // The caller may write to the memory again as soon as its stream has passed this point.
  if (auto ordered = homes_.on_device().order_after(stream, download); !ordered) {
    return ordered.error();
  }
  return named;
}

status stored_activations::load(activation_id which, std::span<std::byte> device_memory,
                                stream_ref stream) {
  const auto found = kept_.find(which.value);
  if (found == kept_.end() || found->second.memory.span().size() != device_memory.size()) {
    return failure{errc::invalid_argument, "an activation is loaded once, with its stored size"};
  }
  if (auto stored = found->second.download.wait(); !stored) {
    return stored;
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered;
  }
  const ticket upload = homes_.upload().submit(
      {.address = address_of(device_memory), .memory = found->second.memory.span()});
  if (auto ordered = homes_.on_device().order_after(stream, upload); !ordered) {
    return ordered;
  }
  const status arrived = upload.wait();  // the host memory is free again only then
  kept_.erase(found);
  return arrived;
}

}  // namespace ballast
