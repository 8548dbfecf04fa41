#include <algorithm>
#include <ballast/rounding.hpp>
#include <condition_variable>
#include <mutex>

#include "tools/bench/sampling.hpp"
#include "tools/plan/rehearsals.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

constexpr bytes most_moved = 256_MiB;
constexpr std::size_t rounds = 5;

enum class pattern : unsigned char { read, write, read_then_write };

/// Carriers that go round between a store's tiles, each with one transfer under way.
class carousel {
 public:
  carousel(store& disk, std::vector<extent> tiles, std::span<std::byte> memory,
           std::uint32_t carriers)
      : disk_(disk), tiles_(std::move(tiles)), carriers_(carriers) {
    const std::size_t size = tiles_.front().size.value;
    for (std::uint32_t i = 0; i < carriers; ++i) {
      carriers_[i] = {this, memory.subspan(size * i, size), nullptr, false};
    }
  }

  bytes moved_by(pattern how) const {
    return tiles_.front().size * tiles_.size() * (how == pattern::read_then_write ? 2 : 1);
  }

  /// Every tile once.
  status run(pattern how) {
    std::unique_lock hold(mutex_);
    how_ = how;
    next_ = 0;
    for (carrier& each : carriers_) {
      begin(each);
    }
    over_.wait(hold, [this] { return under_way_ == 0; });
    return outcome_;
  }

 private:
  struct carrier {
    carousel* owner = nullptr;
    std::span<std::byte> memory;
    const extent* tile = nullptr;
    bool reading = false;
  };

  // All with mutex_ held.

  void begin(carrier& with) {
    if (!outcome_ || next_ == tiles_.size()) {
      return;
    }
    with.tile = &tiles_[next_++];
    submit(with, how_ != pattern::write);
  }

  void submit(carrier& with, bool reading) {
    with.reading = reading;
    ++under_way_;
    const completion done{[](void* context, const status& outcome) {
                            carrier& back = *static_cast<carrier*>(context);
                            back.owner->arrive(back, outcome);
                          },
                          &with};
    link& through = reading ? disk_.read() : disk_.write();
    (void)through.submit({.address = with.tile->address,
                          .memory = with.memory,
                          .urgency = reading ? priority::demand : priority::write_back,
                          .done = done});
  }

  void arrive(carrier& with, const status& outcome) {
    const std::lock_guard hold(mutex_);
    if (!outcome) {
      outcome_ = outcome;
    }
    if (outcome_ && with.reading && how_ == pattern::read_then_write) {
      submit(with, false);
    } else {
      begin(with);
    }
    if (--under_way_ == 0) {
      over_.notify_one();
    }
  }

  store& disk_;
  const std::vector<extent> tiles_;
  std::vector<carrier> carriers_;
  std::mutex mutex_;
  std::condition_variable over_;
  pattern how_ = pattern::read;
  std::size_t next_ = 0;
  std::uint32_t under_way_ = 0;
  status outcome_;
};

}  // namespace

result<disk_rates> rehearse_disk(backends& parts, const engine_config& engine,
                                 const tile_work_load& load) {
  engine_config config = engine;
  config.checkpoint_directory.reset();
  for (nvme_folder& folder : config.nvme) {
    folder.size.reset();
  }
  const bytes size = round_up(load.state, bytes{4096});
  const auto carriers = std::min(load.carriers, load.tiles);
  const auto affordable = static_cast<std::uint32_t>(std::max<std::uint64_t>(most_moved / size, 1));
  const std::uint32_t tiles = std::min(load.tiles, std::max(affordable, 2 * carriers));
  auto memory = parts.make_host_region(size * carriers, {}, {});
  if (!memory) {
    return memory.error();
  }
  auto disk = parts.make_store(config, {.extents = size * tiles, .spare = {}, .slices = tiles},
                               (*memory)->span());
  if (!disk) {
    return disk.error();
  }
  std::vector<extent> extents;
  for (std::uint32_t i = 0; i < tiles; ++i) {
    const auto made = (*disk)->allocate(size, 1);
    if (!made) {
      return made.error();
    }
    extents.push_back(*made);
  }
  carousel tiles_moved(**disk, extents, (*memory)->span(), carriers);
  status outcome = tiles_moved.run(pattern::write);
  std::vector<work> works;
  const pattern patterns[] = {pattern::read, pattern::write, pattern::read_then_write};
  for (const pattern each : patterns) {
    works.push_back([&tiles_moved, &outcome, each] {
      if (const status moved = tiles_moved.run(each); !moved) {
        outcome = moved;
      }
    });
  }
  const std::vector<series> taken = interleave(works, rounds);
  if (!outcome) {
    return outcome.error();
  }
  const auto rate = [&](std::size_t which) {
    return static_cast<double>(tiles_moved.moved_by(patterns[which]).value) / median(taken[which]);
  };
  return disk_rates{rate(0), rate(1), rate(2)};
}

}  // namespace ballast::tools
