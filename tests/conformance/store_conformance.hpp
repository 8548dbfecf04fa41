// What every store must do beside what its links must (link_conformance.hpp): give out extents,
// refuse what does not fit, and tell wrong bytes from right ones. To be included by one file of an
// executable.
#pragma once

#include <ballast/store.hpp>
#include <set>
#include "tests/conformance/link_conformance.hpp"

namespace ballast::testing {

struct store_case {
  std::string name;
  std::function<result<std::unique_ptr<store>>(bytes size, std::uint32_t slices)> open;
};

/// A store's links as link_conformance wants them.
inline link_case as_link_case(store_case which) {
  class rig final : public link_rig {
   public:
    rig(std::unique_ptr<store> held, extent room) : store_(std::move(held)), room_(room) {}
    link& there() override { return store_->write(); }
    link& back() override { return store_->read(); }
    tier_address begin() const override { return room_.address; }
    bytes unit() const override { return store_->alignment(); }

   private:
    std::unique_ptr<store> store_;
    extent room_;
  };
  return {which.name, [which](bytes size) -> std::unique_ptr<link_rig> {
            auto opened = which.open(size, 1);
            if (!opened) return ADD_FAILURE() << opened.error().message, nullptr;
            const auto room = (*opened)->allocate(size, 1);
            return std::make_unique<rig>(std::move(opened).value(), room.value());
          }};
}

class store_conformance : public ::testing::TestWithParam<store_case> {
 protected:
  static constexpr std::size_t space = std::size_t{1} << 20;
  static constexpr std::size_t slice_size = 16384;
  static constexpr std::uint32_t slice_count = 16;

  void SetUp() override { open(bytes{space}, slice_count); }

  void open(bytes size, std::uint32_t slices) {
    auto opened = GetParam().open(size, slices);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(opened).value();
  }

  /// The pieces of a slice of one tile: three arrays, as residual, momentum and variance are.
  static slice_pieces pieces_of(std::span<const std::byte> slice) {
    return {slice.first(1000), slice.subspan(1000, 5000), slice.subspan(6000)};
  }

  status write(const extent& where, std::span<std::byte> memory) {
    return store_->write().submit({where.address, memory}).wait();
  }
  status read(const extent& where, std::span<std::byte> memory) {
    return store_->read().submit({where.address, memory}).wait();
  }

  /// An extent of two slices with stamped bytes of `seed` on disk.
  extent stored(std::uint64_t seed) {
    const auto where = store_->allocate(bytes{2 * slice_size}, 2).value();
    rewrite(where, seed);
    return where;
  }
  void rewrite(const extent& where, std::uint64_t seed) {
    guarded_buffer out(2 * slice_size);
    fill_pattern(out.span(), seed);
    for (std::uint32_t i = 0; i < 2; ++i) {
      store_->stamp(where, i, pieces_of(out.span().subspan(i * slice_size, slice_size)));
    }
    EXPECT_TRUE(write(where, out.span()).has_value());
  }
  errc checked(const extent& where, std::uint32_t index, std::span<const std::byte> slice) {
    const auto outcome = store_->check(where, index, pieces_of(slice));
    return outcome ? errc::invalid_argument : outcome.error().code;
  }

  std::unique_ptr<store> store_;
};

TEST_P(store_conformance, names_itself_and_its_alignment) {
  EXPECT_FALSE(store_->description().empty());
  EXPECT_EQ(store_->alignment().value & (store_->alignment().value - 1), 0u);
  EXPECT_EQ(store_->read().name(), "read");
  EXPECT_EQ(store_->write().name(), "write");
}

TEST_P(store_conformance, gives_out_disjoint_aligned_extents) {
  std::uint64_t end = 0;
  std::uint32_t slices = 0;
  for (const std::size_t size : {1u, 4095u, 4096u, 4097u, 100'000u}) {
    const auto made = store_->allocate(bytes{size}, 2);
    ASSERT_TRUE(made.has_value());
    EXPECT_GE(made->address.value, end);
    EXPECT_EQ(made->address.value % store_->alignment().value, 0u);
    EXPECT_EQ(made->size.value % store_->alignment().value, 0u);
    EXPECT_GE(made->size.value, size);
    EXPECT_GE(made->first_slice, slices);
    EXPECT_EQ(made->slices, 2u);
    end = made->address.value + made->size.value;
    slices = made->first_slice + made->slices;
  }
}

TEST_P(store_conformance, gives_out_all_of_its_space_and_no_more) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(store_->allocate(bytes{space / 4}, 1).has_value());
  const auto refused = store_->allocate(bytes{1}, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::no_space);
  EXPECT_NE(refused.error().message.find(std::to_string(space)), std::string::npos)
      << refused.error().message;
}

TEST_P(store_conformance, refuses_an_extent_beyond_its_space) {
  for (const std::uint64_t size : {std::uint64_t{4} << 20, ~std::uint64_t{0}}) {
    const auto refused = store_->allocate(bytes{size}, 1);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, errc::no_space);
  }
  EXPECT_TRUE(store_->allocate(bytes{space}, 1).has_value()) << "a refusal costs nothing";
}

