// The parts an engine is built from, made on request once seal() knows the sizes. The concrete ones
// are built in src/backends.cpp and nowhere else; tests hand in fakes.
#pragma once

#include <ballast/clock.hpp>
#include <ballast/communicator.hpp>
#include <ballast/config.hpp>
#include <ballast/device.hpp>
#include <ballast/memory.hpp>
#include <ballast/store.hpp>
#include <memory>

namespace ballast {

class backends {
 public:
  virtual ~backends() = default;

  /// Errors of every maker: unsupported with the flag or option to change, exhausted with the
  /// amounts.
  virtual result<std::unique_ptr<device>> make_device(const engine_config& config,
                                                      bytes capacity) = 0;
  /// `parts`: arrays that lie behind each other in it, each of which is spread over the owners on
  /// its own; what is left after them is a part too. `by` touches the pieces of one part.
  virtual result<std::unique_ptr<memory_region>> make_host_region(bytes size,
                                                                  std::span<const bytes> parts,
                                                                  const first_touch& by) = 0;
  /// `arena`: memory that most transfers use; registered with the kernel where that is allowed. It
  /// outlives the store.
  virtual result<std::unique_ptr<store>> make_store(const engine_config& config, bytes size,
                                                    std::uint32_t slices,
                                                    std::span<std::byte> arena) = 0;
  virtual result<std::unique_ptr<communicator>> make_communicator(const engine_config& config) = 0;
  virtual result<std::unique_ptr<update_backend>> make_updates(const engine_config& config) = 0;
  virtual const clock& time() const = 0;
};

/// The real parts of this build and machine.
std::unique_ptr<backends> make_backends();

}  // namespace ballast
