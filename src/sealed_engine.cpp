#include "sealed_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ballast {

sealed_engine::sealed_engine(const model& declared, layout where, blueprint drawn,
                             const engine_config& config, backends& parts)
    : declared_(declared),
      where_(std::move(where)),
      drawn_(std::move(drawn)),
      config_(config),
      time_(parts.time()),
      log_(parts.time()),
      workers_(plan_threads(config.threads, find_numa_nodes())),
      noise_seed_(config.noise_seed) {}

result<std::unique_ptr<sealed_engine>> sealed_engine::make(
    const model& declared, layout where, blueprint drawn, const engine_config& config,
    backends& parts, const std::array<bytes, place_count>& reserved) {
  std::unique_ptr<sealed_engine> made(
      new sealed_engine(declared, std::move(where), std::move(drawn), config, parts));
  if (auto built = made->build(reserved, parts); !built) {
    return built.error();
  }
  return made;
}

status sealed_engine::build(const std::array<bytes, place_count>& reserved, backends& parts) {
  auto ranks = parts.make_communicator(config_);
  if (!ranks) {
    return ranks.error();
  }
  communicator_ = *std::move(ranks);
  auto updates = parts.make_updates(config_);
  if (!updates) {
    return updates.error();
  }
  host_updates_ = *std::move(updates);
  // First of all that is on disk: another run's folder is refused before anything is made.
  std::unique_ptr<checkpoint_folder> folder;
  if (config_.checkpoint_directory) {
    auto opened = parts.open_checkpoints(config_);
    if (!opened) {
      return opened.error();
    }
    folder = *std::move(opened);
  }
  auto homes = tile_homes::make(
      where_, drawn_, config_, parts, reserved[static_cast<std::size_t>(place::host)],
      [this](std::size_t pieces, const auto& touch) { workers_.for_each(pieces, touch); }, log_);
  if (!homes) {
    return homes.error();
  }
  homes_ = *std::move(homes);
  const bytes on_device = reserved[static_cast<std::size_t>(place::device)];
  std::span<std::byte> for_caller;
  if (on_device.value > 0) {
    auto memory = homes_->on_device().allocate(on_device);
    if (!memory) {
      return memory.error();
    }
    for_caller = *memory;
  }
  if (!homes_->on_device().host_addressable()) {
    return failure{errc::unsupported,
                   "the device's memory cannot be reached by the CPU; use --device host"};
  }
  on_device_ = std::make_unique<caller_memory>(place::device, for_caller);
  in_host_ = std::make_unique<caller_memory>(place::host, homes_->caller_host());
  layer_slots_ = std::make_unique<layer_slots>(declared_, where_, drawn_, *homes_);
  gradient_slots_ = std::make_unique<gradient_slots>(declared_, where_, drawn_, *homes_,
                                                     *host_updates_, workers_);
  work_ = std::make_unique<tile_work>(where_, *homes_, *host_updates_, workers_);
  pipeline_ = std::make_unique<tile_pipeline>(where_, drawn_, *homes_, *work_, workers_);
  state_ = std::make_unique<state_access>(declared_, where_, *homes_, *pipeline_, *work_);
  for (std::uint32_t i = 0; i < where_.tiles().size(); ++i) {
    if (where_.at(where_.tiles()[i].layer).trainable()) {
      tile_order_.push_back({i});
    }
  }
  order_by_owner();
  recipes_.resize(declared_.groups().size());
  if (auto filled = fill(); !filled) {
    return filled;
  }
  if (folder != nullptr) {
    auto opened = checkpoints::open(std::move(folder), declared_, where_, config_, *homes_, parts);
    if (!opened) {
      return opened.error();
    }
    checkpoints_ = *std::move(opened);
  }
  step_report ignored;
  account(ignored);
  return {};
}

/// The initial state; what the first update begins with is filled last and stays in the cache.
status sealed_engine::fill() {
  std::vector<tile_id> order;
  for (std::uint32_t i = 0; i < where_.tiles().size(); ++i) {
    if (!where_.at(where_.tiles()[i].layer).trainable()) {
      order.push_back({i});
    }
  }
  order.insert(order.end(), tile_order_.rbegin(), tile_order_.rend());
  return state_->initialise(order);
}

/// Where there are several NUMA nodes their tiles take turns, so that all are at work: a node's
/// threads work on its own tiles only.
void sealed_engine::order_by_owner() {
  std::vector<std::vector<tile_id>> of_node(workers_.nodes());
  for (const tile_id each : tile_order_) {
    of_node[workers_.owner_of(homes_->at(each).share)].push_back(each);
  }
  const std::size_t total = tile_order_.size();
  tile_order_.clear();
  for (std::size_t turn = 0; tile_order_.size() < total; ++turn) {
    for (const std::vector<tile_id>& each : of_node) {
      if (turn < each.size()) {
        tile_order_.push_back(each[turn]);
      }
    }
  }
}

