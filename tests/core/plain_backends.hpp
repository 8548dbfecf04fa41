// The fakes as an engine takes them.
#pragma once

#include <memory>

#include "fakes.hpp"

namespace ballast::fakes {

/// Hands out the parts and keeps an eye on them; the engine owns them.
class plain_backends final : public backends {
 public:
  bool nvme_is_memory(const engine_config&) const override { return seen->nvme_is_memory; }
  result<std::unique_ptr<device>> make_device(const engine_config&, bytes capacity,
                                              communicator*) override {
    auto made = std::make_unique<plain_device>(capacity, std::make_unique<descent>());
    seen->device = made.get();
    return std::unique_ptr<device>(std::move(made));
  }
  result<std::unique_ptr<memory_region>> make_host_region(bytes size, std::span<const bytes>,
                                                          const first_touch&) override {
    seen->host = size;
    return std::unique_ptr<memory_region>(std::make_unique<vector_region>(size));
  }
  result<std::unique_ptr<store>> make_store(const engine_config&, const store_room& wanted,
                                            std::span<std::byte>) override {
    auto made = std::make_unique<plain_store>(wanted.extents);
    seen->disk = made.get();
    return std::unique_ptr<store>(std::move(made));
  }
  result<std::unique_ptr<store>> make_kept_store(const engine_config&, const std::string&, bytes,
                                                 std::uint32_t) override {
    return failure{errc::unsupported, "plain stores are not kept"};
  }
  result<std::unique_ptr<store>> open_store(const engine_config&, const store_record&,
                                            std::uint32_t) override {
    return failure{errc::unsupported, "plain stores are not kept"};
  }
  status remove_store(const store_record&) override { return {}; }
  result<std::unique_ptr<checkpoint_folder>> open_checkpoints(const engine_config&) override {
    return failure{errc::unsupported, "plain stores are not kept"};
  }
  result<std::unique_ptr<communicator>> make_communicator(const engine_config&) override {
    return std::unique_ptr<communicator>(std::make_unique<lone_rank>());
  }
  result<std::unique_ptr<update_backend>> make_updates(const engine_config&) override {
    return std::unique_ptr<update_backend>(std::make_unique<descent>());
  }
  const clock& time() const override { return clock_; }

  struct sight {
    plain_device* device = nullptr;
    plain_store* disk = nullptr;
    bytes host;
    bool nvme_is_memory = false;  ///< pretends that NVMe is
  };
  std::shared_ptr<sight> seen = std::make_shared<sight>();

 private:
  steady_clock clock_;
};

}  // namespace ballast::fakes
