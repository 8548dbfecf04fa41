// Activations off the device, in host memory and on NVMe: they come back as they were, once, and
// what goes wrong on the way is heard.
#include <algorithm>
#include <thread>

#include "engine_fixture.hpp"
#include "src/blueprint.hpp"

namespace ballast {
namespace {

using testing::HasSubstr;

constexpr bytes room = activation_page * 4;

class Activations : public Engine {
 protected:
  /// An engine that keeps them in `where`, and device memory for one of them.
  void keep_in(place where, bytes size) {
    memory_ = {};
    host_reserved_ = where == place::host ? room : bytes{};
    nvme_reserved_ = where == place::nvme ? room : bytes{};
    start({.nvme = {{"/fake"}}, .placement = forced_placement{0, 1}});
    auto lent = engine_->allocate(place::device, size);
    ASSERT_TRUE(lent);
    memory_ = *std::move(lent);
  }

  static std::vector<std::byte> contents(std::size_t size, std::uint8_t first) {
    std::vector<std::byte> made(size);
    for (std::size_t i = 0; i < size; ++i) {
      made[i] = static_cast<std::byte>(first + i * 7 + i / 251);
    }
    return made;
  }

  /// Fills the device's memory, stores it, and overwrites it once it has left.
  result<activation_id> store(std::uint8_t first) {
    std::ranges::copy(contents(memory_.span().size(), first), memory_.span().begin());
    auto named = engine_->store_activation(memory_.span());
    if (!named) {
      return named;
    }
    if (auto left = engine_->await_stored(*named); !left) {
      return left.error();
    }
    std::ranges::fill(memory_.span(), std::byte{0xEE});
    return named;
  }

  void expect_back(activation_id which, std::uint8_t first) {
    const auto loaded = engine_->load_activation(which, memory_.span());
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_TRUE(std::ranges::equal(memory_.span(), contents(memory_.span().size(), first)));
  }

  memory_lease memory_;
};

class ActivationsIn : public Activations, public testing::WithParamInterface<place> {};

TEST_P(ActivationsIn, ComeBackAsTheyWere) {
  for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{5000}, activation_page.value,
                                   activation_page.value + 1, room.value}) {
    keep_in(GetParam(), {size});
    for (std::uint8_t round = 0; round < 3; ++round) {
      const auto named = store(round);
      ASSERT_TRUE(named) << named.error().message;
      expect_back(*named, round);
    }
  }
}

TEST_P(ActivationsIn, ComeBackInAnyOrder) {
  keep_in(GetParam(), 100_KiB);
  std::vector<activation_id> names;
  for (std::uint8_t i = 0; i < 4; ++i) {
    const auto named = store(i);
    ASSERT_TRUE(named) << named.error().message;
    names.push_back(*named);
  }
  for (const std::uint8_t i : std::initializer_list<std::uint8_t>{2, 0, 3, 1}) {
    ASSERT_TRUE(engine_->expect_activation(names[i], memory_.span()));
    expect_back(names[i], i);
  }
}

TEST_P(ActivationsIn, AreExpectedTwiceAndLoadedOnce) {
  keep_in(GetParam(), 300_KiB);
  const auto named = store(9);
  ASSERT_TRUE(named);
  EXPECT_TRUE(engine_->expect_activation(*named, memory_.span()));
  EXPECT_TRUE(engine_->expect_activation(*named, memory_.span()));
  expect_back(*named, 9);
  EXPECT_EQ(engine_->load_activation(*named, memory_.span()).error().code, errc::invalid_argument);
  EXPECT_EQ(engine_->expect_activation(*named, memory_.span()).error().code,
            errc::invalid_argument);
  EXPECT_EQ(engine_->await_stored(*named).error().code, errc::invalid_argument);
}

TEST_P(ActivationsIn, AreOfOneSize) {
  keep_in(GetParam(), 10_KiB);
  const auto named = store(3);
  ASSERT_TRUE(named);
  const auto less = memory_.span().first(memory_.span().size() - 1);
  EXPECT_EQ(engine_->load_activation(*named, less).error().code, errc::invalid_argument);
  expect_back(*named, 3);
}

