#include <fmt/format.h>

#include <algorithm>
#include <ballast/engine.hpp>
#include <ballast/rounding.hpp>
#include <cmath>
#include <cstring>

#include "sealed_engine.hpp"

namespace ballast {
namespace {

status check_options(const step_options& options, std::size_t groups) {
  if (!options.group_learning_rates.empty() && options.group_learning_rates.size() != groups) {
    return failure{errc::invalid_argument,
                   fmt::format("{} learning rates for {} groups",
                               options.group_learning_rates.size(), groups)};
  }
  bool sane = std::isfinite(options.learning_rate) && std::isfinite(options.clip_norm) &&
              options.clip_norm >= 0 && std::isfinite(options.loss_scale) && options.loss_scale > 0;
  for (const double rate : options.group_learning_rates) {
    sane = sane && std::isfinite(rate);
  }
  if (!sane) {
    return failure{
        errc::invalid_argument,
        fmt::format("step(): learning rate {}, clip norm {}, loss scale {}: finite numbers, "
                    "the scale above 0",
                    options.learning_rate, options.clip_norm, options.loss_scale)};
  }
  return {};
}

/// While the engine is at work the time is not the caller's.
class inside {
 public:
  explicit inside(sealed_engine& sealed) : sealed_(sealed) { sealed_.enter(); }
  ~inside() { sealed_.leave(); }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;

