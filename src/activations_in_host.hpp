// Activations in host memory, out of the caller's reservation there.
#pragma once

#include <unordered_map>

#include "caller_memory.hpp"
#include "stored_activations.hpp"
#include "tile_homes.hpp"

namespace ballast {

class activations_in_host final : public stored_activations {
 public:
  activations_in_host(tile_homes& homes, caller_memory& memory) : homes_(homes), memory_(memory) {}
  ~activations_in_host() override { settle(); }

  result<activation_id> store(std::span<const std::byte> device_memory, stream_ref stream) override;
  status await_stored(activation_id which, stream_ref stream) override;
  status expect(activation_id which, std::span<std::byte> device_memory,
                stream_ref stream) override;
  status load(activation_id which, std::span<std::byte> device_memory, stream_ref stream) override;
  void settle() override;
  void drop() override;

 private:
  struct kept {
    memory_lease memory;
    ticket download;
    ticket upload;  ///< invalid until it is expected
    tier_address to;
  };

  result<kept*> find(activation_id which, std::span<const std::byte> device_memory);
  status begin_upload(activation_id which, kept& of, std::span<std::byte> device_memory,
                      stream_ref stream);

  tile_homes& homes_;
  caller_memory& memory_;
  std::unordered_map<std::uint32_t, kept> kept_;
  std::uint32_t next_ = 0;
};

}  // namespace ballast
