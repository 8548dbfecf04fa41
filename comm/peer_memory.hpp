// How the ranks of a host read each other's memory where it lies.
#pragma once

#include <ballast/memory.hpp>
#include <memory>
#include <span>

#include "comm/posted_call.hpp"

namespace ballast::comm {

class peer_memory {
 public:
  virtual ~peer_memory() = default;

  /// As communicator::make_region.
  virtual result<std::unique_ptr<memory_region>> make_region(bytes size) = 0;
  /// Where the peers find this rank's memory; not known where they cannot.
  virtual shared_address publish(std::span<const std::byte> memory) const = 0;
  /// Memory that the rank in a seat has published.
  virtual const std::byte* find(rank seat, shared_address published) const = 0;
  /// Memory of the rank in a seat for pieces of what it cannot publish; the same size for every rank.
  virtual std::span<std::byte> stage(rank seat) const = 0;
};

}  // namespace ballast::comm
