#include "activations_in_host.hpp"

#include <utility>

namespace ballast {

result<activation_id> activations_in_host::store(std::span<const std::byte> device_memory,
                                                 stream_ref stream) {
  auto memory = memory_.allocate({device_memory.size()});
  if (!memory) {
    return memory.error();
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered.error();
  }
  const activation_id named{next_++};
  ticket download = homes_.download().submit({.address = address_of(device_memory),
                                              .memory = memory->span(),
                                              .whose = subject::of(named)});
  kept_.emplace(named.value, kept{*std::move(memory), std::move(download), {}, {}});
  return named;
}

status activations_in_host::await_stored(activation_id which, stream_ref stream) {
  const auto found = kept_.find(which.value);
  return found == kept_.end() ? no_such_activation()
                              : homes_.on_device().order_after(stream, found->second.download);
}

status activations_in_host::expect(activation_id which, std::span<std::byte> device_memory,
                                   stream_ref stream) {
  const auto found = find(which, device_memory);
  if (!found) {
    return found.error();
  }
  kept& of = **found;
  return of.upload.valid() || !of.download.poll() ? status()
                                                  : begin_upload(which, of, device_memory, stream);
}

status activations_in_host::load(activation_id which, std::span<std::byte> device_memory,
                                 stream_ref stream) {
  const auto found = find(which, device_memory);
  if (!found) {
    return found.error();
  }
  kept& of = **found;
  status outcome = of.upload.valid() ? status() : begin_upload(which, of, device_memory, stream);
  if (outcome) {
    outcome = homes_.on_device().order_after(stream, of.upload);
  }
  if (of.upload.valid()) {
    const status arrived = of.upload.wait();  // the host memory is free again only then
    outcome = outcome ? arrived : outcome;
  }
  kept_.erase(which.value);
  return outcome;
}

result<activations_in_host::kept*> activations_in_host::find(
    activation_id which, std::span<const std::byte> device_memory) {
  const auto found = kept_.find(which.value);
  if (found == kept_.end()) {
    return no_such_activation();
  }
  kept& of = found->second;
  if (of.memory.span().size() != device_memory.size() ||
      (of.upload.valid() && of.to != address_of(device_memory))) {
    return no_such_activation();
  }
  return &of;
}

status activations_in_host::begin_upload(activation_id which, kept& of,
                                         std::span<std::byte> device_memory, stream_ref stream) {
  if (auto stored = of.download.wait(); !stored) {
    return stored;
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered;
  }
  of.to = address_of(device_memory);
  of.upload = homes_.upload().submit(
      {.address = of.to, .memory = of.memory.span(), .whose = subject::of(which)});
  return {};
}

void activations_in_host::settle() {
  for (const auto& [id, each] : kept_) {
    (void)each.download.wait();
    if (each.upload.valid()) {
      (void)each.upload.wait();
    }
  }
}

void activations_in_host::drop() {
  settle();
  kept_.clear();
}

}  // namespace ballast