TEST_P(store_conformance, refuses_more_slices_than_it_has_digests) {
  EXPECT_FALSE(store_->allocate(bytes{4096}, slice_count + 1).has_value());
  EXPECT_TRUE(store_->allocate(bytes{4096}, slice_count).has_value());
  EXPECT_FALSE(store_->allocate(bytes{4096}, 1).has_value());
}

TEST_P(store_conformance, a_transfer_past_the_end_is_an_error_and_moves_nothing) {
  guarded_buffer big(4 * space);
  heard ear;
  for (link* hop : {&store_->read(), &store_->write()}) {
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{space} - 4096,
                                        std::uint64_t{space}, ~std::uint64_t{0} - 4095}) {
      const auto before = hop->counters();
      const auto outcome =
          hop->submit({.address = {address}, .memory = big.span(), .done = ear.done()}).wait();
      EXPECT_FALSE(outcome.has_value()) << address;
      EXPECT_EQ(hop->counters().moved, before.moved);
    }
  }
  EXPECT_EQ(ear.calls, 8);
  EXPECT_EQ(ear.failures, 8);
  const auto around =  // its end, in 64 bits, is address 0
      store_->read().submit({{~std::uint64_t{0} - 4095}, big.span().first(4096)}).wait();
  EXPECT_FALSE(around.has_value());
  const auto all = big.span();
  EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](std::byte b) { return b == poison; }));
}

TEST_P(store_conformance, passes_bytes_that_are_as_stamped) {
  const auto a = stored(1);
  const auto b = stored(2);
  guarded_buffer in(2 * slice_size);
  for (const auto& [where, seed] : {std::pair{a, 1u}, {b, 2u}}) {
    ASSERT_TRUE(read(where, in.span()).has_value());
    EXPECT_EQ(wrong_bytes(in.span(), seed), 0u);
    for (std::uint32_t i = 0; i < 2; ++i) {
      const auto slice = in.span().subspan(i * slice_size, slice_size);
      const auto outcome = store_->check(where, i, pieces_of(slice));
      EXPECT_TRUE(outcome.has_value()) << outcome.error().message;
    }
  }
}

TEST_P(store_conformance, a_slice_is_the_sum_of_its_pieces) {
  const auto where = stored(1);
  guarded_buffer in(2 * slice_size);
  ASSERT_TRUE(read(where, in.span()).has_value());
  const std::span<const std::byte> slice = in.span().first(slice_size);
  EXPECT_TRUE(store_->check(where, 0, {slice}).has_value());
  EXPECT_TRUE(
      store_->check(where, 0, slice_pieces{{{}, slice.first(1), slice.subspan(1)}}).has_value());
  EXPECT_FALSE(store_->check(where, 0, {slice.first(slice_size - 1)}).has_value());
}

TEST_P(store_conformance, finds_every_flipped_bit_of_a_byte_on_disk) {
  const auto where = stored(1);
  guarded_buffer bytes_on_disk(2 * slice_size);
  for (const std::size_t position : {std::size_t{0}, std::size_t{6000}, slice_size - 1}) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const auto damaged = bytes_on_disk.span();
      fill_pattern(damaged, 1);
      damaged[position] ^= std::byte{static_cast<unsigned char>(1u << bit)};
      ASSERT_TRUE(write(where, damaged).has_value());  // not stamped: as a disk would change it
      bytes_on_disk.repoison();
      ASSERT_TRUE(read(where, damaged).has_value());
      EXPECT_EQ(checked(where, 0, damaged.first(slice_size)), errc::corrupted);
      EXPECT_TRUE(store_->check(where, 1, pieces_of(damaged.last(slice_size))).has_value());
    }
  }
}

