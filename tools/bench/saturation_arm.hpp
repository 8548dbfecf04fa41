// The limit: a plain loop that keeps a queue at full depth, from registered memory on 2 MiB pages, by
// one thread, without a store, links, priorities or digests.
#pragma once

#include <memory>

#include "tools/bench/block_traffic.hpp"
#include "tools/bench/io_arm.hpp"

namespace ballast::tools {

class saturation_arm final : public io_arm {
 public:
  /// `buffers` and `files` outlive it.
  ///
  /// Errors: those of opening a queue
  static result<std::unique_ptr<saturation_arm>> make(const block_job& job, bench_files& files,
                                                      std::span<std::byte> buffers);

  std::string_view name() const override { return "saturation"; }
  std::string description() const override { return queue_->description(); }
  result<io_sample> run(scrutiny how) override;

 private:
  saturation_arm(block_traffic traffic, std::unique_ptr<nvme::io_queue> queue,
                 const nvme::segment_map& map)
      : traffic_(std::move(traffic)), queue_(std::move(queue)), map_(map) {}

  status move_all();
  status settle(const nvme::io_completion& done);
  nvme::io_request request(std::uint32_t slot) const;

  block_traffic traffic_;
  std::unique_ptr<nvme::io_queue> queue_;
  const nvme::segment_map& map_;
};

}  // namespace ballast::tools
