#include "comm/mpi_host_memory.hpp"

#include <functional>

namespace ballast::comm {
namespace {

using namespace literals;

/// Stays in a core's second cache, with the stages of a few peers in the third.
constexpr bytes stage_size = 1_MiB;

/// A view: windows end together.
class window_region final : public memory_region {
 public:
  explicit window_region(std::span<std::byte> part) : part_(part) {}
  std::span<std::byte> span() const override { return part_; }
  std::string backing() const override { return "a shared window"; }

 private:
  std::span<std::byte> part_;
};

}  // namespace

result<std::unique_ptr<mpi_host_memory>> mpi_host_memory::make(MPI_Comm host) {
  auto stages = mpi_window::make(host, stage_size);
  if (!stages) return stages.error();
  int self = 0;
  MPI_Comm_rank(host, &self);
  return std::unique_ptr<mpi_host_memory>(
      new mpi_host_memory(host, {static_cast<std::uint32_t>(self)}, *std::move(stages)));
}

result<std::unique_ptr<memory_region>> mpi_host_memory::make_region(bytes size) {
  auto made = mpi_window::make(host_, size);
  if (!made) return made.error();
  const auto part = made->part(self_);
  regions_.push_back(*std::move(made));
  return std::unique_ptr<memory_region>(std::make_unique<window_region>(part));
}

shared_address mpi_host_memory::publish(std::span<const std::byte> memory) const {
  if (memory.empty()) return {0, 0};  // nobody will look for it
  for (std::uint32_t region = 0; region < regions_.size(); ++region) {
    const auto part = regions_[region].part(self_);
    const std::less_equal<const std::byte*> not_after;
    if (not_after(part.data(), memory.data()) &&
        not_after(memory.data() + memory.size(), part.data() + part.size())) {
      return {region, static_cast<std::uint64_t>(memory.data() - part.data())};
    }
  }
  return {};
}

void mpi_host_memory::free() {
  for (mpi_window& each : regions_) each.free();
  regions_.clear();
  stages_.free();
}

}  // namespace ballast::comm