TEST_P(store_conformance, finds_a_stale_slice) {
  const auto where = stored(1);
  guarded_buffer newer(2 * slice_size);
  fill_pattern(newer.span(), 2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    store_->stamp(where, i, pieces_of(newer.span().subspan(i * slice_size, slice_size)));
  }
  // The write of these bytes is lost.
  guarded_buffer in(2 * slice_size);
  ASSERT_TRUE(read(where, in.span()).has_value());
  EXPECT_EQ(checked(where, 0, in.span().first(slice_size)), errc::corrupted);
  EXPECT_EQ(checked(where, 1, in.span().last(slice_size)), errc::corrupted);
}

TEST_P(store_conformance, finds_a_misdirected_transfer_even_of_equal_bytes) {
  const auto a = stored(1);
  const auto b = stored(1);
  guarded_buffer out(2 * slice_size);
  fill_pattern(out.span(), 3);
  for (std::uint32_t i = 0; i < 2; ++i) {
    store_->stamp(a, i, pieces_of(out.span().subspan(i * slice_size, slice_size)));
  }
  ASSERT_TRUE(write(b, out.span()).has_value());  // meant for a
  guarded_buffer in(2 * slice_size);
  for (const auto& where : {a, b}) {
    ASSERT_TRUE(read(where, in.span()).has_value());
    EXPECT_EQ(checked(where, 0, in.span().first(slice_size)), errc::corrupted);
  }
  EXPECT_EQ(checked(a, 1, out.span().first(slice_size)), errc::corrupted) << "another slice's";
}

TEST_P(store_conformance, a_slice_never_stamped_is_an_error) {
  const auto where = store_->allocate(bytes{2 * slice_size}, 2).value();
  guarded_buffer in(2 * slice_size);
  ASSERT_TRUE(read(where, in.span()).has_value());
  const auto outcome = store_->check(where, 1, pieces_of(in.span().last(slice_size)));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_FALSE(outcome.error().message.empty());
}

TEST_P(store_conformance, stamps_and_checks_from_many_threads) {
  open(bytes{space}, 64);
  const auto where = store_->allocate(bytes{space}, 64).value();
  guarded_buffer data(space);
  fill_pattern(data.span(), 1);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&, worker] {
      for (std::uint32_t i = worker; i < 64; i += 4) {
        const auto slice = data.span().subspan(i * slice_size, slice_size);
        store_->stamp(where, i, pieces_of(slice));
        if (!store_->check(where, i, pieces_of(slice))) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(store_conformance, gives_released_room_out_again) {
  std::vector<extent> held;
  for (int i = 0; i < 4; ++i) held.push_back(store_->allocate(bytes{space / 4}, 4).value());
  ASSERT_FALSE(store_->allocate(bytes{space / 4}, 4).has_value());
  store_->release(held[2]);
  const auto again = store_->allocate(bytes{space / 4}, 4);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->address, held[2].address);
  EXPECT_EQ(again->first_slice, held[2].first_slice);
  EXPECT_FALSE(store_->allocate(bytes{space / 4}, 4).has_value()) << "given out twice";
}

TEST_P(store_conformance, adopts_bytes_by_their_digests) {
  const auto where = stored(1);
  const auto kept = store_->digests(where);
  ASSERT_EQ(kept.size(), 2u);
  const auto adopted = store_->adopt(where.address, where.size, kept);
  ASSERT_TRUE(adopted.has_value()) << adopted.error().message;
  EXPECT_GE(adopted->first_slice, where.first_slice + where.slices);
  guarded_buffer in(2 * slice_size);
  ASSERT_TRUE(read(*adopted, in.span()).has_value());
  EXPECT_TRUE(store_->check(*adopted, 1, pieces_of(in.span().last(slice_size))).has_value());
  in.span()[slice_size] ^= std::byte{1};
  EXPECT_EQ(checked(*adopted, 1, in.span().last(slice_size)), errc::corrupted);
}

TEST_P(store_conformance, syncs_what_was_written) {
  EXPECT_TRUE(store_->sync().has_value());
  (void)stored(1);
  EXPECT_TRUE(store_->sync().has_value());
}

}  // namespace ballast::testing
