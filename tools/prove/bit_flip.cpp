#include "tools/prove/bit_flip.hpp"

#include <vector>

namespace ballast::tools {

result<std::unique_ptr<store>> damaging_backends::make_store(const engine_config& config,
                                                             const store_room& wanted,
                                                             std::span<std::byte> arena) {
  auto made = forwarding_backends::make_store(config, wanted, arena);
  if (made) {
    *last_ = made->get();
  }
  return made;
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
