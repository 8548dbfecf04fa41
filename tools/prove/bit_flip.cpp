#include "tools/prove/bit_flip.hpp"

#include <vector>

namespace ballast::tools {

damaging_backends::damaging_backends() : real_(make_backends()) {}

result<std::unique_ptr<device>> damaging_backends::make_device(const engine_config& config,
                                                               bytes capacity) {
  return real_->make_device(config, capacity);
}

result<std::unique_ptr<memory_region>> damaging_backends::make_host_region(
    bytes size, std::span<const bytes> parts, const first_touch& by) {
  return real_->make_host_region(size, parts, by);
}

result<std::unique_ptr<store>> damaging_backends::make_store(const engine_config& config,
                                                             const store_room& wanted,
                                                             std::span<std::byte> arena) {
  auto made = real_->make_store(config, wanted, arena);
  if (made) {
    *last_ = made->get();
  }
  return made;
}

result<std::unique_ptr<communicator>> damaging_backends::make_communicator(
    const engine_config& config) {
  return real_->make_communicator(config);
}

result<std::unique_ptr<update_backend>> damaging_backends::make_updates(
    const engine_config& config) {
  return real_->make_updates(config);
}

status damaging_backends::damage(store* disk) {
  if (disk == nullptr) {
    return failure{errc::invalid_argument, "nothing rests on disk: there is no bit to flip"};
  }
  std::vector<std::byte> sector(disk->alignment().value);
  const transfer whole{.address = {0}, .memory = sector};
  if (auto read = disk->read().submit(whole).wait(); !read) {
    return read;
  }
  sector[100] ^= std::byte{1};
  return disk->write().submit(whole).wait();
}

}  // namespace ballast::tools
