#include "tools/plan/machine_description.hpp"

#include <algorithm>
#include <thread>

#include "tools/plan/rehearsals.hpp"
#include "tools/plan/visit_costs.hpp"

namespace ballast::tools {
namespace {

double total_of(const std::vector<timed_visit>& visits) {
  double sum = 0;
  for (const timed_visit& each : visits) {
    sum += each.compute;
  }
  return sum;
}

elements longest_layer(const model& declared) {
  elements longest;
  for (const layer& each : declared.layers()) {
    elements count;
    for (const parameter_id which : each.parameters) {
      count += declared.at(which).count;
    }
    longest = std::max(longest, count);
  }
  return longest;
}

/// Seconds of the disk that make a pipeline take `total`, at least `least`.
double disk_behind(double total, double least, double arithmetic, double carriers, double tiles) {
  double most = std::max(total, least);
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = (least + most) / 2;
    (pipeline_seconds(middle, arithmetic, carriers, tiles) < total ? least : most) = middle;
  }
  return least;
}

/// Fills one description, a part after the other.
class description {
 public:
  description(const plan_settings& settings, const gpt_model& model, const plan& places)
      : settings_(settings),
        model_(model),
        places_(places),
        config_(settings.run.trainer.model),
        longest_(longest_layer(model.declared)),
        parts_(make_backends()) {}

  result<machine_description> make() {
    made_.rates.device_is_host = !settings_.machine.flops;
    made_.rates.processors = std::max(1u, std::thread::hardware_concurrency());
    for (const auto part : {&description::compute, &description::arithmetic, &description::links,
                            &description::disk, &description::ranks}) {
      if (auto found = (this->*part)(); !found) {
        return found.error();
      }
    }
    return std::move(made_);
  }

 private:
  void note(std::string name, double value, std::string unit, bool given) {
    made_.figures.push_back({std::move(name), value, std::move(unit), given});
  }

  status compute() {
    const batch_shape& batch = settings_.run.trainer.batch;
    const visit_costs operations = operations_of(config_, batch);
    const auto& flops = settings_.machine.flops;
    visit_costs costs = scaled(operations, 1 / flops.value_or(1));
    if (!flops) {
      const auto rehearsed = rehearse_compute(*parts_, settings_.run.engine, config_, batch);
      if (!rehearsed) {
        return rehearsed.error();
      }
      costs = *rehearsed;
    }
    const offloaded_inputs inputs = offloaded_of(config_, batch);
    made_.visits = timed_visits(model_, inputs, costs);
    const double all = total_of(timed_visits(model_, inputs, operations));
    note("compute", all / total_of(made_.visits) / 1e9, "GFLOP/s", flops.has_value());
    return {};
  }

  status arithmetic() {
    const auto& host = settings_.machine.memory_bandwidth;
    const auto& device = settings_.machine.device_bandwidth;
    const optimizer with = kind_of(config_.optimizer);
    const auto update = static_cast<double>(update_traffic(config_.stored, with).value);
    const auto gradient = static_cast<double>(gradient_traffic(config_.stored).value);
    machine_rates& rates = made_.rates;
    update_rate rate{config_.stored, with};
    if (host) {
      rate.host = update / *host;
      rates.gradient = gradient / *host;
    } else {
      const auto rehearsed =
          rehearse_update(settings_.run.engine, config_,
                          {config_.layers, longest_, places_.parameters}, place::host);
      if (!rehearsed) {
        return rehearsed.error();
      }
      rate.host = rehearsed->seconds / static_cast<double>(rehearsed->updated.value);
      rates.gradient = rehearsed->gradients / static_cast<double>(rehearsed->updated.value);
    }
    rate.device = device ? update / *device : rate.host;
    rates.gradient = device ? gradient / *device : rates.gradient;
    rates.updates = {rate};
    rates.digest = rehearse_digests(settings_.run.engine, config_);
    const bool of_device = device.has_value() || host.has_value();
    note("update in host memory", rate.host * 1e9, "ns a parameter", host.has_value());
    note("update on the device", rate.device * 1e9, "ns a parameter", of_device);
    note("gradient passes", rates.gradient * 1e9, "ns a parameter", of_device);
    note("digests", rates.digest / 1e9, "GB/s", false);
    return {};
  }

