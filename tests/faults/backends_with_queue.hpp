// The machine's own parts, but for the queue and the clock of its stores; folders count as equally fast,
// and what is downloaded has arrived at once.
//
// Owned by an engine; the clock outlives it.
#pragma once

#include <ballast/backends.hpp>
#include <nvme/nvme_store.hpp>

#include "tests/faults/prompt_device.hpp"
#include "tests/faults/queue_performer.hpp"

namespace ballast::faults {

class backends_with_queue final : public backends {
 public:
  backends_with_queue(nvme::queue_opener open, const clock& time, nvme::note_sink notes)
      : open_(std::move(open)), time_(time), notes_(std::move(notes)) {}

  bool nvme_is_memory(const engine_config&) const override { return false; }
  result<std::unique_ptr<device>> make_device(const engine_config& config,
                                              bytes capacity) override {
    auto made = machine_->make_device(config, capacity);
    if (!made) return made.error();
    return std::unique_ptr<device>(std::make_unique<prompt_device>(*std::move(made)));
  }
  result<std::unique_ptr<memory_region>> make_host_region(bytes size, std::span<const bytes> arrays,
                                                          const first_touch& by) override {
    return machine_->make_host_region(size, arrays, by);
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
  status remove_store(const store_record& record) override {
    return machine_->remove_store(record);
  }
  result<std::unique_ptr<checkpoint_folder>> open_checkpoints(
      const engine_config& config) override {
    return machine_->open_checkpoints(config);
  }
  result<std::unique_ptr<communicator>> make_communicator(const engine_config& config) override {
    return machine_->make_communicator(config);
  }
  result<std::unique_ptr<update_backend>> make_updates(const engine_config& config) override {
    return machine_->make_updates(config);
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
  const std::unique_ptr<backends> machine_ = make_backends();
};

}  // namespace ballast::faults
