// Another store, passed on as it is: what a wrapper inherits from, to change or watch some of its calls.
#pragma once

#include <ballast/store.hpp>
#include <memory>

namespace ballast {

class forwarding_store : public store {
 public:
  explicit forwarding_store(std::unique_ptr<store> behind) : behind_(std::move(behind)) {}

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

 private:
  const std::unique_ptr<store> behind_;
};

}  // namespace ballast
