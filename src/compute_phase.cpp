#include "compute_phase.hpp"

#include <algorithm>
#include <array>

#include "layer_traffic.hpp"
#include "slot_policy.hpp"

namespace ballast {
namespace {

double seconds_of(bytes moved, double rate) { return static_cast<double>(moved.value) / rate; }

/// The two links' queues. The host device has one copying thread for both.
class link_queues {
 public:
  explicit link_queues(bool shared) : shared_(shared) {}

  /// When a transfer that takes `seconds` and is submitted at `now` is over.
  double submit(hop which, double now, double seconds) {
    double& free = free_[!shared_ && which == hop::download ? 1 : 0];
    free = std::max(free, now) + seconds;
    busy_ += seconds;
    return free;
  }
  double busy() const { return busy_; }

 private:
  bool shared_;
  double free_[2] = {};
  double busy_ = 0;
};

class rehearsed_pass {
 public:
  rehearsed_pass(const model& declared, const layout& where, const blueprint& drawn,
                 const engine_config& config, const machine_rates& rates)
      : declared_(declared),
        where_(where),
        drawn_(drawn),
        config_(config),
        rates_(rates),
        slots_(drawn.layer_slots.count),
        read_(drawn.layer_slots.count),
        arrives_(drawn.layer_slots.count),
        links_(rates.device_is_host),
        left_device_(drawn.gradient_slots.count),
        relay_takes_(drawn.gradient_slots.count),
        updated_(where.layers().size()),
        gathered_(drawn.layer_slots.count),
        exchange_free_(std::max(1U, drawn.exchange.count)) {}

  compute_phase run(std::span<const timed_visit> visits) {
    for (const timed_visit& each : visits) {
      if (each.what.what == visit::kind::fetch) {
        order_.observe(each.what.layer);
      }
    }
    order_.restart();
    gather_ahead();
    for (std::size_t i = 0; i < visits.size(); ++i) {
      const visit& here = visits[i].what;
      switch (here.what) {
        case visit::kind::fetch: fetch(here.layer); break;
        case visit::kind::push: push(here.layer); break;
        case visit::kind::store: store(here.size); break;
        case visit::kind::load: load(here.size); break;
      }
      // A gradient's buffer is asked for before the compute that fills it.
      if (i + 1 < visits.size() && visits[i + 1].what.what == visit::kind::push) {
        const std::size_t slot = pushes_ % left_device_.size();
        wait_until(left_device_[slot], phase_.download);
        wait_until(relay_takes_[slot], phase_.write);
      }
      now_ += visits[i].compute;
      phase_.compute += visits[i].compute;
    }
    for (const double each : left_device_) {
      wait_until(each, phase_.download);
    }
    for (const double each : exchange_free_) {
      wait_until(each, phase_.collective);
    }
    wait_until(written_, phase_.write);
    double beside = stamping_;
    if (rates_.device_is_host) {
      beside += std::max(0.0, links_.busy() - phase_.upload - phase_.download);
    }
    phase_.compute += beside / rates_.processors;
    return phase_;
  }

 private:
  bool movable(layer_id layer) const {
    return !is_resident(where_, declared_, layer, drawn_.tile_places);
  }

  void wait_until(double when, double& charged) {
    charged += std::max(0.0, when - now_);
    now_ = std::max(now_, when);
  }

  /// When bytes from peers are here that can begin to come at `begin`, one collective after the other.
  double from_peers(bytes moved, double begin) {
    if (moved.value > 0 && rates_.peers > 0) {
      peers_free_ = std::max(peers_free_, begin) + seconds_of(moved, rates_.peers);
      return peers_free_;
    }
    return begin;
  }

  /// Where all ranks keep all weights, what peers have updated comes layer by layer from the beginning.
  void gather_ahead() {
    const partition& held = where_.held();
    for (std::uint32_t i = 0; i < updated_.size(); ++i) {
      if (!held.replicates() && held.holds_all_weights() && where_.layers()[i].trainable()) {
        updated_[i] = from_peers(gathered_sum_of(where_, {i}), 0);
      }
    }
  }

  void wait_for_updates(layer_id layer) {
    wait_until(updated_[layer.value], phase_.collective);
    for (const parameter_id tied : declared_.at(layer).tied) {
      wait_until(updated_[declared_.at(tied).layer.value], phase_.collective);
    }
  }

  void bring(layer_id layer, std::uint32_t slot) {
    wait_for_updates(layer);
    const bytes read = read_of(declared_, where_, drawn_, config_, layer);
    if (read.value > 0) {
      disk_free_ = std::max(disk_free_, now_) + seconds_of(read, rates_.disk.read);
    }
    read_[slot] = read.value > 0 ? disk_free_ : now_;
    const bytes moved = upload_of(declared_, where_, drawn_, layer);
    arrives_[slot] = links_.submit(hop::upload, read_[slot], seconds_of(moved, rates_.upload));
    gathered_[slot] = from_peers(gathered_of(declared_, where_, layer), arrives_[slot]);
  }

