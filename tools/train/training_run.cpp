#include "tools/train/training_run.hpp"

#include <fmt/format.h>

#include "tools/command/size_text.hpp"
#include "tools/disk_wear.hpp"
#include "tools/trace/advice.hpp"
#include "tools/train/training_blob.hpp"
#include "tools/train/visits.hpp"

namespace ballast::tools {
namespace {

result<corpus> load_text(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> from(paths.begin(), paths.end());
  if (from.empty()) {
    from.push_back(corpus::default_folder());
  }
  return corpus::load(from);
}

std::string described(const text_loss& loss) {
  return fmt::format("validation loss {:.4f} (perplexity {:.2f}, {:.3f} bits per byte)", loss.nats,
                     loss.perplexity(), loss.bits_per_byte());
}

}  // namespace

training_run::training_run(train_settings settings, corpus text)
    : settings_(std::move(settings)),
      text_(std::move(text)),
      model_(declare(settings_.trainer.model)) {}

result<std::unique_ptr<training_run>> training_run::prepare(train_settings settings,
                                                            world::member at) {
  at.set(settings.engine);
  settings.trainer.batch.threads = at.threads(settings.trainer.batch.threads);
  if (auto resolved = settings.resolve(); !resolved) {
    return resolved.error();
  }
  if (auto sane = check(settings.trainer.model, settings.trainer.batch); !sane) {
    return sane.error();
  }
  auto text = load_text(settings.data);
  if (!text) {
    return text.error();
  }
  std::unique_ptr<training_run> made(new training_run(std::move(settings), *std::move(text)));
  if (auto sealed = made->seal(std::move(at.door)); !sealed) {
    return sealed.error();
  }
  return made;
}

status training_run::seal(std::unique_ptr<communicator> door) {
  engine_ = std::make_unique<engine>(model_.declared, make_backends(std::move(door)));
  if (auto reserved =
          reserve_activations(*engine_, settings_.trainer.model, settings_.trainer.batch);
      !reserved) {
    return reserved;
  }
  auto sealed = engine_->seal(settings_.engine);
  if (!sealed) {
    return sealed.error();
  }
  plan_ = *std::move(sealed);
  state_ = std::make_unique<engine_state>(*engine_);
  auto made = trainer::make(settings_.trainer, model_, text_, *state_);
  if (!made) {
    return made.error();
  }
  trainer_ = *std::move(made);
  return resume();
}

/// Goes on from the newest checkpoint where that is wanted, and refuses to start over one.
status training_run::resume() {
  if (!settings_.resume) {
    if (engine_->has_checkpoint()) {
      return failure{errc::invalid_argument,
                     fmt::format("{} holds a checkpoint; go on from it with --resume, or give "
                                 "--checkpoint another folder",
                                 *settings_.engine.checkpoint_directory)};
    }
    return {};
  }
  const auto blob = engine_->load();
  if (!blob) {
    return blob.error();
  }
  const auto saved = training_blob::parse(*blob);
  if (!saved) {
    return saved.error();
  }
  // The engine goes on with the checkpoint's, whatever it was given.
  if (saved->noise_seed && saved->noise_seed != used_noise_seed(settings_)) {
    return failure{errc::invalid_argument,
                   fmt::format("--noise-seed is {0}, the checkpoint goes on with {1}: give "
                               "--noise-seed {1}",
                               settings_.engine.noise_seed, *saved->noise_seed)};
  }
  for (const std::string& line : differences(saved->settings, loss_settings(settings_))) {
    if (speaks()) {
      fmt::print(stderr, "ballast train: {}\n", line);
    }
  }
  begin_ = done_ = saved->steps;
  if (begin_ >= settings_.trainer.learning_rate.steps) {
    return failure{errc::invalid_argument,
                   fmt::format("the checkpoint is of step {}, --steps is {}: nothing is left to do",
                               begin_, settings_.trainer.learning_rate.steps)};
  }
  return saved->scale ? trainer_->restore_scale(*saved->scale) : status();
}

status training_run::save(json_lines* log) {
  const training_blob blob{.steps = done_,
                           .noise_seed = used_noise_seed(settings_),
                           .scale = trainer_->saved_scale(),
                           .settings = loss_settings(settings_)};
  const auto saved = engine_->save(blob.text());
  if (!saved) {
    return saved.error();
  }
  ++saves_;
  saved_.folder += saved->folder;
  saved_.nvme += saved->nvme;
  saved_.took += saved->took;
  if (log == nullptr) {
    return {};
  }
  return log->write(
      {{"step", done_},
       {"save_s", std::chrono::duration<double>(saved->took).count()},
       {"saved_bytes", {{"folder", saved->folder.value}, {"nvme", saved->nvme.value}}}});
}

status training_run::train(json_lines* log, trace_file* trace) {
  engine_->trace_to(trace);
  const status trained = train_steps(log, trace);
  engine_->trace_to(nullptr);
  const status closed = trace != nullptr ? trace->close() : status();
  return trained ? closed : trained;
}

status training_run::train_steps(json_lines* log, trace_file* trace) {
  const steady_clock time;
  const std::uint64_t steps = settings_.trainer.learning_rate.steps;
  std::optional<progress> shown;
  if (speaks()) {
    shown.emplace(stderr, progress_style::on(stderr), "step", steps, time);
  }
  progress* const bar = shown ? &*shown : nullptr;
  if (auto evaluated = evaluate(begin_, log, bar); !evaluated) {
    return evaluated;
  }
  for (std::uint64_t index = begin_; index < steps; ++index) {
    const auto record = one_step(index);
    if (!record) {
      return record.error();
    }
    if (bar != nullptr) {
      bar->update(record->step, note(*record));
    }
    if (log != nullptr) {
      if (auto written = log->write(log_line(*record)); !written) {
        return written;
      }
    }
    if (trace != nullptr) {
      if (auto written = trace->flush(); !written) {
        return written;
      }
    }
    const bool last = record->step == steps;
    if (settings_.engine.checkpoint_directory &&
        (last || (settings_.save_every > 0 && record->step % settings_.save_every == 0))) {
      if (auto saved = save(log); !saved) {
        return saved;
      }
    }
    const bool due = settings_.evaluate_every > 0 && record->step % settings_.evaluate_every == 0;
    if (due || last) {
      if (auto evaluated = evaluate(record->step, log, bar); !evaluated) {
        return evaluated;
      }
    }
  }
  if (speaks()) {
    print_summary();
  }
  return settings_.sample.tokens > 0 ? print_sample() : status();
}

result<step_record> training_run::one_step(std::uint64_t index) {
  predicted_ = engine_->predict(
      training_visits(model_, offloaded_of(settings_.trainer.model, settings_.trainer.batch)));
  const auto begin = std::chrono::steady_clock::now();
  const auto stepped = trainer_->step(index);
  if (!stepped) {
    return stepped.error();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  done_ = index + 1;
  const step_record record{index + 1, *stepped, state_->report(), took.count()};
  train_seconds_ += record.seconds;
  trained_tokens_ += stepped->tokens;
  moved_ = record.report.moved;
  written_ += moved_[hop::write];
  time_ += record.report.time;
  cached_tiles_ = record.report.cached_tiles;
  early_tiles_ += record.report.early_tiles;
  roll_backs_ += record.report.rolled_back ? 1 : 0;
  skipped_steps_ += stepped->skipped ? 1 : 0;
  // A skipped step updates nothing, so it moves no state, and one that was rolled back moves some of
  // it twice; any other moves what the plan says.
  if (!stepped->skipped && !record.report.rolled_back && moved_ != predicted_) {
    ++unpredicted_steps_;
  }
  return record;
}

status training_run::evaluate(std::uint64_t step, json_lines* log, progress* bar) {
  const auto loss = trainer_->evaluate();
  if (!loss) {
    return loss.error();
  }
  if (bar != nullptr) {
    bar->say(fmt::format("step {}: {}", step, described(*loss)));
  }
  (first_ ? last_ : first_) = *loss;
  if (log == nullptr) {
    return {};
  }
  return log->write({{"step", step},
                     {"validation_loss", loss->nats},
                     {"perplexity", loss->perplexity()},
                     {"bits_per_byte", loss->bits_per_byte()}});
}

void training_run::print_summary() const {
  fmt::print("{} steps, {} tokens in {:.1f} s: {:.0f} tokens/s\n", done_ - begin_, trained_tokens_,
             train_seconds_, static_cast<double>(trained_tokens_) / train_seconds_);
  if (skipped_steps_ > 0) {
    fmt::print("{} of them skipped: a gradient was not finite\n", skipped_steps_);
  }
  fmt::print("before: {}\nafter:  {}\n", described(*first_), described(last_ ? *last_ : *first_));
  fmt::print("a step moves (plan, measured):");
  for (const hop each : all_hops) {
    fmt::print(" {} {}, {};", to_string(each), predicted_[each].value, moved_[each].value);
  }
  fmt::print(" {} of {} steps moved other than planned\n", unpredicted_steps_, done_ - begin_);
  fmt::print("time: {}\n{}\n", shares_text(time_), advice(time_));
  print_disk();
}

/// How much of its NVMe's tiles a step found in memory, and what the writes mean for the disk.
void training_run::print_disk() const {
  if (saves_ > 0) {
    const double seconds = std::chrono::duration<double>(saved_.took).count();
    fmt::print("saves: {} in {:.2f} s beside the steps, {} into {}, {} of cached state to NVMe\n",
               saves_, seconds, rounded_size(saved_.folder), *settings_.engine.checkpoint_directory,
               rounded_size(saved_.nvme));
  }
  const std::uint32_t on_disk = plan_.tiles[static_cast<std::size_t>(place::nvme)];
  if (on_disk > 0) {
    fmt::print("cache: {} of {} tiles on NVMe found in host memory (planned {})\n", cached_tiles_,
               on_disk, plan_.cached_tiles);
  }
  if (on_disk > 0 && settings_.engine.undo_memory.value > 0) {
    fmt::print(
        "early: {:.1f} tiles a step were updated before its end, {} of {} steps rolled back\n",
        static_cast<double>(early_tiles_) / static_cast<double>(done_ - begin_), roll_backs_,
        done_ - begin_);
  }
  const bytes written = written_ + saved_.nvme;
  if (written.value == 0) {
    return;
  }
  const double seconds = train_seconds_ + std::chrono::duration<double>(saved_.took).count();
  const auto wear = disk_wear::of(static_cast<double>(written.value), seconds);
  fmt::print("wear: {} written to NVMe, {} a step; at this pace {:.2f} TB a day\n",
             rounded_size(written), rounded_size(moved_[hop::write]), wear.terabytes_a_day());
}

status training_run::print_sample() {
  const auto text = trainer_->sample(settings_.prompt, settings_.sample);
  if (!text) {
    return text.error();
  }
  if (speaks()) {
    fmt::print("sample:\n{}\n", *text);
  }
  return {};
}

}  // namespace ballast::tools
