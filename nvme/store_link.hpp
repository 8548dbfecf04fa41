// The store's read and write links: one direction of one loop.
#pragma once

#include <nvme/io_loop.hpp>

namespace ballast::nvme {

class store_link final : public link {
 public:
  store_link(std::string_view verb, io_op op, io_loop& loop, link_meter& meter)
      : verb_(verb), op_(op), loop_(loop), meter_(meter) {}

  std::string_view name() const override { return verb_; }
  ticket submit(const transfer& hop) override { return loop_.submit(op_, hop, meter_); }
  link_counters counters() const override { return meter_.read(); }

 private:
  std::string_view verb_;
  io_op op_;
  io_loop& loop_;
  link_meter& meter_;
};

}  // namespace ballast::nvme
