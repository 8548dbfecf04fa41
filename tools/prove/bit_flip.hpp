// Damage on purpose, to show that it is noticed: one bit of one tile on disk, behind the engine's
// back.
//
// The backends pass everything on and remember the store; the engine that owns it must be alive
// when damage() is called, and idle.
#pragma once

#include <ballast/forwarding_backends.hpp>
#include <memory>

namespace ballast::tools {

class damaging_backends final : public forwarding_backends {
 public:
  explicit damaging_backends(std::unique_ptr<communicator> ranks)
      : forwarding_backends(make_backends(std::move(ranks))) {}

  result<std::unique_ptr<store>> make_store(const engine_config& config, const store_room& wanted,
                                            std::span<std::byte> arena) override;

  /// Flips a bit of the first tile on disk; its digest stays as it was.
  ///
  /// Errors: invalid_argument where nothing rests on disk; those of the links
  static status damage(store* disk);
  /// The store that was made last; nullptr when none was.
  std::shared_ptr<store*> last_store() const { return last_; }

 private:
  std::shared_ptr<store*> last_ = std::make_shared<store*>(nullptr);
};

}  // namespace ballast::tools
