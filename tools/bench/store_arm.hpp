// Tiles through the store, as the optimizer moves them: some under way at once; what was read is
// compared with its digests, what is written gets new ones. A mixed job writes each tile back that it
// read.
//
// Completions hand tiles to the thread that called run(), which does all work on them.
#pragma once

#include <condition_variable>
#include <mutex>

#include "tools/bench/bench_store.hpp"
#include "tools/bench/io_arm.hpp"

namespace ballast::tools {

class store_arm final : public io_arm {
 public:
  /// `memory` is cut into `carriers` tiles; it and `held` outlive this.
  store_arm(std::string_view name, io_mix mix, block_order order, const bench_store& held,
            std::span<std::byte> memory, std::uint32_t carriers);

  std::string_view name() const override { return name_; }
  std::string description() const override { return held_.disk().description(); }
  result<io_sample> run(scrutiny how) override;

 private:
  struct carrier {
    store_arm* arm;
    std::span<std::byte> memory;
    const extent* tile = nullptr;
    bool reading = false;
    status outcome = {};
  };

  void begin(carrier& with);
  void mark(carrier& with);
  void proceed(carrier& with);
  void write(carrier& with);
  void submit(carrier& with, bool reading);
  void keep(carrier& arrived);
  carrier& wait();
  bytes total() const;

  const std::string_view name_;
  const io_mix mix_;
  const bench_store& held_;
  std::vector<const extent*> order_;
  std::vector<carrier> carriers_;

  std::mutex mutex_;
  std::condition_variable some_arrived_;
  std::vector<carrier*> arrived_;  // guarded by mutex_

  scrutiny how_ = scrutiny::some_marks;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  std::uint64_t writings_ = 0;
  double check_seconds_ = 0;
  status outcome_;
};

}  // namespace ballast::tools