  status links() {
    const auto& given = settings_.machine.link;
    double rate = given.value_or(0);
    if (!given) {
      const bytes layer = size_of(compute_type(config_.stored)) * longest_.value;
      const auto rehearsed = rehearse_link(*parts_, settings_.run.engine, layer);
      if (!rehearsed) {
        return rehearsed.error();
      }
      rate = *rehearsed;
    }
    made_.rates.upload = made_.rates.download = rate;
    note("link", rate / 1e9, "GB/s", given.has_value());
    return {};
  }

  status ranks() {
    const std::uint32_t size = settings_.run.engine.ranks;
    if (size == 1) {
      return {};
    }
    const auto& given = settings_.machine.ranks;
    double rate = given.value_or(0);
    if (!given) {
      const auto rehearsed =
          rehearse_ranks(size, size_of(compute_type(config_.stored)) * longest_.value);
      if (!rehearsed) {
        return rehearsed.error();
      }
      rate = *rehearsed;
    }
    made_.rates.peers = rate;
    note("from other ranks", rate / 1e9, "GB/s", given.has_value());
    return {};
  }

  status disk() {
    const std::uint32_t tiles = places_.tiles[static_cast<std::size_t>(place::nvme)];
    const auto& given = settings_.machine.disk;
    if (places_.total(place::nvme).value == 0) {
      return {};
    }
    disk_rates& rates = made_.rates.disk;
    if (!given) {
      const engine_config& engine = settings_.run.engine;
      const state_layout arrays = layout_of(config_.stored, kind_of(config_.optimizer));
      const auto rehearsed = rehearse_disk(*parts_, engine,
                                           {arrays.state(std::min(tile_of(engine), longest_)),
                                            std::max(tiles, 1U), engine.pipeline_depth});
      if (!rehearsed) {
        return rehearsed.error();
      }
      rates = *rehearsed;
      if (auto found = tiles > 0 ? disk_beside_updates() : status(); !found) {
        return found;
      }
    } else {
      rates = *given;
    }
    note("disk, reading", rates.read / 1e9, "GB/s", given.has_value());
    note("disk, writing", rates.write / 1e9, "GB/s", given.has_value());
    note("disk, both at once", rates.both / 1e9, "GB/s", given.has_value());
    return {};
  }

  /// What the disk moves while tiles are updated too: no more than by itself, and what the pipeline
  /// leaves of it.
  status disk_beside_updates() {
    // No more than the run itself will put there.
    const std::uint64_t on_disk = places_.tiles[static_cast<std::size_t>(place::nvme)];
    const auto rehearsed = rehearse_update(
        settings_.run.engine, config_,
        {config_.layers, longest_, tile_of(settings_.run.engine) * on_disk}, place::nvme);
    if (!rehearsed) {
      return rehearsed.error();
    }
    const auto moved = static_cast<double>(rehearsed->moved.value);
    const double arithmetic =
        static_cast<double>(rehearsed->updated.value) * made_.rates.updates.front().host +
        moved / made_.rates.digest;
    const std::uint32_t carriers = std::min(settings_.run.engine.pipeline_depth, rehearsed->tiles);
    double& both = made_.rates.disk.both;
    both = moved /
           disk_behind(rehearsed->seconds, moved / both, arithmetic, carriers, rehearsed->tiles);
    return {};
  }

  const plan_settings& settings_;
  const gpt_model& model_;
  const plan& places_;
  const gpt_config& config_;
  const elements longest_;
  const std::unique_ptr<backends> parts_;  ///< a store refers to its clock
  machine_description made_;
};

}  // namespace

bytes update_traffic(encoding stored, optimizer with) {
  // By groups of 128: int8's scales are one each.
  constexpr elements group{arithmetic::group_elements};
  const state_layout arrays = layout_of(stored, with);
  const bytes state = arrays.state(group) * 2;
  const std::uint64_t weights = stored == encoding::fp16 ? 1 : 2;  // fp16's are only written
  return (state + size_of(arrays.weights) * group.value * (weights + 1)) / group.value;
}

bytes gradient_traffic(encoding stored) {
  // Cleared, read, and written rounded.
  return size_of(dtype::f32) * 2 + size_of(compute_type(stored));
}

result<machine_description> describe_planned(const plan_settings& settings, const gpt_model& model,
                                             const plan& places) {
  return description(settings, model, places).make();
}

}  // namespace ballast::tools