void sealed_engine::remember(const failure& problem) {
  const bool changed_nothing = problem.code == errc::invalid_argument ||
                               problem.code == errc::wrong_order ||
                               problem.code == errc::exhausted || problem.code == errc::unsupported;
  if (health_ && !changed_nothing) {
    health_ = problem;
  }
}

status sealed_engine::begin_pass(std::string_view name) {
  require(!layer_slots_->any_leased(), "a pass begins while no weights are on lease");
  if (auto begun = layer_slots_->begin_pass(name); !begun) {
    return begun;
  }
  step_report ignored;  // what another pass moved since the last step is not the next one's
  account(ignored);
  return {};
}

status sealed_engine::abandon() {
  const status settled = gradient_slots_->settle_all();
  gradient_slots_->reset();
  return settled;
}

result<step_report> sealed_engine::step(const step_options& options) {
  if (layer_slots_->any_leased() || gradient_slots_->any_leased()) {
    return failure{errc::wrong_order, "step() while weights or gradients are on lease"};
  }
  if (auto ready = gradient_slots_->complete(); !ready) {
    return ready.error();
  }
  if (auto settled = layer_slots_->invalidate(); !settled) {
    return settled.error();
  }
  layer_slots_->end_pass();
  step_report report;
  report.gradient_norm = std::sqrt(gradient_slots_->sum_of_squares()) / options.loss_scale;
  const auto any_skips = [&] {
    const active_span busy(log_, activity::collective, "any");
    return communicator_->any(!gradient_slots_->finite(), {{}, steps_});
  }();
  if (!any_skips) {
    return any_skips.error();
  }
  report.skipped = *any_skips;
  if (options.clip_norm > 0) {
    // The 1e-6 is torch.nn.utils.clip_grad_norm_'s.
    report.clip_coefficient = std::min(1.0, options.clip_norm / (report.gradient_norm + 1e-6));
  }
  if (!report.skipped) {
    ++updates_;
    if (auto updated = update(options, report.clip_coefficient / options.loss_scale); !updated) {
      return updated.error();
    }
  }
  gradient_slots_->reset();
  report.step = ++steps_;
  report.updates = updates_;
  report.cached_tiles = report.skipped ? 0 : hits_;
  account(report);
  return report;
}

status sealed_engine::update(const step_options& options, double scale) {
  for (std::size_t i = 0; i < recipes_.size(); ++i) {
    const double rate = options.group_learning_rates.empty() ? options.learning_rate
                                                             : options.group_learning_rates[i];
    recipes_[i].scalars = make_scalars(declared_.groups()[i], rate, updates_, scale);
    recipes_[i].noise_key = arithmetic::noise_key(noise_seed_, updates_);
  }
  std::atomic<std::uint32_t> findings = found_nothing;
  const tile_work::body one_slice = [&](const tile_work::slice& each) -> status {
    const time_point begin = time_.now();
    std::uint32_t found = found_nothing;
    work_->update(each, recipes_, found);
    if (found != found_nothing) {
      findings.fetch_or(found, std::memory_order_relaxed);
    }
    optimizer_busy_ns_.fetch_add((time_.now() - begin).count(), std::memory_order_relaxed);
    return {};
  };
  const std::uint64_t hits = pipeline_->hits();
  const status moved = pipeline_->run(
      tile_order_, tile_pipeline::movement::read_and_write,
      [&](tile_id which, std::span<std::byte> state) {
        const active_span busy(log_, activity::optimizer, "update", subject::of(which));
        return work_->for_slices(which, state, where_.at(which).range, tile_work::access::change,
                                 one_slice);
      },
      tile_pipeline::after::keep_last);
  hits_ = static_cast<std::uint32_t>(pipeline_->hits() - hits);
  // The tail of one step is the head of the next: what was used last is still in cache.
  std::ranges::reverse(tile_order_);
  if (moved && (findings.load() & found_weight_overflow) != 0) {
    return failure{
        errc::weight_overflow,
        fmt::format("update {}: a master value has no finite weight in the compute type; "
                    "lower the learning rate",
                    updates_)};
  }
  return moved;
}

void sealed_engine::account(step_report& report) {
  step_report now;
  const auto count = [&](hop which, const link& through) {
    const link_counters counters = through.counters();
    now.moved[which] = counters.moved;
    now.busy[static_cast<std::size_t>(which)] = counters.busy;
  };
  count(hop::upload, homes_->on_device().upload());
  count(hop::download, homes_->on_device().download());
  if (store* disk = homes_->on_disk()) {
    count(hop::read, disk->read());
    count(hop::write, disk->write());
  }
  now.optimizer_busy = nanoseconds(optimizer_busy_ns_.load());
  for (std::size_t i = 0; i < hop_count; ++i) {
    report.moved.moved[i] = now.moved.moved[i] - before_.moved.moved[i];
    report.busy[i] = now.busy[i] - before_.busy[i];
  }
  report.optimizer_busy = now.optimizer_busy - before_.optimizer_busy;
  report.time = log_.take();
  before_ = now;
}

