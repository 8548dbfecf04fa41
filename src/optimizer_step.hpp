// The last part of a step: every tile past the optimizer, once, with the step's scalars.
//
// Begun early where that can be undone (DESIGN: speculation): once the caller has said what the
// coming step's options are, a tile on NVMe may be updated while backward still runs, as soon as
// its gradient is at home and its weights are not used any more, on the assumption that the norm
// needs no clipping and every gradient is finite. What it was before stays (undo_slots). finish()
// retires what was begun, or rolls it back and updates everything
// with what the norm asks for: the bits are those of a step that waited.
//
// Which tiles are kept in the cache, and what moves, does not depend on how early they were
// updated. Caller's thread; the work runs on the workers.
#pragma once

#include <ballast/engine.hpp>
#include <optional>

#include "speculation_policy.hpp"
#include "tile_pipeline.hpp"
#include "undo_slots.hpp"
#include "weight_exchange.hpp"

namespace ballast {

class optimizer_step {
 public:
  optimizer_step(const model& declared, const layout& where, const blueprint& drawn,
                 const engine_config& config, tile_homes& homes, const tile_work& work,
                 tile_pipeline& pipeline, const workers& threads, weight_exchange& exchange,
                 const clock& time);

  /// Waits for what is under way.
  ~optimizer_step();

  /// Of the coming update: trainable tiles; reversed by every finish(), but where nothing rests on NVMe
  /// and peers wait for the weights in the order of the layers.
  std::span<const tile_id> order() const { return order_; }

  /// What an update is made with.
  struct settings {
    step_options options;
    std::uint64_t update = 0;  ///< the optimizer's step number, from 1
    std::uint64_t noise_seed = 0;
  };

  // Early

  /// The coming step is to be made with `coming`, if the norm allows.
  void expect(const settings& coming);
  bool expecting() const { return expected_.has_value(); }
  /// A layer's gradient is at home and its weights are not used any more: its tiles may begin.
  void offer(layer_id layer);
  /// True when a tile of the layer was updated already.
  bool begun(layer_id layer) const;
  /// Rolls back what was begun; then nothing begins early any more until the next step.
  status withdraw();

  // In step()

  /// Updates what is left, or all of it where the assumption did not hold.
  ///
  /// Errors: weight_overflow; those of transfers and digests
  status finish(const settings& actual, double clip_coefficient);
  /// The step is skipped: what was begun is rolled back.
  status skip() { return withdraw(); }
  /// The step is over, updated or not.
  void end();

  /// Of this step.
  std::uint32_t early_tiles() const { return early_; }
  bool rolled_back() const { return rolled_back_; }
  std::uint32_t cached_tiles() const { return hits_; }
  /// Summed over the workers, since the beginning.
  nanoseconds busy() const { return nanoseconds(busy_ns_.load()); }

 private:
  void order_by_owner(const workers& threads);
  void mark_eligible();
  void set_scalars(const settings& with, double scale);
  status update(tile_id which, const carried& memory);

  const model& declared_;
  const layout& where_;
  const blueprint& drawn_;
  const engine_config& config_;
  tile_homes& homes_;
  const tile_work& work_;
  tile_pipeline& pipeline_;
  weight_exchange& exchange_;
  const clock& time_;
  const tile_pipeline::work todo_;
  std::vector<tile_id> order_;
  std::vector<update_recipe> recipes_;  ///< by group, without what a layer fixes
  std::atomic<std::uint32_t> findings_ = found_nothing;
  std::atomic<std::int64_t> busy_ns_ = 0;

  std::optional<settings> expected_;
  std::vector<std::uint8_t> eligible_;  ///< by tile: may begin early in this step
  undo_slots undo_;
  speculation_policy policy_;
  bool open_ = false;  ///< the pipeline has a run under way
  bool speculated_ = false;
  bool rolled_back_ = false;
  std::uint32_t early_ = 0;
  std::uint32_t hits_ = 0;
};

}  // namespace ballast
