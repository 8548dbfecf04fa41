// The folder of checkpoints as all ranks see it: rank 0 holds it, looks and writes; the others are
// told. Every call is made by all of them, and has the same outcome on each.
//
// Owned by checkpoints; caller's thread.
#pragma once

#include <ballast/checkpoint_folder.hpp>
#include <memory>

#include "manifest.hpp"
#include "peers.hpp"

namespace ballast {

class shared_folder {
 public:
  struct numbered {
    std::uint64_t number;
    manifest what;  ///< its files by their full names
  };

  /// `folder`: rank 0's; nullptr for the others.
  ///
  /// Errors: communicator_failure
  static result<std::unique_ptr<shared_folder>> make(std::unique_ptr<checkpoint_folder> folder,
                                                     peers& ranks);

  /// Absolute, without links.
  const std::string& path() const { return path_; }
  /// What its file system has left; known to rank 0, if to anybody.
  std::optional<bytes> room() const { return folder_ ? folder_->room() : std::nullopt; }
  /// A rank's file of a checkpoint, beside its manifest.
  std::string state_name(std::uint64_t number, rank of) const;

  /// The manifests that are there, oldest first.
  ///
  /// Errors: corrupted for one that cannot be read; io_failure
  result<std::vector<numbered>> manifests() const;
  /// Writes one; whole, or not at all.
  ///
  /// Errors: io_failure, no_space; invalid_argument: a path is not UTF-8
  status commit(const numbered& of);
  /// Whether a commit failed and its name could not be removed: nobody knows whether it is there.
  bool broken() const { return broken_; }
  status remove_manifest(std::uint64_t number);

  // Of files beside the manifests; what cannot be removed stays. All ranks leave together.

  /// Of a checkpoint that did not come to its manifest.
  void remove_states(std::uint64_t number);
  /// A store's, as far as they are in the folder.
  void remove_files(const store_record& of);
  /// Those that no manifest refers to.
  ///
  /// Errors: io_failure
  status remove_unreferenced(const std::vector<numbered>& by);

  /// The text of a manifest, which names the folder's own files without it: it may be moved.
  result<std::string> text_of(const manifest& of) const;
  /// The way back.
  ///
  /// Errors: corrupted: a name that leads out of the folder
  status resolve(manifest& of) const;

 private:
  shared_folder(std::unique_ptr<checkpoint_folder> folder, peers& ranks)
      : folder_(std::move(folder)), peers_(ranks) {}

  status seen_by_all() const;
  result<std::string> read_all() const;
  status remove_strangers(const std::vector<numbered>& by);

  std::unique_ptr<checkpoint_folder> folder_;  ///< rank 0's
  peers& peers_;
  std::string path_;
  bool broken_ = false;
};

}  // namespace ballast