  void fetch(layer_id layer) {
    // What was stored before the layer before is written over from here on.
    wait_until(leaving_[0].device, phase_.download);
    wait_until(leaving_[0].relay, phase_.write);
    leaving_ = {leaving_[1], {}};
    asked_ = {asked_[1], now_};
    order_.observe(layer);
    if (!movable(layer)) {
      wait_for_updates(layer);
      return;
    }
    const auto granted = slots_.lease(layer, order_);
    if (!granted->present) {
      bring(layer, granted->slot);
    }
    while (const auto next =
               slots_.prefetch(order_, [this](layer_id each) { return movable(each); })) {
      bring(next->first, next->second);
    }
    wait_until(read_[granted->slot], phase_.read);
    wait_until(arrives_[granted->slot], phase_.upload);
    wait_until(gathered_[granted->slot], phase_.collective);
    slots_.give_back(granted->slot);
  }

  void push(layer_id layer) {
    const double passes = static_cast<double>(where_.at(layer).buffer.value) * rates_.gradient;
    now_ += passes;
    phase_.gradients += passes;
    if (!where_.held().alone() && where_.at(layer).trainable()) {
      push_to_peers(layer);
      return;
    }
    const bytes moved = download_of(declared_, where_, drawn_, layer);
    const std::size_t slot = pushes_++ % left_device_.size();
    left_device_[slot] = links_.submit(hop::download, now_, seconds_of(moved, rates_.download));
    if (const bytes stored = write_of(where_, drawn_, config_, layer); stored.value > 0) {
      relay_takes_[slot] = write(stored, left_device_[slot], drawn_.gradient_relay);
    }
  }

  /// What a rank keeps of the sum goes home when it is reduced: from the exchange, or where it rests.
  void push_to_peers(layer_id layer) {
    const double home = seconds_of(download_of(declared_, where_, drawn_, layer), rates_.download);
    const bool at_rest = drawn_.exchange.count == 0;
    double& free = exchange_free_[pushes_ % exchange_free_.size()];
    if (!at_rest) {
      wait_until(free, phase_.collective);
    }
    const std::size_t slot = pushes_++ % left_device_.size();
    left_device_[slot] = at_rest ? links_.submit(hop::download, now_, home) : now_;
    double over = from_peers(reduced_of(where_, layer), left_device_[slot]);
    if (where_.held().replicates()) {
      over = from_peers(gathered_sum_of(where_, layer), over);
    }
    over += at_rest ? 0 : home;
    free = std::max(free, over);
    if (const bytes stored = write_of(where_, drawn_, config_, layer); stored.value > 0) {
      relay_takes_[slot] = write(stored, over, drawn_.gradient_relay);
    }
  }

  /// Returns when the relay's buffers hold what is not yet written.
  double write(bytes stored, double left_device, const slot_pool& relay) {
    disk_free_ = std::max(disk_free_, left_device) + seconds_of(stored, rates_.disk.write);
    written_ = disk_free_;
    stamping_ += seconds_of(stored, rates_.digest);
    return written_ - seconds_of(relay.total(), rates_.disk.write);
  }

  void store(bytes size) {
    departure& last = leaving_[1];
    last.device = links_.submit(hop::download, now_, seconds_of(size, rates_.download));
    if (const bytes stored = on_nvme_of(drawn_, size); stored.value > 0) {
      last.relay = write(stored, last.device, drawn_.activation_relay);
    }
  }

  /// Before its layer's fetch. It was asked for when the backward of the second layer after it was
  /// over, which is when the one between them was fetched.
  void load(bytes size) {
    double begin = asked_[1];
    if (const bytes stored = on_nvme_of(drawn_, size); stored.value > 0) {
      disk_free_ = std::max(disk_free_, begin) + seconds_of(stored, rates_.disk.read);
      stamping_ += seconds_of(stored, rates_.digest);
      begin = disk_free_;
      wait_until(begin, phase_.read);
    }
    wait_until(links_.submit(hop::upload, begin, seconds_of(size, rates_.upload)), phase_.upload);
  }

  /// When what was stored has left the device, and when the relay has room for all of it.
  struct departure {
    double device = 0;
    double relay = 0;
  };

  const model& declared_;
  const layout& where_;
  const blueprint& drawn_;
  const engine_config& config_;
  const machine_rates& rates_;
  access_order order_;
  slot_policy slots_;
  std::vector<double> read_;     ///< by layer slot: when its weights have left NVMe
  std::vector<double> arrives_;  ///< by layer slot: when its weights are there
  double disk_free_ = 0;         ///< when what was asked for has been read or written
  link_queues links_;
  std::vector<double> left_device_;     ///< by gradient slot: when the link has taken it
  std::vector<double> relay_takes_;     ///< by gradient slot: when the relay has room for all of it
  std::vector<double> updated_;         ///< by layer: when its weights have come from peers
  std::vector<double> gathered_;        ///< by layer slot: when the peers' shards are there
  std::vector<double> exchange_free_;   ///< by exchange slot: when its sum is at home
  double peers_free_ = 0;               ///< when what was asked of peers is over
  double written_ = 0;                  ///< when every gradient and activation is on NVMe
  double stamping_ = 0;                 ///< digests of them, beside the caller's compute
  std::array<departure, 2> leaving_{};  ///< of activations stored before a layer, by layer
  std::array<double, 2> asked_{};       ///< when the last two layers were
  std::size_t pushes_ = 0;
  double now_ = 0;
  compute_phase phase_;
};

}  // namespace

compute_phase run_compute(const model& declared, const layout& where, const blueprint& drawn,
                          const engine_config& config, std::span<const timed_visit> visits,
                          const machine_rates& rates) {
  return rehearsed_pass(declared, where, drawn, config, rates).run(visits);
}

}  // namespace ballast
