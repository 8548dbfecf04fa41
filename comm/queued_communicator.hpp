// A communicator whose collectives a thread of its own carries out, in the order in which they were
// submitted: so they go on while the caller computes.
//
// The queue is bounded by what its callers keep in flight; a submission allocates nothing once as
// many have been in flight before. Destroying it fails what is still queued, on every rank.
#pragma once

#include <ballast/block_pool.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "comm/collectives.hpp"

namespace ballast::comm {

class queued_call;

class queued_communicator final : public communicator {
 public:
  explicit queued_communicator(std::unique_ptr<collectives> ranks);
  ~queued_communicator() override;
  queued_communicator(const queued_communicator&) = delete;
  queued_communicator& operator=(const queued_communicator&) = delete;

  std::string_view name() const override { return ranks_->name(); }
  rank self() const override { return ranks_->self(); }
  std::uint32_t size() const override { return ranks_->size(); }
  std::uint32_t host_size() const override { return ranks_->host_size(); }

  result<std::unique_ptr<memory_region>> make_region(bytes size) override;
  ticket reduce_scatter(const reduction& what, collective_tag tag, completion done) override;
  ticket all_gather(const gathering& what, collective_tag tag, completion done) override;
  result<bool> any(bool mine, collective_tag tag) override;
  rank_traffic received() const override { return ranks_->received(); }
  void abort(std::string_view cause) override { ranks_->abort(cause); }

 private:
  template <class What>
  std::shared_ptr<queued_call> submit(const What& what, collective_tag tag, completion done);
  void serve();

  std::unique_ptr<collectives> ranks_;
  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  std::mutex mutex_;
  std::condition_variable work_;
  std::shared_ptr<queued_call> first_;  ///< guarded by mutex_: queued calls, linked
  queued_call* last_ = nullptr;         ///< guarded by mutex_
  bool busy_ = false;                   ///< guarded by mutex_: a collective is under way
  bool ending_ = false;                 ///< guarded by mutex_
  std::jthread thread_;                 ///< last: it uses all of the above
};

}  // namespace ballast::comm
