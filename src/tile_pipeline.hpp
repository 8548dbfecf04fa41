// Tiles past a worker: read from NVMe, worked on, written back.
//
//   next tile --> read --> work --> write --> next tile     a carrier (a staging buffer) goes round:
//                                                           memory and transfers under way are
//                                                           bounded by construction
//   direct --> work                                         tiles in memory need no carrier, nor do
//                                                           those whose slices workers bring
//                                                           themselves (tile_work)
//
// Reads, work and writes of different tiles overlap. A link's thread never works and never waits: of
// a carrier that comes back written it starts the next read at once, and one that was read it hands
// to a worker. Workers take what the disk waits for first: carriers that were read, then those that
// lay in the cache, then tiles in memory. With nothing to do one sleeps for each carrier that may
// arrive: workers that looked for work instead took a third of the step's processor time, and the
// links' threads waited for it. Workers beyond the carriers help with the slices of their tiles.
//
// A carrier has room for what a tile has on NVMe: its state, and its weights and its gradient where
// they rest there too. All must have been read before a worker takes it, and what lasts must have
// been written before it takes the next tile.
//
// The first error stops new tiles; those under way end. A write that failed is no error yet where
// another folder has room: a worker stamps the tile for its new extent, and it is written again.
//
// Carriers beyond the depth are the cache (carrier_group): a tile that is to be kept is read into one of
// them and stays there after the work, its state unwritten, and the next run finds it. As steps alternate their direction, the
// tail of one is the head of the next, and of T tiles on NVMe C are neither read nor written. Only
// weights are written even so: whoever fetches them reads them from NVMe; and a gradient is read even
// so, because each step pushes another one.
#pragma once

#include <tbb/task_group.h>

#include <atomic>
#include <ballast/result.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "carrier_group.hpp"
#include "first_failure.hpp"
#include "tile_homes.hpp"
#include "tile_work.hpp"
#include "workers.hpp"

namespace ballast {

class tile_pipeline {
 public:
  /// What to do with a tile; on any worker, on several tiles at once.
  using work = std::function<status(tile_id which, const carried& memory)>;

  using movement = tile_movement;
  /// What becomes of tiles in carriers when the work on them is done.
  enum class after : std::uint8_t {
    as_before,  ///< a tile that was in a carrier stays there
    keep_last,  ///< as many as the cache holds, the last ones of the run
  };

  tile_pipeline(const layout& where, const blueprint& drawn, tile_homes& homes,
                const tile_work& stamps, workers& threads);

  /// Runs `todo` on every tile of `tiles`; those on NVMe are started in that order.
  ///
  /// Threads: the caller's, which joins the workers until all is done
  /// Errors:  the first of a transfer or of `todo`
  status run(std::span<const tile_id> tiles, movement moved, const work& todo,
             after then = after::as_before);

  // The same in parts, while the caller does something else. `todo` lives until the end.

  /// A run over `tiles` begins; none of them has been started yet.
  void open(std::span<const tile_id> tiles, movement moved, const work& todo, after then);
  /// Starts some of them, which rest on NVMe and not in the cache; returns at once.
  void feed(std::span<const tile_id> some);
  /// Starts `rest`, all that was not fed, and ends the run. Joins the workers.
  status finish(std::span<const tile_id> rest);
  /// Ends the run with what was fed. Joins the workers.
  status drain();

  /// Writes what the cache holds and the disk does not; it stays in the cache.
  status flush();
  /// Forgets what the cache holds, written or not.
  void drop_cache();

  /// Any thread's, while a run goes on too.
  bool cached(tile_id which) const { return carrier_of_[which.value].load() != nullptr; }
  /// Tiles that runs found in the cache, since the beginning.
  std::uint64_t hits() const { return hits_; }

 private:
  using leg = carrier::leg;

  void line_up(std::span<const tile_id> tiles, after then);

  // On any thread.
  void go_on(carrier_group& group);
  void end(carrier& with);
  void start(carrier& with, bool reading);
  void submit(leg& which);
  void arrived(leg& which, const status& outcome);
  void hand_to_worker(carrier& with);
  bool over() const { return under_way_ == 0 && direct_.empty(); }

  // On workers.
  status serve_all();
  void serve(bool until_over);
  bool serve_one(std::unique_lock<std::mutex>& hold);
  void work_on(carrier& with);
  void change_folder(carrier& with);
  status guarded(tile_id which, const carried& memory) const;

  const layout& where_;
  tile_homes& homes_;
  const tile_work& stamps_;
  workers& workers_;
  std::vector<carrier> carriers_;
  const std::size_t cache_size_;

  // Of the run under way.
  movement movement_ = movement::read_and_write;
  const work* todo_ = nullptr;
  std::vector<std::uint8_t> kept_;                 ///< by tile: stays in its carrier after the run
  std::vector<std::atomic<carrier*>> carrier_of_;  ///< by tile, where it is cached
  std::vector<carrier*> in_cache_;                 ///< hold a tile of the run from the beginning
  std::uint64_t hits_ = 0;
  first_failure failures_;
  tbb::task_group early_;  ///< work on what was fed, while the caller does something else

  // Guarded by gate_.
  std::mutex gate_;
  std::condition_variable work_or_end_;
  std::uint32_t waiting_ = 0;   ///< workers, for either
  bool more_may_come_ = false;  ///< nobody waits for the end yet
  std::size_t under_way_ = 0;   ///< carriers that are busy
  carrier_group passing_, staying_;
  std::deque<carrier*> arrived_;  ///< wait for a worker, the disk for them
  std::deque<carrier*> found_;    ///< of in_cache_, wait for a worker
  std::deque<tile_id> direct_;    ///< need no carrier, wait for a worker
};

}  // namespace ballast
