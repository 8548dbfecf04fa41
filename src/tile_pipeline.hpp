// Tiles past a worker: read from NVMe, worked on, written back, as one oneTBB flow graph.
//
//   begin --> read --> work --> write --> begin     a carrier (a staging buffer) goes round, taking
//                                                   the next tile at `begin`: memory and transfers
//                                                   under way are bounded by construction
//   direct --> work                                 tiles in memory need no carrier
//
// Reads, work and writes of different tiles overlap. No worker ever blocks on a transfer: a
// completion re-enters the graph through its node's gateway. The first error stops new tiles; those
// under way end. A write that failed is no error yet where another folder has room: the tile goes
// through `work` once more, only to be stamped for its new extent.
//
// Carriers beyond the depth are the cache: a tile that is to be kept stays in its carrier after the
// work, unwritten, and the next run finds it there. As steps alternate their direction, the tail of
// one is the head of the next, and of T tiles on NVMe C are neither read nor written.
#pragma once

#include <tbb/flow_graph.h>

#include <ballast/result.hpp>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "first_failure.hpp"
#include "tile_homes.hpp"
#include "tile_work.hpp"
#include "workers.hpp"

namespace ballast {

class tile_pipeline {
 public:
  /// What to do with a tile's state; on any worker, on several tiles at once.
  using work = std::function<status(tile_id which, std::span<std::byte> state)>;

  enum class movement : std::uint8_t {
    read_and_write,  ///< an update
    read_only,       ///< a look
    write_only,      ///< a first fill
  };
  /// What becomes of tiles in carriers when the work on them is done.
  enum class after : std::uint8_t {
    as_before,  ///< a tile that was in a carrier stays there
    keep_last,  ///< as many as the cache holds, the last ones of the run
  };

  tile_pipeline(const layout& where, const blueprint& drawn, tile_homes& homes,
                const tile_work& stamps, workers& threads);
  ~tile_pipeline();

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

  bool cached(tile_id which) const { return carrier_of_[which.value] != nullptr; }
  /// Tiles that runs found in the cache, since the beginning.
  std::uint64_t hits() const { return hits_; }

 private:
  struct carrier;
  using node_gateway = tbb::flow::async_node<carrier*, carrier*>::gateway_type;

  struct carrier {
    tile_pipeline* owner = nullptr;
    std::span<std::byte> buffer;
    tile_id holds;
    bool cached = false;   ///< `holds` stays in the buffer
    bool changed = false;  ///< since it was read or written
    bool moving = false;   ///< could not be written where it was to go
    status outcome;
    node_gateway* gateway = nullptr;
  };

  using one_of_two = std::tuple<carrier*, carrier*>;
  using choice = tbb::flow::multifunction_node<carrier*, one_of_two>;
  using hop_node = tbb::flow::async_node<carrier*, carrier*>;
  using direct_node = tbb::flow::function_node<std::uint32_t, tbb::flow::continue_msg>;

  struct graph_nodes;

  void line_up(std::span<const tile_id> tiles, after then);
  std::optional<tile_id> next_for(carrier* with);
  void begin(carrier* with, choice::output_ports_type& to);
  void start(carrier* with, bool reading, node_gateway& gateway);
  void arrive(carrier& with, const status& outcome);
  void work_on(carrier* with, choice::output_ports_type& to);
  status guarded(tile_id which, std::span<std::byte> state) const;
  std::span<std::byte> state_of(const carrier& which) const;

  const layout& where_;
  tile_homes& homes_;
  const tile_work& stamps_;
  workers& workers_;
  std::vector<carrier> carriers_;
  const std::size_t cache_size_;
  std::unique_ptr<graph_nodes> nodes_;

  // Of the run under way.
  movement movement_ = movement::read_and_write;
  const work* todo_ = nullptr;
  std::vector<carrier*> found_;       ///< hold a tile of the run from the beginning
  std::vector<std::uint8_t> kept_;    ///< by tile: stays in its carrier after the run
  std::vector<carrier*> carrier_of_;  ///< by tile, where it is cached
  std::uint64_t hits_ = 0;
  first_failure failures_;

  std::mutex gate_;
  std::vector<tile_id> staged_;  ///< to be brought in, in order; guarded by gate_
  std::size_t next_staged_ = 0;  // guarded by gate_
  std::vector<carrier*> idle_;   ///< wait for a tile; guarded by gate_
};

}  // namespace ballast
