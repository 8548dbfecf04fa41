// The caller's activations while they are off the device, each stored once and loaded once:
//
//   store --> await_stored   its memory may be overwritten
//   expect --> load          it is back, and forgotten
//
// The first of each pair begins the transfer, the second waits for it, so that whatever the caller
// computes between them hides it. Owned by the engine. Caller's thread only.
#pragma once

#include <ballast/result.hpp>
#include <ballast/stream.hpp>
#include <ballast/types.hpp>
#include <span>

namespace ballast {

class stored_activations {
 public:
  virtual ~stored_activations() = default;

  /// Memory: the store's until await_stored()
  /// Errors: exhausted; device_failure
  virtual result<activation_id> store(std::span<const std::byte> device_memory,
                                      stream_ref stream) = 0;
  /// Errors: invalid_argument for one that is not there; those of the transfers
  virtual status await_stored(activation_id which, stream_ref stream) = 0;

  /// Begins what load() waits for, where it can begin without waiting.
  ///
  /// Memory: the store's until load()
  /// Errors: as load()
  virtual status expect(activation_id which, std::span<std::byte> device_memory,
                        stream_ref stream) = 0;
  /// Brings it back and forgets it.
  ///
  /// Errors: invalid_argument for one that is not there, of another size, or expected in other
  ///         memory; corrupted, io_failure, no_space, device_failure
  virtual status load(activation_id which, std::span<std::byte> device_memory,
                      stream_ref stream) = 0;

  /// Waits for what is under way.
  virtual void settle() = 0;
  /// Forgets all of them.
  virtual void drop() = 0;
};

/// What load() says of a request that names none.
inline failure no_such_activation() {
  return {errc::invalid_argument,
          "an activation is loaded once, with its stored size, where it was expected"};
}

}  // namespace ballast
