// Ranks between which bytes take their time: what a network would be, on one machine.
#pragma once

#include <atomic>
#include <chrono>
#include <comm/collectives.hpp>
#include <thread>

namespace ballast::comm {

/// Every collective takes as long as `per_second` bytes a second need for what it brings, on top.
class slow_link final : public collectives {
 public:
  slow_link(std::unique_ptr<collectives> behind, double per_second)
      : behind_(std::move(behind)), per_second_(per_second) {}

  std::string_view name() const override { return "slow link"; }
  rank self() const override { return behind_->self(); }
  std::uint32_t size() const override { return behind_->size(); }
  std::uint32_t host_size() const override { return behind_->host_size(); }
  result<std::unique_ptr<memory_region>> make_region(bytes size) override {
    return behind_->make_region(size);
  }
  status reduce_scatter(const reduction& what, collective_tag tag) override {
    return slowed([&] { return behind_->reduce_scatter(what, tag); });
  }
  status all_gather(const gathering& what, collective_tag tag) override {
    return slowed([&] { return behind_->all_gather(what, tag); });
  }
  result<bool> any(bool mine, collective_tag tag) override { return behind_->any(mine, tag); }
  rank_traffic received() const override { return behind_->received(); }
  void abort(std::string_view cause) override { behind_->abort(cause); }

 private:
  bytes brought() const { return behind_->received().reduced + behind_->received().gathered; }

  template <class Collective>
  status slowed(const Collective& collective) {
    const auto begin = std::chrono::steady_clock::now();
    const bytes before = brought();
    const status outcome = collective();
    const double seconds = static_cast<double>((brought() - before).value) / per_second_;
    std::this_thread::sleep_until(begin +
                                  std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                      std::chrono::duration<double>(seconds)));
    return outcome;
  }

  std::unique_ptr<collectives> behind_;
  double per_second_;
};

}  // namespace ballast::comm
