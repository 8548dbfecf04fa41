// A link that tells the activity log what is under way over it; everything else is the link's own.
//
// Owned by tile_homes; outlives the link it watches, whose completions run through it.
#pragma once

#include <ballast/block_pool.hpp>
#include <ballast/link.hpp>

#include "activity_log.hpp"

namespace ballast {

class traced_link final : public link {
 public:
  traced_link(link& watched, activity what, activity_log& log)
      : watched_(watched), what_(what), log_(log) {}

  std::string_view name() const override { return watched_.name(); }
  ticket submit(const transfer& hop) override;
  status move(std::span<const tier_range> ranges, subject whose) override;
  link_counters counters() const override { return watched_.counters(); }

 private:
  struct under_way {
    traced_link* by;
    completion done;
    subject whose;
    bytes size;
    time_point begun;
  };

  void arrived(under_way* which, const status& outcome);

  link& watched_;
  const activity what_;
  activity_log& log_;
  block_pool pool_;
};

}  // namespace ballast
