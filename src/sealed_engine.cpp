// Length: where the rooms of the engine meet: made in the order of the data, called in that of a step.
#include "sealed_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/shard.hpp>
#include <cmath>
#include <cstring>
#include <exception>

#include "activations_in_host.hpp"
#include "activations_on_disk.hpp"

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

sealed_engine::~sealed_engine() {
  if (std::uncaught_exceptions() > 0 && peers_ != nullptr) {
    peers_->abort("an exception has ended it");  // before the rooms wait for what peers bring
  }
}

result<std::unique_ptr<sealed_engine>> sealed_engine::make(
    const model& declared, layout where, blueprint drawn, const engine_config& config,
    backends& parts, const std::array<bytes, place_count>& reserved) {
  std::unique_ptr<sealed_engine> made(
      new sealed_engine(declared, std::move(where), std::move(drawn), config, parts));
  if (auto joined = made->join(parts); !joined) {
    return joined.error();
  }
  if (auto built = made->build(reserved, parts); !built) {
    made->peers_->abort(built.error().message);
    return built.error();
  }
  // All are sealed, or none is.
  if (auto agreed = made->peers_->agree({}); !agreed) {
    return agreed.error();
  }
  return made;
}

status sealed_engine::join(backends& parts) {
  auto ranks = parts.make_communicator(config_);
  if (!ranks) {
    return ranks.error();
  }
  peers_ = std::make_unique<peers>(*std::move(ranks), config_.reduction, log_, time_);
  if (peers_->size() == config_.ranks && peers_->self() == config_.self) {
    return {};
  }
  const failure other{
      errc::invalid_argument,
      fmt::format("the configuration is of rank {} of {}, the communicator of rank {} "
                  "of {}",
                  config_.self.value, config_.ranks, peers_->self().value, peers_->size())};
  peers_->abort(other.message);
  return other;
}

