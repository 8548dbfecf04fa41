// An engine's parts that pass every call on to others: what watches or changes a few calls derives from
// them and says no more than those.
#pragma once

#include <ballast/backends.hpp>
#include <memory>

namespace ballast::tools {

class passing_store : public store {
 public:
  explicit passing_store(std::unique_ptr<store> behind) : behind_(std::move(behind)) {}

  std::string description() const override { return behind_->description(); }
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
  void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) override {
    behind_->stamp(where, index, pieces);
  }
  status check(const extent& where, std::uint32_t index,
               const slice_pieces& pieces) const override {
    return behind_->check(where, index, pieces);
  }
  status sync() override { return behind_->sync(); }
  std::vector<digest> digests(const extent& where) const override {
    return behind_->digests(where);
  }
  result<extent> adopt(tier_address address, bytes size, std::span<const digest> digests) override {
    return behind_->adopt(address, size, digests);
  }
  store_record record() override { return behind_->record(); }

 protected:
  store& behind() { return *behind_; }

 private:
  std::unique_ptr<store> behind_;
};

class passing_backends : public backends {
 public:
  explicit passing_backends(std::unique_ptr<backends> behind) : behind_(std::move(behind)) {}

  bool nvme_is_memory(const engine_config& config) const override {
    return behind_->nvme_is_memory(config);
  }
  result<std::unique_ptr<device>> make_device(const engine_config& config,
                                              bytes capacity) override {
    return behind_->make_device(config, capacity);
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
  std::unique_ptr<backends> behind_;
};

}  // namespace ballast::tools
