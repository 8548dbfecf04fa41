// A run's checkpoints: save() makes the present state durable as one of them, load() brings the
// newest back.
//
//   DIR/manifest-000000000007   what there is, committed last (manifest.hpp)
//   DIR/state-000000000007      weights and state of every tile, as far as they lie in memory; where there
//                               are ranks, ...-2 those of the tiles that rank 2 owns
//                               (its manifest names it without DIR, which may be moved)
//   PATH/ballast-<run>/segment-*  what tiles have on NVMe, where it lies anyway: not copied, but
//                                 not overwritten either until the checkpoint is given up
//
// A save writes and syncs what lies in memory, syncs the segments, commits the manifest, and only
// then gives up the oldest checkpoint. Whatever moment it is interrupted at, the old manifests or
// the new one are valid; what no manifest refers to is removed when the folder is opened again.
//
// Ranks save and load together: each writes what it owns, all agree that they have, and rank 0, which
// alone holds the folder, commits one manifest that lists the parts of all. State belongs to the model:
// a checkpoint of any number of ranks is loaded by any other, each reading the ranges that it owns.
//
// Owned by the sealed engine, whose caller's thread it works in, while no tile is under way.
#pragma once

#include <ballast/checkpoint_folder.hpp>

#include "checkpoint_arrays.hpp"
#include "peers.hpp"
#include "shared_folder.hpp"

namespace ballast {

class checkpoints {
 public:
  /// What is neither in tiles nor the caller's.
  struct position {
    std::uint64_t steps = 0;
    std::uint64_t updates = 0;
    std::uint64_t noise_seed = 0;
  };
  struct found {
    position at;
    std::string blob;
  };

  /// Looks around in the folder; what a crash left there is removed.
  ///
  /// Errors: those of the folder; corrupted for a manifest that cannot be read; invalid_argument
  ///         for names that none can hold; no_space where one more checkpoint than are kept does
  ///         not fit beside those that are there
  ///
  /// Shapes:  folder: rank 0's, whose path the others find too; nullptr for them
  static result<std::unique_ptr<checkpoints>> open(std::unique_ptr<checkpoint_folder> folder,
                                                   const model& declared, const layout& where,
                                                   const engine_config& config, tile_homes& homes,
                                                   backends& parts, peers& ranks);

  /// Whether there is one to load.
  bool any() const { return !kept_.empty(); }

  /// Tiles on NVMe are written and not under way.
  ///
  /// Errors: wrong_order where the folder holds checkpoints that this run did not load; io_failure,
  ///         no_space. A failed save changes nothing.
  ///
  /// Returns: bytes written into the folder, without the manifest
  result<bytes> save(const position& at, std::string_view blob);
  /// A commit failed and could not be undone: what it names must not be overwritten any more.
  bool broken() const { return !broken_; }

  /// Whether load() has something to load; asked before anything is given up for it.
  ///
  /// Errors: invalid_argument: there is none, or it is another model's
  status usable() const;

  /// Overwrites every tile; after an error the tiles are not to be used.
  ///
  /// Errors: those of usable(); corrupted; io_failure
  result<found> load();

 private:
  using kept = shared_folder::numbered;

  checkpoints(const model& declared, const layout& where, const engine_config& config,
              tile_homes& homes, backends& parts, peers& ranks)
      : declared_(declared),
        where_(where),
        config_(config),
        homes_(homes),
        parts_(parts),
        peers_(ranks) {}

  /// Of one state file.
  struct file_size {
    bytes size;
    std::uint32_t slices = 0;
  };

  /// Whether this rank's part of a checkpoint has this tile.
  bool saves(const tile& which) const;
  status refuse_odd_names() const;
  status refuse_small_folder() const;
  file_size next_file() const;
  status look_around();
  status write_part(manifest& made, const std::string& name);
  result<manifest> whole_of(const manifest& part) const;
  status fill(manifest& made, store& into);
  status forget_oldest();
  void remove_files(const manifest& of);
  status refuse_other_model(const manifest& read) const;

  const model& declared_;
  const layout& where_;
  const engine_config& config_;
  tile_homes& homes_;
  backends& parts_;
  peers& peers_;
  std::unique_ptr<shared_folder> folder_;
  std::vector<kept> kept_;  ///< oldest first
  bool ours_ = true;        ///< no checkpoint is there that this run did not save or load
  status broken_;           ///< a commit that neither came about nor could be undone
};

}  // namespace ballast