TEST_P(ActivationsIn, AreRefusedPastTheReservation) {
  keep_in(GetParam(), room / 2);
  const auto first = store(1);
  const auto second = store(2);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(engine_->store_activation(memory_.span()).error().code, errc::exhausted);
  expect_back(*first, 1);
  const auto third = store(3);
  ASSERT_TRUE(third) << third.error().message;
  expect_back(*second, 2);
  expect_back(*third, 3);
}

TEST_P(ActivationsIn, AreForgottenByAbandon) {
  keep_in(GetParam(), room);
  for (std::uint8_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(engine_->begin_pass("train"));
    const auto named = store(i);
    ASSERT_TRUE(named) << named.error().message;
    ASSERT_TRUE(engine_->abandon());
    EXPECT_EQ(engine_->load_activation(*named, memory_.span()).error().code,
              errc::invalid_argument);
  }
}

TEST_P(ActivationsIn, AreCountedByThePlan) {
  keep_in(GetParam(), 1_KiB);
  const bool on_nvme = GetParam() == place::nvme;
  const auto size_of = [&](place where, std::string_view name) {
    bytes sum;
    for (const consumer& each : plan_.consumers) {
      sum += each.where == where && each.name.starts_with(name) ? each.size : bytes{};
    }
    return sum;
  };
  EXPECT_EQ(size_of(place::nvme, "activations"), on_nvme ? room : bytes{});
  EXPECT_EQ(size_of(place::host, "activation relay"), on_nvme ? room : bytes{});
}

TEST_P(ActivationsIn, LoseNoFailedTransfer) {
  for (const bool up : {true, false}) {
    keep_in(GetParam(), 300_KiB);
    (up ? seen_->device->fake_upload() : seen_->device->fake_download()).fail_in(1);
    const auto named = store(1);
    if (!up) {
      ASSERT_FALSE(named);
      EXPECT_THAT(named.error().message, HasSubstr("download was made to fail"));
      continue;
    }
    ASSERT_TRUE(named);
    EXPECT_THAT(engine_->load_activation(*named, memory_.span()).error().message,
                HasSubstr("upload was made to fail"));
    EXPECT_FALSE(engine_->begin_pass("train"));
  }
}

INSTANTIATE_TEST_SUITE_P(Places, ActivationsIn, testing::Values(place::host, place::nvme),
                         [](const auto& of) {
                           return of.param == place::host ? "HostMemory" : "Nvme";
                         });

TEST_F(Activations, NoticeAFlippedBitOnDisk) {
  keep_in(place::nvme, 300_KiB);
  const auto named = store(1);
  ASSERT_TRUE(named);
  while (seen_->disk->fake_write().counters().transfers < 2) {
    std::this_thread::yield();
  }
  const std::vector<std::byte> wanted = contents(memory_.span().size(), 1);
  const auto found = std::ranges::search(seen_->disk->disk(), std::span(wanted).last(40));
  ASSERT_FALSE(found.empty()) << "the activation is on the disk";
  found.front() ^= std::byte{4};
  EXPECT_EQ(engine_->load_activation(*named, memory_.span()).error().code, errc::corrupted);
}

TEST_F(Activations, LoseNoFailedReadOrWrite) {
  for (const bool reading : {true, false}) {
    keep_in(place::nvme, 300_KiB);
    (reading ? seen_->disk->fake_read() : seen_->disk->fake_write()).fail_in(2);
    const auto named = store(1);
    ASSERT_TRUE(named);
    const auto refused = engine_->load_activation(*named, memory_.span());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::io_failure);
    EXPECT_EQ(engine_->begin_pass("train").error().code, errc::io_failure);
  }
}

TEST_F(Activations, AreWrittenElsewhereWhereAFolderDoesNotTakeThem) {
  keep_in(place::nvme, 300_KiB);
  seen_->disk->others_left = true;
  seen_->disk->give_room(activation_page);
  seen_->disk->fake_write().fail_in(2);
  const auto named = store(7);
  ASSERT_TRUE(named);
  expect_back(*named, 7);
}

TEST_F(Activations, NeedAFolderForNvme) {
  engine homeless(names_.declared, std::make_unique<fakes::plain_backends>());
  homeless.reserve(place::nvme, 1_MiB);
  const auto refused = homeless.dry_run({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("--nvme DIR"));
}

}  // namespace
}  // namespace ballast