 private:
  sealed_engine& sealed_;
};

}  // namespace

engine::engine(model declared, std::unique_ptr<backends> parts)
    : model_(std::move(declared)), backends_(std::move(parts)) {
  require(backends_ != nullptr, "an engine is built from backends");
}

engine::~engine() = default;

void engine::reserve(place where, bytes size) {
  require(sealed_ == nullptr, "reserve() comes before seal()");
  require(where != place::pinned, "memory is reserved on device, host or NVMe");
  // Pieces and activations start at multiples of their alignment, so that is what is set aside.
  reserved_[static_cast<std::size_t>(where)] +=
      round_up(size, where == place::nvme ? activation_page : caller_memory::alignment);
}

engine_config engine::resolved(engine_config config) const {
  config.tile_elements = tile_of(config);
  const std::uint32_t here = config.host_ranks > 0 ? config.host_ranks : config.ranks;
  config.host_ranks = 1;
  if (here > 1) {
    // Each has its share of what the machine has.
    if (config.host_memory) {
      config.host_memory = *config.host_memory / here;
    }
    for (nvme_folder& each : config.nvme) {
      each.size = each.size ? std::optional(*each.size / here) : std::nullopt;
    }
    const std::uint32_t cores = plan_threads(0, find_numa_nodes()).threads();
    config.threads = config.threads > 0 ? config.threads : std::max(1U, cores / here);
  }
  if (config.io == io_backend::automatic && backends_->nvme_is_memory(config)) {
    config.io = io_backend::inlined;
  }
  if (config.io == io_backend::inlined) {
    // Each has a buffer.
    config.threads = plan_threads(config.threads, find_numa_nodes()).threads();
  }
  return config;
}

result<plan> engine::dry_run(const engine_config& asked) const {
  const engine_config config = resolved(asked);
  const auto where = layout::make(model_, config.tile_elements, partition_of(config));
  if (!where) {
    return where.error();
  }
  auto drawn = draw(model_, *where, config, reserved_);
  if (!drawn) {
    return drawn.error();
  }
  return std::move(drawn->summary);
}

result<plan> engine::seal(const engine_config& asked) {
  require(sealed_ == nullptr, "an engine is sealed once");
  const engine_config config = resolved(asked);
  auto where = layout::make(model_, config.tile_elements, partition_of(config));
  if (!where) {
    return refused_with_peers(config, where.error());
  }
  auto drawn = draw(model_, *where, config, reserved_);
  if (!drawn) {
    return refused_with_peers(config, drawn.error());
  }
  auto made = sealed_engine::make(model_, *std::move(where), *std::move(drawn), config, *backends_,
                                  reserved_);
  if (!made) {
    return made.error();
  }
  sealed_ = *std::move(made);
  sealed_->leave();
  return sealed_->summary();
}

/// A plan that this rank cannot follow is nobody's.
failure engine::refused_with_peers(const engine_config& config, failure why) const {
  if (config.ranks > 1) {
    if (auto ranks = backends_->make_communicator(config)) {
      (*ranks)->abort(why.message);
    }
  }
  return why;
}

status engine::ready() const {
  if (sealed_ == nullptr) {
    return failure{errc::wrong_order, "the engine is not sealed yet"};
  }
  return sealed_->health();
}

/// The one door of every call after seal(): refuses a sick engine, remembers what makes it sick.
template <class Call>
auto engine::through(const Call& call) -> decltype(call()) {
  if (auto sealed = ready(); !sealed) {
    return sealed.error();
  }
  const inside call_under_way(*sealed_);
  auto outcome = call();
  if (!outcome) {
    sealed_->remember(outcome.error());
  }
  return outcome;
}

result<memory_lease> engine::allocate(place where, bytes size, stream_ref stream) {
  (void)stream;
  require(where == place::device || where == place::host, "memory is allocated on device or host");
  return through([&] {
    auto memory = sealed_->memory(where).allocate(size);
    if (memory) {
      std::memset(memory->span().data(), 0, memory->span().size());
    }
    return memory;
  });
}

result<activation_id> engine::store_activation(std::span<const std::byte> device_memory,
                                               stream_ref stream) {
  return through([&] { return sealed_->activations().store(device_memory, stream); });
}

status engine::await_stored(activation_id which, stream_ref stream) {
  return through([&] { return sealed_->activations().await_stored(which, stream); });
}

status engine::expect_activation(activation_id which, std::span<std::byte> device_memory,
                                 stream_ref stream) {
  return through([&] { return sealed_->activations().expect(which, device_memory, stream); });
}

status engine::load_activation(activation_id which, std::span<std::byte> device_memory,
                               stream_ref stream) {
  return through([&] { return sealed_->activations().load(which, device_memory, stream); });
}

status engine::begin_pass(std::string_view name) {
  return through([&] { return sealed_->begin_pass(name); });
}

status engine::abandon() {
  return through([&] { return sealed_->abandon(); });
}

status engine::expect_step(const step_options& options) {
  return through([&]() -> status {
    if (auto sane = check_options(options, model_.groups().size()); !sane) {
      return sane;
    }
    return sealed_->expect_step(options);
  });
}

result<weights_lease> engine::fetch(layer_id layer, stream_ref stream) {
  require(layer.value < model_.layers().size(), "fetch() names a layer of the model");
  return through([&] { return sealed_->fetch(layer, stream); });
}

result<gradient_lease> engine::gradient_buffer(layer_id layer, stream_ref stream) {
  require(layer.value < model_.layers().size(), "gradient_buffer() names a layer of the model");
  return through([&] { return sealed_->gradients().lease(layer, stream); });
}

status engine::push_gradients(gradient_lease gradient, bool last, stream_ref stream) {
  require(gradient.held(), "a gradient is pushed once, by the lease that holds it");
  return through([&] { return sealed_->push(std::move(gradient), last, stream); });
}

result<step_report> engine::step(const step_options& options) {
  return through([&]() -> result<step_report> {
    if (auto sane = check_options(options, model_.groups().size()); !sane) {
      return sane.error();
    }
    return sealed_->step(options);
  });
}

status engine::read(parameter_id which, state_part part, elements first, std::span<float> values) {
  return through([&] { return sealed_->read(which, part, first, values); });
}

status engine::write(parameter_id which, state_part part, elements first,
                     std::span<const float> values) {
  return through([&] { return sealed_->write(which, part, first, values); });
}

result<std::vector<double>> engine::gather(double mine) {
  return through([&] { return sealed_->gather(mine); });
}

result<save_report> engine::save(std::string_view blob) {
  if (auto sealed = ready(); !sealed) {
    return sealed.error();
  }
  const inside call_under_way(*sealed_);
  return sealed_->save(blob);
}

result<std::string> engine::load() {
  require(sealed_ != nullptr, "load() follows seal()");
  const inside call_under_way(*sealed_);
  return sealed_->load();
}

bool engine::has_checkpoint() const {
  require(sealed_ != nullptr, "has_checkpoint() follows seal()");
  return sealed_->has_checkpoint();
}

traffic engine::predict(std::span<const visit> visits) const {
  require(sealed_ != nullptr, "predict() follows seal()");
  return sealed_->predict(visits);
}

rank engine::self() const {
  require(sealed_ != nullptr, "self() follows seal()");
  return sealed_->config().self;
}

std::uint32_t engine::ranks() const {
  require(sealed_ != nullptr, "ranks() follows seal()");
  return sealed_->config().ranks;
}

void engine::trace_to(trace_sink* sink) {
  require(sealed_ != nullptr, "trace_to() follows seal()");
  sealed_->log().listen(sink);
}

std::vector<std::string> engine::parts() const {
  require(sealed_ != nullptr, "parts() follows seal()");
  return sealed_->parts();
}

}  // namespace ballast
