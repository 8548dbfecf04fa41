#include "tools/bench/undigested.hpp"

#include <ballast/forwarding_backends.hpp>
#include <ballast/forwarding_store.hpp>

namespace ballast::tools {
namespace {

class trusting_store final : public forwarding_store {
 public:
  using forwarding_store::forwarding_store;

  std::string description() const override {
    return forwarding_store::description() + ", no digests";
  }
  void stamp(const extent&, std::uint32_t, const slice_pieces&) override {}
  status check(const extent&, std::uint32_t, const slice_pieces&) const override { return {}; }
};

class trusting_backends final : public forwarding_backends {
 public:
  using forwarding_backends::forwarding_backends;

  result<std::unique_ptr<store>> make_store(const engine_config& config, const store_room& wanted,
                                            std::span<std::byte> arena) override {
    auto made = forwarding_backends::make_store(config, wanted, arena);
    if (!made) {
      return made;
    }
    return std::unique_ptr<store>(std::make_unique<trusting_store>(*std::move(made)));
  }
};

}  // namespace

std::unique_ptr<backends> without_digests(std::unique_ptr<backends> parts) {
  return std::make_unique<trusting_backends>(std::move(parts));
}

}  // namespace ballast::tools
