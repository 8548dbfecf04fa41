// The collectives as a communicator's own thread carries them out: one after the other, each call
// returns when its collective is over.
#pragma once

#include <ballast/communicator.hpp>

namespace ballast::comm {

/// Threads: one, but for abort() and received()
class collectives {
 public:
  /// Leaves the other ranks.
  virtual ~collectives() = default;

  virtual std::string_view name() const = 0;
  virtual rank self() const = 0;
  virtual std::uint32_t size() const = 0;
  virtual std::uint32_t host_size() const = 0;

  /// These as the communicator's.
  virtual result<std::unique_ptr<memory_region>> make_region(bytes size) = 0;
  virtual status reduce_scatter(const reduction& what, collective_tag tag) = 0;
  virtual status all_gather(const gathering& what, collective_tag tag) = 0;
  virtual result<bool> any(bool mine, collective_tag tag) = 0;
  virtual rank_traffic received() const = 0;
  virtual void abort(std::string_view cause) = 0;
};

}  // namespace ballast::comm
