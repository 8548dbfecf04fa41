// Damage on purpose, to show that it is noticed: one bit of one tile on disk, behind the engine's
// back.
//
// The backends pass everything on and remember the store; the engine that owns it must be alive
// when damage() is called, and idle.
#pragma once

#include <ballast/backends.hpp>
#include <memory>

namespace ballast::tools {

class damaging_backends final : public backends {
 public:
  damaging_backends();

  bool nvme_is_memory(const engine_config& config) const override {
    return real_->nvme_is_memory(config);
  }
  result<std::unique_ptr<device>> make_device(const engine_config& config, bytes capacity) override;
  result<std::unique_ptr<memory_region>> make_host_region(bytes size, std::span<const bytes> parts,
                                                          const first_touch& by) override;
  result<std::unique_ptr<store>> make_store(const engine_config& config, const store_room& wanted,
                                            std::span<std::byte> arena) override;
  result<std::unique_ptr<store>> make_kept_store(const engine_config& config,
                                                 const std::string& name, bytes size,
                                                 std::uint32_t slices) override {
    return real_->make_kept_store(config, name, size, slices);
  }
  result<std::unique_ptr<store>> open_store(const engine_config& config, const store_record& record,
                                            std::uint32_t slices) override {
    return real_->open_store(config, record, slices);
  }
  status remove_store(const store_record& record) override { return real_->remove_store(record); }
  result<std::unique_ptr<checkpoint_folder>> open_checkpoints(
      const engine_config& config) override {
    return real_->open_checkpoints(config);
  }
  result<std::unique_ptr<communicator>> make_communicator(const engine_config& config) override;
  result<std::unique_ptr<update_backend>> make_updates(const engine_config& config) override;
  const clock& time() const override { return real_->time(); }

  /// Flips a bit of the first tile on disk; its digest stays as it was.
  ///
  /// Errors: invalid_argument where nothing rests on disk; those of the links
  static status damage(store* disk);
  /// The store that was made last; nullptr when none was.
  std::shared_ptr<store*> last_store() const { return last_; }

 private:
  std::unique_ptr<backends> real_;
  std::shared_ptr<store*> last_ = std::make_shared<store*>(nullptr);
};

}  // namespace ballast::tools