status sealed_engine::build(const std::array<bytes, place_count>& reserved, backends& parts) {
  auto updates = parts.make_updates(config_);
  if (!updates) {
    return updates.error();
  }
  host_updates_ = *std::move(updates);
  // First of all that is on disk: another run's folder is refused before anything is made.
  std::unique_ptr<checkpoint_folder> folder;
  if (config_.checkpoint_directory) {
    auto opened = peers_->self() == rank{0} ? parts.open_checkpoints(config_)
                                            : result<std::unique_ptr<checkpoint_folder>>(nullptr);
    // The others' files will have names there.
    if (auto agreed = peers_->agree(opened ? status() : status(opened.error())); !agreed) {
      return agreed;
    }
    folder = *std::move(opened);
  }
  auto homes = tile_homes::make(
      where_, drawn_, config_, parts, peers_->door(),
      reserved[static_cast<std::size_t>(place::host)],
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
  weight_relay_ = std::make_unique<weight_relay>(where_, *homes_, workers_);
  weight_exchange_ = std::make_unique<weight_exchange>(declared_, where_, *homes_, *peers_);
  layer_slots_ = std::make_unique<layer_slots>(declared_, where_, drawn_, *homes_, *weight_relay_,
                                               *weight_exchange_, *peers_);
  work_ = std::make_unique<tile_work>(where_, *homes_, *host_updates_, workers_);
  gradient_slots_ = std::make_unique<gradient_slots>(declared_, where_, drawn_, *homes_,
                                                     *host_updates_, *work_, workers_, *peers_);
  pipeline_ = std::make_unique<tile_pipeline>(where_, drawn_, *homes_, *work_, workers_);
  state_ = std::make_unique<state_access>(declared_, where_, *homes_, *pipeline_, *work_, *peers_);
  optimizer_step_ =
      std::make_unique<optimizer_step>(declared_, where_, drawn_, config_, *homes_, *work_,
                                       *pipeline_, workers_, *weight_exchange_, time_);
  if (auto kept = keep_activations(); !kept) {
    return kept;
  }
  if (auto filled = fill(); !filled) {
    return filled;
  }
  if (config_.checkpoint_directory) {
    auto opened =
        checkpoints::open(std::move(folder), declared_, where_, config_, *homes_, parts, *peers_);
    if (!opened) {
      return opened.error();
    }
    checkpoints_ = *std::move(opened);
  }
  step_report ignored;
  account(ignored);
  return {};
}

status sealed_engine::keep_activations() {
  if (drawn_.activation_pages.count == 0) {
    activations_ = std::make_unique<activations_in_host>(*homes_, *in_host_);
    return {};
  }
  auto on_disk = activations_on_disk::make(drawn_.activation_pages.count, *homes_, workers_);
  if (!on_disk) {
    return on_disk.error();
  }
  activations_ = *std::move(on_disk);
  return {};
}

/// The initial state; what the first update begins with is filled last and stays in the cache.
status sealed_engine::fill() {
  std::vector<tile_id> order;
  for (std::uint32_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    if (each.owned && !where_.updates(each)) {
      order.push_back({i});
    }
  }
  const auto updated = optimizer_step_->order();
  order.insert(order.end(), updated.rbegin(), updated.rend());
  if (auto filled = state_->initialise(order); !filled) {
    return filled;
  }
  weight_exchange_->begin_all();
  return weight_exchange_->settle();
}

void sealed_engine::remember(const failure& problem) {
  const bool changed_nothing = problem.code == errc::invalid_argument ||
                               problem.code == errc::wrong_order ||
                               problem.code == errc::exhausted || problem.code == errc::unsupported;
  if (health_ && !changed_nothing) {
    health_ = problem;
    peers_->abort(problem.message);
  }
}

status sealed_engine::begin_pass(std::string_view name) {
  require(!layer_slots_->any_leased(), "a pass begins while no weights are on lease");
  if (auto settled = settle_updates(); !settled) {
    return settled;
  }
  if (auto begun = layer_slots_->begin_pass(name); !begun) {
    return begun;
  }
  step_report ignored;  // what another pass moved since the last step is not the next one's
  account(ignored);
  return {};
}

/// The settings of an update that is `later` updates from the last one.
optimizer_step::settings sealed_engine::coming(const step_options& options,
                                               std::uint64_t later) const {
  return {options, updates_ + later, noise_seed_};
}

status sealed_engine::expect_step(const step_options& options) {
  optimizer_step_->expect(coming(options, 1));
  return {};
}

result<weights_lease> sealed_engine::fetch(layer_id layer, stream_ref stream) {
  // It is used once more than the recorded order said: its weights must be the old ones.
  if (optimizer_step_->begun(layer)) {
    if (auto withdrawn = optimizer_step_->withdraw(); !withdrawn) {
      return withdrawn.error();
    }
  }
  auto weights = layer_slots_->fetch(layer, stream);
  begin_updates();
  return weights;
}

status sealed_engine::push(gradient_lease gradient, bool last, stream_ref stream) {
  const layer_id layer = gradient.layer();
  auto pushed = gradient_slots_->push(std::move(gradient), last, stream);
  if (pushed && last && optimizer_step_->expecting()) {
    waiting_.push_back(layer);
  }
  begin_updates();
  return pushed;
}

/// Layers whose gradient has come home and whose weights are not used any more.
void sealed_engine::begin_updates() {
  std::erase_if(waiting_, [&](layer_id layer) {
    const bool ready = optimizer_step_->expecting() && gradient_slots_->at_home(layer) &&
                       !layer_slots_->may_be_fetched(layer);
    if (ready) {
      optimizer_step_->offer(layer);
    }
    return ready;
  });
}

/// Before anything that looks at state or changes it, other than step().
status sealed_engine::settle_updates() {
  waiting_.clear();
  return optimizer_step_->withdraw();
}

status sealed_engine::abandon() {
  if (auto settled = settle_updates(); !settled) {
    return settled;
  }
  activations_->drop();
  const status settled = gradient_slots_->settle_all();
  gradient_slots_->reset();
  return settled;
}

result<step_report> sealed_engine::step(const step_options& options) {
  if (layer_slots_->any_leased() || gradient_slots_->any_leased()) {
    return failure{errc::wrong_order, "step() while weights or gradients are on lease"};
  }
  waiting_.clear();
  if (auto ready = gradient_slots_->complete(); !ready) {
    return ready.error();
  }
  if (auto settled = layer_slots_->invalidate(); !settled) {
    return settled.error();
  }
  layer_slots_->end_pass();
  if (auto gathered = weight_exchange_->settle(); !gathered) {
    return gathered.error();
  }
  const bytes ahead = peers_->take_ahead();
  weight_exchange_->used();
  step_report report;
  report.gradient_norm = std::sqrt(gradient_slots_->sum_of_squares()) / options.loss_scale;
  const auto any_skips = peers_->any(!gradient_slots_->finite());
  if (!any_skips) {
    return any_skips.error();
  }
  report.skipped = *any_skips;
  if (options.clip_norm > 0) {
    // The 1e-6 is torch.nn.utils.clip_grad_norm_'s.
    report.clip_coefficient = std::min(1.0, options.clip_norm / (report.gradient_norm + 1e-6));
  }
  report.early_tiles = optimizer_step_->early_tiles();
  updates_ += report.skipped ? 0 : 1;
  if (auto updated = report.skipped ? optimizer_step_->skip()
                                    : update(coming(options, 0), report.clip_coefficient);
      !updated) {
    return updated.error();
  }
  gradient_slots_->reset();
  report.step = ++steps_;
  report.updates = updates_;
  report.rolled_back = optimizer_step_->rolled_back();
  report.cached_tiles = optimizer_step_->cached_tiles();
  optimizer_step_->end();
  account(report);
  report.moved[hop::all_gather] += ahead;
  return report;
}

/// Peers get the new weights while others are still updated; tiles that were updated early may have to
/// be undone, so then they wait.
status sealed_engine::update(const optimizer_step::settings& with, double clip_coefficient) {
  const bool early = optimizer_step_->early_tiles() > 0;
  const weight_exchange::update_under_way changing(*weight_exchange_);
  if (!early) {
    weight_exchange_->begin_update();
  }
  const status updated = optimizer_step_->finish(with, clip_coefficient);
  if (early) {
    weight_exchange_->begin_update();
  }
  weight_exchange_->end_update(updated);
  return updated;
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
  const traffic received = peers_->received();
  for (const hop each : {hop::reduce_scatter, hop::all_gather}) {
    now.moved[each] = received[each];
    now.busy[static_cast<std::size_t>(each)] = peers_->busy(each);
  }
  now.optimizer_busy = optimizer_step_->busy();
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
  if (auto settled = settle_updates(); !settled) {
    remember(settled.error());
    return settled.error();
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
  activations_->settle();
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
  // Whatever was under way, and whatever it met: the checkpoint takes its place.
  (void)settle_updates();
  optimizer_step_->end();
  (void)weight_exchange_->settle();
  activations_->drop();
  (void)gradient_slots_->settle_all();
  gradient_slots_->reset();
  (void)layer_slots_->invalidate();
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
  weight_exchange_->begin_all();
  if (auto gathered = weight_exchange_->settle(); !gathered) {
    health_ = health_ ? gathered : health_;
    return gathered.error();
  }
  health_ = {};
  return std::move(found->blob);
}

status sealed_engine::write(parameter_id which, state_part part, elements first,
                            std::span<const float> values) {
  if (auto settled = settle_updates(); !settled) {
    return settled;
  }
  if (auto settled = layer_slots_->invalidate(); !settled) {
    return settled;
  }
  if (auto gathered = weight_exchange_->settle(); !gathered) {
    return gathered;
  }
  const status written = state_->write(which, part, first, values);
  weight_exchange_->begin(declared_.at(which).layer);
  return written;
}

result<std::vector<double>> sealed_engine::gather(double mine) {
  std::vector<double> all(peers_->size());
  const std::vector<element_range> shards = one_of_each(peers_->size());
  if (auto gathered = peers_
                          ->all_gather({}, {.shard = std::as_bytes(std::span(&mine, 1)),
                                            .whole = std::as_writable_bytes(std::span(all)),
                                            .shards = shards,
                                            .element = {sizeof(double)}})
                          .wait();
      !gathered) {
    return gathered.error();
  }
  return all;
}

status sealed_engine::read(parameter_id which, state_part part, elements first,
                           std::span<float> values) {
  if (auto settled = settle_updates(); !settled) {
    return settled;
  }
  return state_->read(which, part, first, values);
}

traffic sealed_engine::predict(std::span<const visit> visits) const {
  traffic moved =
      ballast::predict(declared_, where_, drawn_, config_, visits, optimizer_step_->order(),
                       [this](tile_id which) { return pipeline_->cached(which); });
  moved[hop::all_gather] += weight_exchange_->coming();
  return moved;
}

std::vector<std::string> sealed_engine::parts() const {
  std::vector<std::string> lines{
      fmt::format("device: {}, {} bytes", homes_->on_device().name(),
                  homes_->on_device().capacity().value),
      fmt::format("host memory: {} bytes, {}", homes_->in_host().span().size(),
                  homes_->in_host().backing()),
      fmt::format("optimizer: {}, {}", host_updates_->name(), workers_.plan().description()),
      fmt::format("ranks: {}, {} of {}, stage {}", peers_->name(), peers_->self().value,
                  peers_->size(), config_.stage)};
  if (const store* disk = homes_->on_disk()) {
    lines.push_back(fmt::format("nvme: {}", disk->description()));
  }
  return lines;
}

}  // namespace ballast
