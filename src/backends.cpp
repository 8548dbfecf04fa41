// The one file that builds concrete parts from a configuration.
#include <algorithm>
#include <ballast/backends.hpp>
#include <ballast/ranks.hpp>
#include <filesystem>

#include "comm/mpi_launcher.hpp"
#include "comm/one_rank.hpp"
#include "comm/ranks.hpp"
#include "cpu/host_device.hpp"
#include "cpu/huge_page_region.hpp"
#include "cpu/update_backend.hpp"
#include "gpu/cuda_device.hpp"
#include "nvme/durable_folder.hpp"
#include "nvme/memory_folder.hpp"
#include "nvme/nvme_store.hpp"

namespace ballast {
namespace {

/// As open_checkpoints() has found it: absolute, without links; empty where none is configured.
std::string checkpoint_path(const engine_config& config) {
  if (!config.checkpoint_directory) return {};
  std::error_code error;
  const auto found = std::filesystem::canonical(*config.checkpoint_directory, error);
  return error ? *config.checkpoint_directory : found.string();
}

class machine_backends final : public backends {
 public:
  explicit machine_backends(std::unique_ptr<communicator> ranks) : ranks_(std::move(ranks)) {}

  bool nvme_is_memory(const engine_config& config) const override {
    return !config.nvme.empty() && std::ranges::all_of(config.nvme, [](const nvme_folder& each) {
      return !nvme::memory_behind(each.directory).empty();
    });
  }

  result<std::unique_ptr<device>> make_device(const engine_config& config, bytes capacity,
                                              communicator* ranks) override {
    if (config.device == device_kind::cuda) {
      auto state_by_value = cpu::make_update_backend(config.isa);
      if (!state_by_value) {
        return state_by_value.error();
      }
      return gpu::make_cuda_device(capacity, *std::move(state_by_value));
    }
    if (ranks == nullptr || ranks->size() == 1) {
      return cpu::make_host_device(capacity, config.isa);
    }
    auto shared = ranks->make_region(capacity);
    if (!shared) {
      return shared.error();
    }
    return cpu::make_host_device(capacity, config.isa, *std::move(shared));
  }

  result<std::unique_ptr<memory_region>> make_host_region(bytes size, std::span<const bytes> parts,
                                                          const first_touch& by) override {
    return cpu::make_huge_page_region(size, parts, by);
  }

  result<std::unique_ptr<store>> make_store(const engine_config& config, const store_room& wanted,
                                            std::span<std::byte> arena) override {
    nvme::store_options options = store_options(config);
    for (const nvme_folder& each : config.nvme) {
      options.folders.push_back({each.directory, each.size, {}});
    }
    options.backend = config.io;
    options.checkpoints = checkpoint_path(config);
    options.size = wanted.extents;
    options.spare = wanted.spare;
    options.slices = wanted.slices;
    options.arena = arena;
    return nvme::make_store(options);
  }

  result<std::unique_ptr<store>> make_kept_store(const engine_config& config,
                                                 const std::string& name, bytes size,
                                                 std::uint32_t slices) override {
    nvme::store_options options = store_options(config);
    options.folders = {{checkpoint_path(config)}};
    options.name = name;
    options.size = size;
    options.slices = slices;
    return nvme::make_store(options);
  }

  result<std::unique_ptr<store>> open_store(const engine_config& config, const store_record& record,
                                            std::uint32_t slices) override {
    nvme::store_options options = store_options(config);
    options.slices = slices;
    return nvme::open_store(options, record);
  }

  status remove_store(const store_record& record) override { return nvme::remove_store(record); }

  result<std::unique_ptr<checkpoint_folder>> open_checkpoints(
      const engine_config& config) override {
    return nvme::open_durable_folder(config.checkpoint_directory.value_or(""));
  }

  result<std::unique_ptr<communicator>> make_communicator(const engine_config& config) override {
    if (ranks_ != nullptr) {
      return std::move(ranks_);
    }
    if (config.ranks > 1) {
      return failure{errc::invalid_argument,
                     "an engine of several ranks takes backends with a communicator"};
    }
    return comm::make_one_rank_communicator();
  }

  result<std::unique_ptr<update_backend>> make_updates(const engine_config& config) override {
    return cpu::make_update_backend(config.isa);
  }

  const clock& time() const override { return clock_; }

 private:
  nvme::store_options store_options(const engine_config& config) const {
    return {.folders = {},
            .size = {},
            .time = clock_,
            // Only a store of tiles has workers that come to it.
            .backend = config.io == io_backend::inlined ? io_backend::automatic : config.io,
            .request = config.io_request,
            .depth = config.io_depth,
            .deadline = std::chrono::seconds(config.io_deadline_seconds),
            .staging_buffers = 1};  // the engine's own transfers need none
  }

  steady_clock clock_;
  std::unique_ptr<communicator> ranks_;  ///< until it is asked for; none: alone
};

}  // namespace

std::unique_ptr<backends> make_backends() { return std::make_unique<machine_backends>(nullptr); }

std::unique_ptr<backends> make_backends(std::unique_ptr<communicator> ranks) {
  return std::make_unique<machine_backends>(std::move(ranks));
}

result<std::vector<std::unique_ptr<communicator>>> join_threads(std::uint32_t ranks) {
  return comm::make_thread_communicators(ranks);
}

bool started_by_mpi() { return comm::launched_by_mpi(); }

result<std::unique_ptr<communicator>> join_mpi() { return comm::make_mpi_communicator(); }

}  // namespace ballast
