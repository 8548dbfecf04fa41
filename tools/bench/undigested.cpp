#include "tools/bench/undigested.hpp"

#include <ballast/forwarding_backends.hpp>

namespace ballast::tools {
namespace {

class trusting_store final : public store {
 public:
  explicit trusting_store(std::unique_ptr<store> behind) : behind_(std::move(behind)) {}

  std::string description() const override { return behind_->description() + ", no digests"; }
  bytes alignment() const override { return behind_->alignment(); }
  result<extent> allocate(bytes size, std::uint32_t slices) override {
    return behind_->allocate(size, slices);
  }
  void release(const extent& where) override { behind_->release(where); }
  bool avoid(const extent& where, const failure& why) override {
    return behind_->avoid(where, why);
  }
  link& read() override { return behind_->read(); }
  link& write() override { return behind_->write(); }
  void stamp(const extent&, std::uint32_t, const slice_pieces&) override {}
  status check(const extent&, std::uint32_t, const slice_pieces&) const override { return {}; }
  status sync() override { return behind_->sync(); }
  std::vector<digest> digests(const extent& where) const override {
    return behind_->digests(where);
  }
  result<extent> adopt(tier_address address, bytes size, std::span<const digest> digests) override {
    return behind_->adopt(address, size, digests);
  }
  store_record record() override { return behind_->record(); }

 private:
  std::unique_ptr<store> behind_;
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
