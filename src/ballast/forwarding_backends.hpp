// Parts of other backends, passed on as they are: what a wrapper inherits from, to change one of them.
#pragma once

#include <ballast/backends.hpp>

namespace ballast {

class forwarding_backends : public backends {
 public:
  explicit forwarding_backends(std::unique_ptr<backends> behind) : behind_(std::move(behind)) {}

  bool nvme_is_memory(const engine_config& config) const override {
    return behind_->nvme_is_memory(config);
  }
  result<std::unique_ptr<device>> make_device(const engine_config& config, bytes capacity,
                                              communicator* ranks) override {
    return behind_->make_device(config, capacity, ranks);
  }
  result<std::unique_ptr<memory_region>> make_host_region(bytes size, std::span<const bytes> parts,
                                                          const first_touch& by) override {
    return behind_->make_host_region(size, parts, by);
  }
  result<std::unique_ptr<store>> make_store(const engine_config& config, const store_room& wanted,
                                            std::span<std::byte> arena) override {
    return behind_->make_store(config, wanted, arena);
  }
  result<std::unique_ptr<store>> make_kept_store(const engine_config& config,
                                                 const std::string& name, bytes size,
                                                 std::uint32_t slices) override {
    return behind_->make_kept_store(config, name, size, slices);
  }
  result<std::unique_ptr<store>> open_store(const engine_config& config, const store_record& record,
                                            std::uint32_t slices) override {
    return behind_->open_store(config, record, slices);
  }
  status remove_store(const store_record& record) override { return behind_->remove_store(record); }
  result<std::unique_ptr<checkpoint_folder>> open_checkpoints(
      const engine_config& config) override {
    return behind_->open_checkpoints(config);
  }
  result<std::unique_ptr<communicator>> make_communicator(const engine_config& config) override {
    return behind_->make_communicator(config);
  }
  result<std::unique_ptr<update_backend>> make_updates(const engine_config& config) override {
    return behind_->make_updates(config);
  }
  const clock& time() const override { return behind_->time(); }

 private:
  const std::unique_ptr<backends> behind_;
};

}  // namespace ballast
