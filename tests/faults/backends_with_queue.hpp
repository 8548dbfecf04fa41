// The machine's own parts, but for the queue and the clock of its stores; folders count as equally fast,
// and what is downloaded has arrived at once.
//
// Owned by an engine; the clock outlives it.
#pragma once

#include <ballast/forwarding_backends.hpp>
#include <nvme/nvme_store.hpp>

#include "tests/faults/prompt_device.hpp"
#include "tests/faults/queue_performer.hpp"

namespace ballast::faults {

class backends_with_queue final : public forwarding_backends {
 public:
  backends_with_queue(nvme::queue_opener open, const clock& time, nvme::note_sink notes)
      : forwarding_backends(make_backends()),
        open_(std::move(open)),
        time_(time),
        notes_(std::move(notes)) {}

  bool nvme_is_memory(const engine_config&) const override { return false; }
  result<std::unique_ptr<device>> make_device(const engine_config& config, bytes capacity,
                                              communicator* ranks) override {
    auto made = forwarding_backends::make_device(config, capacity, ranks);
    if (!made) return made.error();
    return std::unique_ptr<device>(std::make_unique<prompt_device>(*std::move(made)));
  }
  result<std::unique_ptr<store>> make_store(const engine_config& config, const store_room& wanted,
                                            std::span<std::byte> arena) override {
    auto made = store_options(config);
    for (const nvme_folder& each : config.nvme) {
      made.folders.push_back({each.directory, each.size, 1.0});
    }
    if (config.io == io_backend::inlined) {
      made.backend = config.io;
      made.open_positional = performing(open_);
    }
    made.checkpoints = config.checkpoint_directory.value_or("");
    made.size = wanted.extents;
    made.spare = wanted.spare;
    made.slices = wanted.slices;
    made.arena = arena;
    return nvme::make_store(made);
  }
  result<std::unique_ptr<store>> make_kept_store(const engine_config& config,
                                                 const std::string& name, bytes size,
                                                 std::uint32_t slices) override {
    auto made = store_options(config);
    made.folders = {{config.checkpoint_directory.value_or("")}};
    made.name = name;
    made.size = size;
    made.slices = slices;
    return nvme::make_store(made);
  }
  result<std::unique_ptr<store>> open_store(const engine_config& config, const store_record& record,
                                            std::uint32_t slices) override {
    auto made = store_options(config);
    made.slices = slices;
    return nvme::open_store(made, record);
  }
  const clock& time() const override { return time_; }

 private:
  nvme::store_options store_options(const engine_config& config) const {
    return {.folders = {},
            .size = {},
            .time = time_,
            .deadline = std::chrono::seconds(config.io_deadline_seconds),
            .on_note = notes_,
            .staging_buffers = 1,
            .open_queue = open_};
  }

  const nvme::queue_opener open_;
  const clock& time_;
  const nvme::note_sink notes_;
};

}  // namespace ballast::faults
