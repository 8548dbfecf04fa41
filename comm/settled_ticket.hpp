// Tickets of what is over when it is asked for: one shared state, so that giving one out allocates
// nothing.
#pragma once

#include <ballast/transfer.hpp>
#include <memory>

namespace ballast::comm {

class settled_ticket {
 public:
  explicit settled_ticket(status outcome = {})
      : state_(std::make_shared<const settled>(std::move(outcome))) {}

  /// Calls `done` and returns the ticket.
  ticket give(completion done) const {
    if (done.call != nullptr) done.call(done.context, state_->outcome);
    return ticket(state_);
  }

 private:
  struct settled final : transfer_state {
    explicit settled(status given) : outcome(std::move(given)) {}
    std::optional<status> poll() const override { return outcome; }
    status wait() const override { return outcome; }
    status outcome;
  };

  std::shared_ptr<const settled> state_;
};

}  // namespace ballast::comm
