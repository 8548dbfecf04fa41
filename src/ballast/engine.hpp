// The engine: a model's parameters, gradients and optimizer state, kept wherever the budgets allow
// and brought to the caller's compute just in time. Placement changes time, never a result.
//
//   ballast::engine engine(model, ballast::make_backends());
//   engine.reserve(place::device, activations);          // before seal, optional
//   auto plan = engine.seal(config);             // sizes, allocates, initialises, or says why not
//   for each step:
//     engine.begin_pass("train");
//     forward:  auto weights = engine.fetch(layer);  ...compute...
//     backward: auto weights = engine.fetch(layer);
//               auto gradient = engine.gradient_buffer(layer);  ...add to it...
//               engine.push_gradients(std::move(*gradient), /*last=*/true);
//     engine.step({.learning_rate = 1e-3});
//
// Where several ranks share the model (backends.hpp: make_backends with a communicator, engine_config::
// ranks and self) each has an engine, and all make the same calls in the same order: the gradient of a
// step is the sum of what they push, in ascending order of ranks. A rank that fails ends the others.
//
// One caller thread an engine; engines share nothing mutable. The first error of an asynchronous
// operation is returned by the next call, and by every call after it: only a checkpoint restores
// state.
#pragma once

#include <ballast/backends.hpp>
#include <ballast/config.hpp>
#include <ballast/forecast.hpp>
#include <ballast/lease.hpp>
#include <ballast/model.hpp>
#include <ballast/plan.hpp>
#include <ballast/report.hpp>
#include <ballast/stream.hpp>
#include <memory>
#include <string_view>
#include <vector>

namespace ballast {

class sealed_engine;

struct step_options {
  double learning_rate = 1e-3;
  std::vector<double> group_learning_rates = {};  ///< one a group; empty: learning_rate for all
  double clip_norm = 0;                           ///< 0: no clipping
  double loss_scale = 1;                          ///< gradients are divided by it
};

class engine {
 public:
  engine(model declared, std::unique_ptr<backends> parts);
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  // Before seal

  /// Sets bytes of a place's budget aside: of the device's and the host's for the caller's
  /// allocate(), of NVMe's for one activation. Activations rest on NVMe where any of it is reserved,
  /// else in what is reserved in host memory.
  void reserve(place where, bytes size);

  /// The configuration as all calls below follow it: what is automatic and changes the plan is
  /// decided for this machine (io, and with it threads).
  engine_config resolved(engine_config config) const;

  /// The plan that seal() would follow; nothing is allocated.
  ///
  /// Errors: does_not_fit with the smallest change that would; invalid_argument; unsupported
  result<plan> dry_run(const engine_config& config) const;

  /// The same, and what a step of these visits would move and take on a machine of these rates.
  /// Updates that begin during backward (engine_config::undo_memory) are not counted on.
  ///
  /// Errors: as above
  result<forecast> dry_run(const engine_config& config, std::span<const timed_visit> visits,
                           const machine_rates& rates) const;

  /// Sizes, allocates and opens everything and writes the initial state to its places.
  ///
  /// Errors: as dry_run, and those of the parts
  result<plan> seal(const engine_config& config);

  // Memory

  /// A piece of what was reserved in `where` (device or host), zero-filled.
  ///
  /// Errors: exhausted past the reservation
  result<memory_lease> allocate(place where, bytes size, stream_ref stream = {});

  // Activations, each stored once and loaded once; abandon() and load() forget all of them.

  /// Begins to take an activation off the device, and gives it a name.
  ///
  /// Memory: not written to before await_stored()
  /// Errors: exhausted past the reservation
  result<activation_id> store_activation(std::span<const std::byte> device_memory,
                                         stream_ref stream = {});
  /// Later work on `stream` may overwrite the memory it was stored from.
  status await_stored(activation_id which, stream_ref stream = {});
  /// Begins to bring it back, if it rests already; optional.
  ///
  /// Memory: not touched before load_activation() with the same memory
  status expect_activation(activation_id which, std::span<std::byte> device_memory,
                           stream_ref stream = {});
  /// Later work on `stream` sees it; it is forgotten. Shapes: device_memory[n], n as stored
  ///
  /// Errors: invalid_argument; corrupted, io_failure, no_space
  status load_activation(activation_id which, std::span<std::byte> device_memory,
                         stream_ref stream = {});

