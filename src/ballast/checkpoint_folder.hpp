// The folder of a run's checkpoints: small files that appear whole or not at all.
//
// Held by one process at a time. It knows nothing of what the files say; the large ones beside them
// are stores (backends::make_kept_store). Why an interface: this is where a crash at any moment is
// simulated.
#pragma once

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <optional>
#include <string>
#include <vector>

namespace ballast {

class checkpoint_folder {
 public:
  virtual ~checkpoint_folder() = default;

  /// Absolute, without links.
  virtual const std::string& path() const = 0;
  /// What its file system has left for it; nothing where that cannot be told.
  virtual std::optional<bytes> room() const = 0;
  /// Every regular file, sorted; those a commit left unfinished are not among them.
  virtual result<std::vector<std::string>> names() const = 0;
  /// What was committed under a name.
  ///
  /// Errors: corrupted where that is not what is there; io_failure
  virtual result<std::string> read(const std::string& name) const = 0;

  /// Writes a file under another name, makes it durable, renames it and makes that durable: when
  /// this returns without an error the file survives power loss, and until then the old state does.
  virtual status commit(const std::string& name, std::string_view contents) = 0;
  /// Removes a file and makes that durable; one that is not there is removed already.
  virtual status remove(const std::string& name) = 0;
};

}  // namespace ballast
