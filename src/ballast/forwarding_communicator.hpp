// Another communicator, passed on as it is: what a wrapper inherits from, to change or watch some of
// its calls. Shared: it may outlive the wrapper, and then its rank has not left.
#pragma once

#include <ballast/communicator.hpp>
#include <memory>

namespace ballast {

class forwarding_communicator : public communicator {
 public:
  explicit forwarding_communicator(std::shared_ptr<communicator> behind)
      : behind_(std::move(behind)) {}

  std::string_view name() const override { return behind_->name(); }
  rank self() const override { return behind_->self(); }
  std::uint32_t size() const override { return behind_->size(); }
  std::uint32_t host_size() const override { return behind_->host_size(); }
  result<std::unique_ptr<memory_region>> make_region(bytes size) override {
    return behind_->make_region(size);
  }
  ticket reduce_scatter(const reduction& what, collective_tag tag, completion done) override {
    return behind_->reduce_scatter(what, tag, done);
  }
  ticket all_gather(const gathering& what, collective_tag tag, completion done) override {
    return behind_->all_gather(what, tag, done);
  }
  result<bool> any(bool mine, collective_tag tag) override { return behind_->any(mine, tag); }
  rank_traffic received() const override { return behind_->received(); }
  void abort(std::string_view cause) override { behind_->abort(cause); }

 private:
  std::shared_ptr<communicator> behind_;
};

}  // namespace ballast