  // A step

  /// Names the order that the following fetches belong to ("train", "evaluate", "generate"): each
  /// pass's order is recorded and followed on its own.
  status begin_pass(std::string_view name);

  /// Says what the coming step() will be called with, so that updates may begin while gradients are
  /// still being pushed (engine_config::undo_memory). Optional, and never changes a bit: what was
  /// begun is undone where the step turns out otherwise (clipped, skipped, called with something
  /// else, its state looked at before).
  status expect_step(const step_options& options);

  /// Drops the gradients pushed since the last step(): the next step starts clean.
  status abandon();

  /// A layer's weights on the device; work on `stream` enqueued after this call sees them.
  result<weights_lease> fetch(layer_id layer, stream_ref stream = {});

  /// A zeroed fp32 gradient of a layer, in its final layout.
  result<gradient_lease> gradient_buffer(layer_id layer, stream_ref stream = {});

  /// Adds a layer's gradient to the step's. `last`: it is complete; a further push is an error. A
  /// refused push drops the gradient.
  ///
  /// Errors: wrong_order for a push after the last, or for a second push where neither the layer
  ///         nor engine_config::several_pushes provides for one
  status push_gradients(gradient_lease gradient, bool last, stream_ref stream = {});

  /// Global norm, clipping, the update of every tile, and the new generation.
  ///
  /// Errors: wrong_order while leases are held or a trainable layer has no gradient;
  ///         weight_overflow; io_failure, corrupted, no_space
  result<step_report> step(const step_options& options);

  // State

  /// Reads a run of a parameter's state as fp32, from wherever it rests. Not while leases are held.
  status read(parameter_id which, state_part part, elements first, std::span<float> values);

  /// Overwrites it. Writing `weights` or `master` sets both. What the encoding does not hold is
  /// rounded to nearest; in int8 the other moments of a group of 128 that is met may be rounded
  /// again, never those of another parameter.
  status write(parameter_id which, state_part part, elements first, std::span<const float> values);

  /// Every rank's value, by rank: for a loss that all have a part of.
  ///
  /// Errors: communicator_failure, deadline_exceeded
  result<std::vector<double>> gather(double mine);

  // Checkpoints, in engine_config::checkpoint_directory (src/README.md)

  /// Makes all state durable, with a blob of the caller's own; between steps, no leases held. When
  /// it returns without an error the checkpoint survives a crash and power loss. A failed save
  /// leaves state and older checkpoints as they were.
  ///
  /// Errors: wrong_order: leases are held, no folder is configured, or it holds checkpoints of a
  ///         run that was not loaded; no_space, io_failure
  result<save_report> save(std::string_view blob);

  /// Brings the newest checkpoint back, wherever state rests now and however it is cut; the next
  /// step is the one that followed the save, bit by bit. Also after an error that nothing else
  /// undoes, where the model is not shared: an error of one rank has ended the others.
  ///
  /// Errors: invalid_argument: no checkpoint, or another model's, and nothing has changed; corrupted,
  ///         io_failure, exhausted: only a load that succeeds restores state
  result<std::string> load();

  /// Whether the folder holds a checkpoint.
  bool has_checkpoint() const;

  // What it is made of

  const model& declared() const { return model_; }
  /// Who this is among how many, once sealed.
  rank self() const;
  std::uint32_t ranks() const;
  /// Predicts what a step of these visits moves over each link, once its order is known.
  traffic predict(std::span<const visit> visits) const;
  /// Tells `sink` of every event from now on; nullptr: nobody. It must outlive the engine, or be
  /// replaced before it ends.
  void trace_to(trace_sink* sink);
  /// One line a part: device, memory, store, instruction set; for reports.
  std::vector<std::string> parts() const;

 private:
  failure refused_with_peers(const engine_config& config, failure why) const;
  status ready() const;
  template <class Call>
  auto through(const Call& call) -> decltype(call());

  model model_;
  std::unique_ptr<backends> backends_;
  std::array<bytes, place_count> reserved_{};
  std::unique_ptr<sealed_engine> sealed_;
};

}  // namespace ballast
