// The data path's error channel: a value or one typed error with a line a person can act on.
// Set-up failures of the tools throw; inside the engine nothing does.
#pragma once

#include <ballast/assert.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ballast {

enum class errc {
  invalid_argument,      ///< a value the caller gave cannot be used
  does_not_fit,          ///< a plan needs more than a budget holds
  unsupported,           ///< this build or this machine lacks it; the message names the remedy
  exhausted,             ///< a bounded pool or budget is empty at run time
  wrong_order,           ///< the call does not belong here (before seal, a second push, ...)
  io_failure,            ///< a file operation failed: file, offset and errno are in the message
  no_space,              ///< a path is full
  corrupted,             ///< a checksum does not match what was written
  deadline_exceeded,     ///< a request is older than its deadline
  weight_overflow,       ///< a finite master value has no finite weight
  device_failure,        ///< the device refused or failed
  communicator_failure,  ///< a peer is gone or disagrees
  failed_task,           ///< an exception inside the engine's own work, or the caller's initializer
};

std::string_view to_string(errc code);

struct failure {
  errc code;
  std::string message;  ///< what failed, the measured value, the limit, what to change
  int system = 0;       ///< errno, where one caused it
};

/// A `Value`, or the error that kept it from existing. Reading the wrong one is a contract failure.
template <class Value>
class [[nodiscard]] result {
 public:
  result(Value value) : held_(std::in_place_index<0>, std::move(value)) {}
  result(failure problem) : held_(std::in_place_index<1>, std::move(problem)) {}

  bool has_value() const { return held_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  Value& value() & { return check(), std::get<0>(held_); }
  const Value& value() const& { return check(), std::get<0>(held_); }
  Value&& value() && { return check(), std::get<0>(std::move(held_)); }
  Value& operator*() & { return value(); }
  Value&& operator*() && { return std::move(*this).value(); }
  const Value& operator*() const& { return value(); }
  Value* operator->() { return &value(); }
  const Value* operator->() const { return &value(); }

  const failure& error() const {
    require(!has_value(), "error() is read from a failed result only");
    return std::get<1>(held_);
  }

 private:
  void check() const { require(has_value(), "value() is read from a successful result only"); }

  std::variant<Value, failure> held_;
};

/// Success, or an error. `{}` is success.
template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(failure problem) : failure_(std::move(problem)) {}

  bool has_value() const { return !failure_.has_value(); }
  explicit operator bool() const { return has_value(); }

  const failure& error() const {
    require(failure_.has_value(), "error() is read from a failed result only");
    return *failure_;
  }

 private:
  std::optional<failure> failure_;
};

using status = result<void>;

}  // namespace ballast
