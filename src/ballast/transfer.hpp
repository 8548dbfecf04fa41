// One hop of bytes between host memory and a tier, and the ticket that tells when it is over.
//
// A transfer's memory belongs to the link until its completion has run: cancelling or timing out
// does not give a buffer back. The completion runs once, on the link's own thread; it must not
// block.
#pragma once

#include <ballast/activity.hpp>
#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <memory>
#include <optional>
#include <span>

namespace ballast {

/// A position inside a tier: a device address, or an offset in a store. Only its tier can read it.
struct tier_address {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(tier_address, tier_address) = default;
  friend constexpr tier_address operator+(tier_address a, bytes n) { return {a.value + n.value}; }
};

/// Order of service where requests wait: smaller first.
enum class priority : std::uint8_t { demand, prefetch, write_back };

/// What to call when a transfer is over. A plain pair: no allocation, no ownership.
struct completion {
  void (*call)(void* context, const status& outcome) = nullptr;
  void* context = nullptr;
};

/// Shapes:  memory[n] bytes on the host side, the same n bytes at `address` in the tier
/// Memory:  borrowed until the completion has run; any alignment (links stage what they must)
struct transfer {
  tier_address address;
  std::span<std::byte> memory;
  priority urgency = priority::demand;
  std::optional<time_point> deadline = {};  ///< past it the request is reported, never abandoned
  completion done = {};
  subject whose = {};  ///< for traces
};

/// The state shared by a ticket and the link that serves it.
class transfer_state {
 public:
  virtual ~transfer_state() = default;
  virtual std::optional<status> poll() const = 0;
  virtual status wait() const = 0;
};

/// Whoever holds a ticket may ask or wait for its transfer. Dropping it does not cancel anything.
class ticket {
 public:
  ticket() = default;
  explicit ticket(std::shared_ptr<const transfer_state> state) : state_(std::move(state)) {}

  bool valid() const { return state_ != nullptr; }
  /// The outcome, or nullopt while the transfer runs. Never blocks.
  std::optional<status> poll() const { return state_->poll(); }
  /// Blocks until the transfer is over. Not from a completion, not from a scheduler's worker.
  status wait() const { return state_->wait(); }

 private:
  std::shared_ptr<const transfer_state> state_;
};

/// Blocks until all of them are over. Returns: the first failure.
inline status wait_for_all(std::span<const ticket> hops) {
  status outcome;
  for (const ticket& each : hops) {
    if (status arrived = each.wait(); !arrived && outcome) {
      outcome = std::move(arrived);
    }
  }
  return outcome;
}

}  // namespace ballast
