// The parts an engine is built from, made on request once seal() knows the sizes. The concrete ones
// are built in src/backends.cpp and nowhere else; tests hand in fakes.
#pragma once

#include <ballast/checkpoint_folder.hpp>
#include <ballast/clock.hpp>
#include <ballast/communicator.hpp>
#include <ballast/config.hpp>
#include <ballast/device.hpp>
#include <ballast/memory.hpp>
#include <ballast/store.hpp>
#include <memory>

namespace ballast {

/// What a store has to have room for.
struct store_room {
  bytes extents;             ///< all of them together
  bytes spare;               ///< in each of several folders, beyond its share of them
  std::uint32_t slices = 0;  ///< digests
};

class backends {
 public:
  virtual ~backends() = default;

  /// Whether every folder of `config.nvme` is as fast as memory (tmpfs, DAX), and there is one.
  virtual bool nvme_is_memory(const engine_config& config) const = 0;

  /// Errors of every maker: unsupported with the flag or option to change, exhausted with the
  /// amounts.
  /// `ranks`: whose memory the peers read where it is, if this device's can be such; nullptr: nobody
  /// reads it.
  virtual result<std::unique_ptr<device>> make_device(const engine_config& config, bytes capacity,
                                                      communicator* ranks = nullptr) = 0;
  /// `parts`: arrays that lie behind each other in it, each of which is spread over the owners on
  /// its own; what is left after them is a part too. `by` touches the pieces of one part.
  virtual result<std::unique_ptr<memory_region>> make_host_region(bytes size,
                                                                  std::span<const bytes> parts,
                                                                  const first_touch& by) = 0;
  /// Its files have names, and outlive the process, where the configuration names a folder for
  /// checkpoints; else nothing remains of them. `arena`: memory that most transfers use; registered
  /// with the kernel where that is allowed. It outlives the store.
  virtual result<std::unique_ptr<store>> make_store(const engine_config& config,
                                                    const store_room& wanted,
                                                    std::span<std::byte> arena) = 0;
  /// One file `name` in the folder for checkpoints, for what rests in memory.
  virtual result<std::unique_ptr<store>> make_kept_store(const engine_config& config,
                                                         const std::string& name, bytes size,
                                                         std::uint32_t slices) = 0;
  /// The store that a checkpoint refers to, to be read.
  virtual result<std::unique_ptr<store>> open_store(const engine_config& config,
                                                    const store_record& record,
                                                    std::uint32_t slices) = 0;
  /// Removes the files of a store that no checkpoint refers to any more; not a kept store's file,
  /// which is in the folder for checkpoints and removed there.
  virtual status remove_store(const store_record& record) = 0;
  /// Made where it is missing.
  ///
  /// Errors: invalid_argument where another process holds it
  virtual result<std::unique_ptr<checkpoint_folder>> open_checkpoints(
      const engine_config& config) = 0;
  virtual result<std::unique_ptr<communicator>> make_communicator(const engine_config& config) = 0;
  virtual result<std::unique_ptr<update_backend>> make_updates(const engine_config& config) = 0;
  virtual const clock& time() const = 0;
};

/// The real parts of this build and machine, of an engine that has the model alone.
std::unique_ptr<backends> make_backends();
/// The same, of an engine that shares the model with the peers of `ranks` (ballast/ranks.hpp).
std::unique_ptr<backends> make_backends(std::unique_ptr<communicator> ranks);

}  // namespace ballast
