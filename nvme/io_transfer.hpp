// One transfer of a store's link from submission to completion: what its ticket points to.
//
// Shared by the loop, until it is over, and by whoever holds a ticket. The outcome is published
// after the completion has run, so that who waits may take everything back, the completion's
// context included.
#pragma once

#include <atomic>
#include <memory>
#include <nvme/io_queue.hpp>
#include <nvme/link_meter.hpp>

namespace ballast::nvme {

class io_transfer final : public transfer_state {
 public:
  io_transfer(io_op op, const transfer& hop, link_meter& meter, time_point submitted,
              time_point deadline)
      : op_(op), hop_(hop), meter_(meter), submitted_(submitted), deadline_(deadline) {}

  // Any thread.
  std::optional<status> poll() const override;
  status wait() const override;

  // The loop's thread alone, from here on.
  io_op op() const { return op_; }
  priority urgency() const { return hop_.urgency; }
  std::uint64_t address() const { return hop_.address.value; }
  bytes size() const { return {hop_.memory.size()}; }
  time_point submitted() const { return submitted_; }

  /// The part that no piece covers yet.
  std::span<std::byte> rest() const { return hop_.memory.subspan(carved_); }
  std::uint64_t rest_address() const { return address() + carved_; }
  void carve(std::size_t size) { carved_ += size, ++pieces_, begun_ = true; }
  /// Nothing more will be carved: all of it is, or it failed.
  bool all_carved() const {
    return failed() || (op_ == io_op::sync ? begun_ : carved_ == hop_.memory.size());
  }

  void piece_done() { --pieces_; }
  bool over() const { return all_carved() && pieces_ == 0; }

  bool failed() const { return !outcome_.has_value(); }
  /// Keeps the first failure.
  void fail(failure problem) {
    if (!failed()) outcome_ = std::move(problem);
  }

  /// True once: at the first look after its deadline.
  bool turns_late(time_point now) { return now >= deadline_ && !std::exchange(late_, true); }

  /// Counts it, runs the completion, wakes who waits.
  void finish();

  std::shared_ptr<io_transfer> next;  ///< in the list that holds it
  bool listed = false;                ///< a list holds it
  bool staged = false;                ///< goes through staging buffers

 private:
  const io_op op_;
  const transfer hop_;
  link_meter& meter_;
  const time_point submitted_;
  const time_point deadline_;
  std::size_t carved_ = 0;
  std::uint32_t pieces_ = 0;
  bool begun_ = false;
  bool late_ = false;
  status outcome_;
  std::atomic<bool> finished_ = false;
};

/// First in, first out; owns what it links. Pushing allocates nothing.
class transfer_list {
 public:
  bool empty() const { return first_ == nullptr; }
  io_transfer& front() const { return *first_; }

  void push(std::shared_ptr<io_transfer> added) {
    io_transfer* const at = added.get();
    at->listed = true;
    (last_ == nullptr ? first_ : last_->next) = std::move(added);
    last_ = at;
  }

  std::shared_ptr<io_transfer> pop() {
    auto taken = std::move(first_);
    first_ = std::move(taken->next);
    if (first_ == nullptr) last_ = nullptr;
    taken->listed = false;
    return taken;
  }

  /// The front stays; pieces share it.
  const std::shared_ptr<io_transfer>& shared_front() const { return first_; }

 private:
  std::shared_ptr<io_transfer> first_;
  io_transfer* last_ = nullptr;
};

}  // namespace ballast::nvme