result<save_report> sealed_engine::save(std::string_view blob) {
  if (checkpoints_ == nullptr || layer_slots_->any_leased() || gradient_slots_->any_leased()) {
    return failure{errc::wrong_order, checkpoints_ == nullptr
                                          ? "no folder for checkpoints was configured"
                                          : "save() while weights or gradients are on lease"};
  }
  const time_point begin = time_.now();
  const auto written = [&] {
    store* const disk = homes_->on_disk();
    return disk != nullptr ? disk->write().counters().moved : bytes{};
  };
  const bytes before = written();
  // What the disk does not take here is lost to the next step too.
  if (auto flushed = pipeline_->flush(); !flushed) {
    remember(flushed.error());
    return flushed.error();
  }
  const auto saved = checkpoints_->save({steps_, updates_, noise_seed_}, blob);
  if (!saved) {
    // A manifest that may be there or not: going on would overwrite what it names.
    if (checkpoints_->broken()) {
      remember(saved.error());
    }
    return saved.error();
  }
  return save_report{*saved, written() - before, time_.now() - begin};
}

result<std::string> sealed_engine::load() {
  if (checkpoints_ == nullptr || layer_slots_->any_leased() || gradient_slots_->any_leased()) {
    return failure{errc::wrong_order, checkpoints_ == nullptr
                                          ? "no folder for checkpoints was configured"
                                          : "load() while weights or gradients are on lease"};
  }
  if (auto usable = checkpoints_->usable(); !usable) {
    return usable.error();
  }
  if (auto settled = gradient_slots_->settle_all(); !settled) {
    return settled.error();
  }
  gradient_slots_->reset();
  if (auto settled = layer_slots_->invalidate(); !settled) {
    return settled.error();
  }
  // From here on the state is neither the old one nor the checkpoint's until all of it is there.
  pipeline_->drop_cache();
  auto found = checkpoints_->load();
  if (!found) {
    health_ = health_ ? status(found.error()) : health_;
    return found.error();
  }
  steps_ = found->at.steps;
  updates_ = found->at.updates;
  noise_seed_ = found->at.noise_seed;
  health_ = {};
  return std::move(found->blob);
}

result<activation_id> sealed_engine::store_activation(std::span<const std::byte> device_memory,
                                                      stream_ref stream) {
  auto memory = in_host_->allocate({device_memory.size()});
  if (!memory) {
    return memory.error();
  }
  if (auto ordered = homes_->on_device().order_links_after(stream); !ordered) {
    return ordered.error();
  }
  const activation_id named{next_activation_++};
  const ticket download =
      homes_->download().submit({.address = address_of(device_memory), .memory = memory->span()});
  activations_.emplace(named.value, stored_activation{*std::move(memory), download});
  // The caller may write to the memory again as soon as its stream has passed this point.
  if (auto ordered = homes_->on_device().order_after(stream, download); !ordered) {
    return ordered.error();
  }
  return named;
}

status sealed_engine::load_activation(activation_id which, std::span<std::byte> device_memory,
                                      stream_ref stream) {
  const auto found = activations_.find(which.value);
  if (found == activations_.end() || found->second.memory.span().size() != device_memory.size()) {
    return failure{errc::invalid_argument, "an activation is loaded once, with its stored size"};
  }
  if (auto stored = found->second.download.wait(); !stored) {
    return stored;
  }
  if (auto ordered = homes_->on_device().order_links_after(stream); !ordered) {
    return ordered;
  }
  const ticket upload = homes_->upload().submit(
      {.address = address_of(device_memory), .memory = found->second.memory.span()});
  if (auto ordered = homes_->on_device().order_after(stream, upload); !ordered) {
    return ordered;
  }
  const status arrived = upload.wait();  // the host memory is free again only then
  activations_.erase(found);
  return arrived;
}

status sealed_engine::write(parameter_id which, state_part part, elements first,
                            std::span<const float> values) {
  if (auto settled = layer_slots_->invalidate(); !settled) {
    return settled;
  }
  return state_->write(which, part, first, values);
}

traffic sealed_engine::predict(std::span<const visit> visits) const {
  return ballast::predict(declared_, where_, drawn_, config_, visits, tile_order_,
                          [this](tile_id which) { return pipeline_->cached(which); });
}

std::vector<std::string> sealed_engine::parts() const {
  std::vector<std::string> lines{
      fmt::format("device: {}, {} bytes", homes_->on_device().name(),
                  homes_->on_device().capacity().value),
      fmt::format("host memory: {} bytes, {}", homes_->in_host().span().size(),
                  homes_->in_host().backing()),
      fmt::format("optimizer: {}, {}", host_updates_->name(), workers_.plan().description()),
      fmt::format("ranks: {}, {} of {}", communicator_->name(), communicator_->self().value,
                  communicator_->size())};
  if (const store* disk = homes_->on_disk()) {
    lines.push_back(fmt::format("nvme: {}", disk->description()));
  }
  return lines;
}

}  // namespace ballast
