// Brings every rank the weights that its peers have updated, where all ranks keep all of them (ZeRO
// stages 1 and 2): each layer's shards are gathered in place, where its weights rest.
//
// Begun in the order of the layers, each as soon as this rank's tiles of it are updated, and waited for
// by whoever wants a layer: so the gathering goes on beside the rest of the update and the next step's
// forward pass. Caller's thread, but for updated().
#pragma once

#include <ballast/model.hpp>
#include <exception>

#include "arrival.hpp"
#include "peers.hpp"
#include "tile_homes.hpp"

namespace ballast {

class weight_exchange {
 public:
  weight_exchange(const model& declared, const layout& where, tile_homes& homes, peers& ranks);
  ~weight_exchange() { (void)settle(); }

  /// Whether there is anything to do for anybody.
  bool needed() const { return needed_; }
  /// A layer's weights have changed, on every rank its own.
  void begin(layer_id which);
  void begin_all();

  /// Every trainable layer's are about to change: gathered when updated() has been told of each of this
  /// rank's tiles, or the update is over.
  void begin_update();
  /// Threads: any
  void updated(tile_id which);
  void end_update(const status& outcome);

  /// An update that an exception leaves is over too: nobody waits for tiles that nobody updates.
  class update_under_way {
   public:
    explicit update_under_way(weight_exchange& of) : of_(of) {}
    ~update_under_way() {
      if (std::uncaught_exceptions() > before_) {
        of_.end_update(failure{errc::failed_task, "an exception"});
      }
    }
    update_under_way(const update_under_way&) = delete;
    update_under_way& operator=(const update_under_way&) = delete;

   private:
    weight_exchange& of_;
    const int before_ = std::uncaught_exceptions();
  };

  /// Until what a fetch of the layer reads is there.
  status await(layer_id which);
  /// Until nothing is under way.
  status settle();

  /// What peers bring, or have brought, of what was begun since the last call of used().
  bytes coming() const { return coming_; }
  void used() { coming_ = {}; }

 private:
  ticket gather(layer_id which, std::span<const ticket> after);
  status await_one(layer_id which);

  const model& declared_;
  const layout& where_;
  tile_homes& homes_;
  peers& peers_;
  const bool needed_;
  std::vector<ticket> under_way_;  ///< by layer
  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  std::vector<std::shared_ptr<arrival>> updates_;  ///< by layer; of the update under way
  std::vector<ticket> own_;                        ///< by layer: the same, as gathers wait for them
  bytes coming_;
};

}  // namespace ballast
