// The store's read and write links: one direction of every path's loop.
#pragma once

#include <nvme/nvme_path.hpp>
#include <nvme/signal_guard.hpp>

namespace ballast::nvme {

/// By address, without a gap.
using path_list = std::vector<std::unique_ptr<nvme_path>>;

/// The path that holds an address; the last one for what lies beyond all, which it refuses.
inline nvme_path& path_of(const path_list& paths, std::uint64_t address) {
  for (const auto& each : paths) {
    if (address < each->end()) return *each;
  }
  return *paths.back();
}

class store_link final : public link {
 public:
  store_link(std::string_view verb, io_op op, const path_list& paths, const clock& time)
      : verb_(verb), op_(op), paths_(paths), meter_(time) {}

  std::string_view name() const override { return verb_; }
  ticket submit(const transfer& hop) override {
    return path_of(paths_, hop.address.value).submit(op_, hop, meter_);
  }
  status move(std::span<const tier_range> ranges, subject whose) override;
  link_counters counters() const override { return meter_.read(); }

 private:
  std::string_view verb_;
  io_op op_;
  const path_list& paths_;
  link_meter meter_;
};

/// In this thread, where the paths can; counted as one transfer.
inline status store_link::move(std::span<const tier_range> ranges, subject whose) {
  if (!paths_.front()->is_positional()) return link::move(ranges, whose);
  std::optional<signal_guard> no_death_by_file_size;
  if (op_ == io_op::write) no_death_by_file_size.emplace();
  meter_.begin();
  status outcome;
  bytes moved;
  for (std::size_t i = 0; i < ranges.size() && outcome; ++i) {
    outcome = path_of(paths_, ranges[i].address.value).move(op_, ranges[i]);
    moved += bytes{outcome ? ranges[i].memory.size() : 0};
  }
  meter_.end(moved);
  return outcome;
}

}  // namespace ballast::nvme
