// What can go wrong with one request between the loop and a queue.
#pragma once

#include <cstdint>
#include <nvme/io_queue.hpp>

namespace ballast::faults {

enum class fault_kind : std::uint8_t {
  none,
  error,        ///< an errno instead of bytes
  shortened,    ///< moves the first bytes only; what a read leaves out is rubbish
  nothing,      ///< moves no byte and says so
  flip,         ///< one bit turns on the way
  torn,         ///< only the first half of the units is written, all are said to be
  lost_write,   ///< nothing is written, all is said to be
  misdirected,  ///< meets the bytes beside those that were meant
  stale_read,   ///< brings what the last write there replaced
  delay,        ///< is over some time later
  reorder,      ///< is over after one that came later
  hang,         ///< is over after release()
  failed_sync,  ///< EIO, and what it should have made durable never will be
};

struct fault {
  fault_kind what = fault_kind::none;
  std::uint64_t amount = 0;  ///< errno, bytes, bit, bytes of a unit, nanoseconds
};

inline fault error(int value) { return {fault_kind::error, static_cast<std::uint64_t>(value)}; }
inline fault shortened(std::uint64_t moved) { return {fault_kind::shortened, moved}; }
inline fault nothing() { return {fault_kind::nothing, 0}; }
/// `bit` counts from the request's first one, modulo their number.
inline fault flip(std::uint64_t bit) { return {fault_kind::flip, bit}; }
/// `unit` is what the device writes as a whole: 512 or 4096.
inline fault torn(std::uint64_t unit) { return {fault_kind::torn, unit}; }
inline fault lost_write() { return {fault_kind::lost_write, 0}; }
inline fault misdirected() { return {fault_kind::misdirected, 0}; }
inline fault stale_read() { return {fault_kind::stale_read, 0}; }
inline fault delay(nanoseconds time) {
  return {fault_kind::delay, static_cast<std::uint64_t>(time.count())};
}
inline fault reorder() { return {fault_kind::reorder, 0}; }
inline fault hang() { return {fault_kind::hang, 0}; }
inline fault failed_sync() { return {fault_kind::failed_sync, 0}; }

/// Whether that can happen to such a request at all.
inline bool applies(fault_kind what, nvme::io_op to) {
  const bool sync = to == nvme::io_op::sync;
  switch (what) {
    case fault_kind::none: return false;
    case fault_kind::error:
    case fault_kind::delay:
    case fault_kind::reorder:
    case fault_kind::hang: return true;
    case fault_kind::shortened:
    case fault_kind::nothing:
    case fault_kind::flip:
    case fault_kind::misdirected: return !sync;
    case fault_kind::torn:
    case fault_kind::lost_write: return to == nvme::io_op::write;
    case fault_kind::stale_read: return to == nvme::io_op::read;
    case fault_kind::failed_sync: return sync;
  }
  return false;
}

}  // namespace ballast::faults
