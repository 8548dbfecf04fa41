// Both queues on the real disk, in one file and in many, the simulated disk and the wrapper without a
// fault pass what every store must do.
#include <nvme/nvme_store.hpp>
#include <nvme/queue_choice.hpp>

#include "tests/conformance/store_conformance.hpp"
#include "tests/faults/owned_opener.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::testing {
namespace {

const steady_clock now;

/// A store in a folder that it takes with it, as it does what its queue needs.
class owning_store final : public store {
 public:
  owning_store(std::unique_ptr<nvme::testing::test_folder> folder, faults::owned_opener opener,
               std::unique_ptr<store> held)
      : folder_(std::move(folder)), opener_(std::move(opener)), store_(std::move(held)) {}
  std::string description() const override { return store_->description(); }
  bytes alignment() const override { return store_->alignment(); }
  result<extent> allocate(bytes size, std::uint32_t slices) override {
    return store_->allocate(size, slices);
  }
  void release(const extent& where) override { store_->release(where); }
  bool avoid(const extent& where, const failure& why) override { return store_->avoid(where, why); }
  status sync() override { return store_->sync(); }
  std::vector<digest> digests(const extent& where) const override { return store_->digests(where); }
  result<extent> adopt(tier_address address, bytes size, std::span<const digest> digests) override {
    return store_->adopt(address, size, digests);
  }
  store_record record() override { return store_->record(); }
  link& read() override { return store_->read(); }
  link& write() override { return store_->write(); }
  void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) override {
    store_->stamp(where, index, pieces);
  }
  status check(const extent& where, std::uint32_t index,
               const slice_pieces& pieces) const override {
    return store_->check(where, index, pieces);
  }

 private:
  std::unique_ptr<nvme::testing::test_folder> folder_;
  faults::owned_opener opener_;
  std::unique_ptr<store> store_;
};

using opener_maker = std::function<faults::owned_opener()>;

/// `segment_limit` cuts the space into several files; `make` gives another queue than `backend`.
store_case on_disk(
    std::string name, io_backend backend, bytes segment_limit,
    opener_maker make = [] { return faults::owned_opener{}; }) {
  return {std::move(name), [=](bytes size, std::uint32_t slices) -> result<std::unique_ptr<store>> {
            auto folder = std::make_unique<nvme::testing::test_folder>();
            auto opener = make();
            auto opened = nvme::make_store({.folders = {{folder->path()}},
                                            .size = size,
                                            .slices = slices,
                                            .time = now,
                                            .backend = backend,
                                            .segment_limit = segment_limit,
                                            .open_queue = opener.open});
            if (!opened) return opened.error();
            return std::unique_ptr<store>(std::make_unique<owning_store>(
                std::move(folder), std::move(opener), std::move(opened).value()));
          }};
}

constexpr bytes whole{std::uint64_t{1} << 40};
constexpr bytes pieces{std::uint64_t{260} << 10};

const faults::sim_options slow{.latency = std::chrono::microseconds(200)};

const store_case stores[] = {
    on_disk("uring", io_backend::uring, whole),
    on_disk("posix", io_backend::posix, whole),
    on_disk("uring_many_segments", io_backend::uring, pieces),
    on_disk("posix_many_segments", io_backend::posix, pieces),
    on_disk("inlined", io_backend::inlined, whole),
    on_disk("inlined_many_segments", io_backend::inlined, pieces),
    on_disk("sim", io_backend::automatic, pieces, [] { return faults::owned_simulation(slow); }),
    on_disk("no_fault_on_sim", io_backend::automatic, whole,
            [] { return faults::without_faults(faults::owned_simulation({})); }),
    on_disk("no_fault_on_uring", io_backend::automatic, whole,
            [] { return faults::without_faults({nvme::choose_queue(io_backend::uring)}); }),
};

std::vector<link_case> links() {
  std::vector<link_case> made;
  for (const store_case& each : stores) made.push_back(as_link_case(each));
  return made;
}

const auto named = [](const auto& tested) { return tested.param.name; };

INSTANTIATE_TEST_SUITE_P(nvme, store_conformance, ::testing::ValuesIn(stores), named);
INSTANTIATE_TEST_SUITE_P(nvme, link_conformance, ::testing::ValuesIn(links()), named);

}  // namespace
}  // namespace ballast::testing
