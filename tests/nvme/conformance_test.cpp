// Both queues on the real disk, in one file and in many, pass what every store must do.
#include <nvme/nvme_store.hpp>

#include "tests/conformance/store_conformance.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::testing {
namespace {

const steady_clock now;

/// A store in a folder that it takes with it.
class owning_store final : public store {
 public:
  owning_store(std::unique_ptr<nvme::testing::test_folder> folder, std::unique_ptr<store> held)
      : folder_(std::move(folder)), store_(std::move(held)) {}
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
  std::unique_ptr<store> store_;
};

/// `segment_limit` cuts the space into several files.
store_case on_disk(std::string name, io_backend backend, bytes segment_limit) {
  return {std::move(name), [=](bytes size, std::uint32_t slices) -> result<std::unique_ptr<store>> {
            auto folder = std::make_unique<nvme::testing::test_folder>();
            auto opened = nvme::make_store({.folders = {{folder->path()}},
                                            .size = size,
                                            .slices = slices,
                                            .time = now,
                                            .backend = backend,
                                            .segment_limit = segment_limit});
            if (!opened) return opened.error();
            return std::unique_ptr<store>(
                std::make_unique<owning_store>(std::move(folder), std::move(opened).value()));
          }};
}

constexpr bytes whole{std::uint64_t{1} << 40};
constexpr bytes pieces{std::uint64_t{260} << 10};

const auto uring = on_disk("uring", io_backend::uring, whole);
const auto posix = on_disk("posix", io_backend::posix, whole);
const auto uring_cut = on_disk("uring_many_segments", io_backend::uring, pieces);
const auto posix_cut = on_disk("posix_many_segments", io_backend::posix, pieces);
const auto named = [](const auto& tested) { return tested.param.name; };

INSTANTIATE_TEST_SUITE_P(nvme, store_conformance,
                         ::testing::Values(uring, posix, uring_cut, posix_cut), named);
INSTANTIATE_TEST_SUITE_P(nvme, link_conformance,
                         ::testing::Values(as_link_case(uring), as_link_case(posix),
                                           as_link_case(uring_cut), as_link_case(posix_cut)),
                         named);

}  // namespace
}  // namespace ballast::testing
