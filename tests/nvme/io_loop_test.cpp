// The loop against a disk that misbehaves on request: nothing is lost, nothing is silent.
// Length: one fixture; every judgement of the loop is a few lines on it.
#include <atomic>
#include <cerrno>
#include <nvme/io_loop.hpp>
#include <thread>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/conformance/heard.hpp"
#include "tests/faults/fault_queue.hpp"
#include "tests/faults/manual_clock.hpp"
#include "tests/faults/notebook.hpp"
#include "tests/nvme/test_map.hpp"

namespace ballast::nvme {
namespace {

using ballast::testing::fill_pattern;
using ballast::testing::guarded_buffer;
using ballast::testing::wrong_bytes;
using namespace faults;
using namespace std::chrono_literals;

constexpr io_alignment direct_rules{{4096}, {512}, {512}};
constexpr bytes mib{std::uint64_t{1} << 20};

struct io_loop_test : ::testing::Test {
  manual_clock time;
  const segment_map map = testing::test_map(mib, 4, direct_rules);
  sim_disk disk{{.file_size = mib.value}};
  std::optional<fault_script> script{std::in_place, seam_rules{direct_rules, mib.value}};
  link_meter meter{time};
  notebook notes;
  std::unique_ptr<io_loop> loop;

  loop_options options() {
    return {.time = time,
            .deadline = 30s,
            .on_note = notes.sink(),
            .depth = 8,
            .request_limit = bytes{65536},
            .staging_size = bytes{16384},
            .staging_count = 3};
  }
  void start(const loop_options& chosen) {
    auto started = io_loop::start(chosen, map, faulty(*script, disk));
    ASSERT_TRUE(started.has_value());
    loop = std::move(started).value();
  }
  status move(io_op op, std::uint64_t address, std::span<std::byte> memory) {
    return loop->submit(op, {{address}, memory}, meter).wait();
  }
  /// Ends the loop and forgets its faults.
  void begin_anew() {
    loop.reset();
    script.emplace(seam_rules{direct_rules, mib.value});
  }
  /// Fills the disk under a loop that has started.
  void fill_disk(std::uint64_t seed) {
    std::vector<std::byte> content(mib.value);
    for (std::uint32_t file = 0; file < map.files.size(); ++file) {
      fill_pattern(content, seed, file * mib.value);
      disk.perform({io_op::write, file, 0, content, 0});
    }
  }
  /// Writes and reads back `size` bytes under the faults set; both must come out right.
  void expect_round_trip(std::size_t size, std::size_t misalignment = 0) {
    start(options());
    guarded_buffer out(size, misalignment);
    guarded_buffer in(size, misalignment);
    fill_pattern(out.span(), 5);
    const auto wrote = move(io_op::write, 4096, out.span());
    ASSERT_TRUE(wrote.has_value()) << wrote.error().message;
    const auto got = move(io_op::read, 4096, in.span());
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(wrong_bytes(in.span(), 5), 0u);
  }
  failure expect_failure(io_op op, std::size_t size, std::size_t misalignment = 0) {
    start(options());
    guarded_buffer memory(size, misalignment);
    auto outcome = move(op, 4096, memory.span());
    EXPECT_FALSE(outcome.has_value());
    return outcome ? failure{errc::invalid_argument, "success"} : outcome.error();
  }
};

TEST_F(io_loop_test, cuts_and_joins) {
  expect_round_trip(3 * mib.value);
  EXPECT_EQ(script->seen(), 2 * 49u) << "3 MiB over 4 files in 64 KiB, each file's end a cut";
  EXPECT_EQ(meter.read().moved, bytes{6 * mib.value});
}

TEST_F(io_loop_test, stages_unaligned_memory) { expect_round_trip(3 * mib.value, 3); }

TEST_F(io_loop_test, stages_what_lies_outside_of_the_arena) {
  guarded_buffer arena(mib.value);
  guarded_buffer other(mib.value);
  auto chosen = options();
  chosen.arena = arena.span();
  start(chosen);
  const auto moved_as_it_is = [&](std::span<std::byte> memory) {
    const std::size_t before = script->seen();
    fill_pattern(memory, 5);
    EXPECT_TRUE(move(io_op::write, 0, memory).has_value());
    std::fill(memory.begin(), memory.end(), ballast::testing::poison);
    EXPECT_TRUE(move(io_op::read, 0, memory).has_value());
    EXPECT_EQ(wrong_bytes(memory, 5), 0u);
    const auto asked = script->requests();
    return std::all_of(asked.begin() + static_cast<std::ptrdiff_t>(before), asked.end(),
                       [&](const io_request& request) {
                         return request.memory.data() >= memory.data() &&
                                request.memory.data() < memory.data() + memory.size();
                       });
  };
  EXPECT_TRUE(moved_as_it_is(arena.span()));
  EXPECT_TRUE(moved_as_it_is(arena.span().last(4096)));
  EXPECT_FALSE(moved_as_it_is(other.span()));
  EXPECT_TRUE(move(io_op::sync, 0, {}).has_value());
}

TEST_F(io_loop_test, continues_short_transfers_anywhere) {
  for (const std::size_t moved : {1u, 511u, 512u, 513u, 4095u, 65535u}) {
    for (const std::size_t n : {0u, 1u, 5u, 6u, 7u}) {
      begin_anew();
      // Of the first bytes written and read, each cut into 8 requests and what continues the short one.
      script->plan(io_op::write, n, shortened(moved));
      script->plan(io_op::read, n, shortened(moved));
      expect_round_trip(mib.value / 2);
      EXPECT_EQ(script->struck(), 2u);
    }
  }
}

TEST_F(io_loop_test, ends_although_every_transfer_is_short) {
  script->every(shortened(1000));
  expect_round_trip(mib.value / 4);
  loop.reset();
  expect_round_trip(mib.value / 4, 1);
}

TEST_F(io_loop_test, repeats_interrupted_and_refused_requests) {
  for (std::size_t n = 0; n < 40; ++n) script->plan(n, error(n % 2 == 0 ? EINTR : EAGAIN));
  expect_round_trip(mib.value / 2);
}

TEST_F(io_loop_test, gives_up_on_endless_refusal) {
  script->every(error(EAGAIN));
  const auto problem = expect_failure(io_op::read, 8192);
  EXPECT_EQ(problem.code, errc::io_failure);
  EXPECT_EQ(problem.system, EAGAIN);
  EXPECT_NE(problem.message.find("17 attempts"), std::string::npos) << problem.message;
}

TEST_F(io_loop_test, gives_up_on_transfers_that_move_less_than_a_sector) {
  script->every(shortened(511));
  EXPECT_EQ(expect_failure(io_op::write, 8192).code, errc::io_failure);
}

TEST_F(io_loop_test, gives_up_on_writes_that_move_nothing) {
  script->every(nothing());
  EXPECT_EQ(expect_failure(io_op::write, 8192).code, errc::io_failure);
}

TEST_F(io_loop_test, a_read_of_nothing_is_the_end_of_the_file) {
  script->plan(3, nothing());
  const auto problem = expect_failure(io_op::read, mib.value / 2);
  EXPECT_EQ(problem.code, errc::io_failure);
  EXPECT_NE(problem.message.find("the file ends before that"), std::string::npos);
}

TEST_F(io_loop_test, a_short_read_then_nothing_is_the_end_of_the_file) {
  script->plan(0, shortened(512));
  script->plan(1, nothing());
  EXPECT_NE(expect_failure(io_op::read, 8192).message.find("offset 4608 of file-0"),
            std::string::npos);
}

TEST_F(io_loop_test, errors_name_file_offset_and_errno) {
  // 4096 + 1 MiB - 4096 + ...: the 17th request is the first of the second file.
  for (const auto op : {io_op::read, io_op::write}) {
    begin_anew();
    script->plan(16, error(EIO));
    const auto problem = expect_failure(op, 2 * mib.value);
    EXPECT_EQ(problem.code, errc::io_failure);
    EXPECT_EQ(problem.system, EIO);
    EXPECT_NE(problem.message.find("of 65536 bytes at offset 0 of file-1"), std::string::npos)
        << problem.message;
    EXPECT_NE(problem.message.find("EIO"), std::string::npos);
  }
}

TEST_F(io_loop_test, a_short_write_then_enospc_is_no_space) {
  script->plan(0, shortened(1024));
  script->plan(1, error(ENOSPC));
  const auto problem = expect_failure(io_op::write, 8192);
  EXPECT_EQ(problem.code, errc::no_space);
  EXPECT_NE(problem.message.find("offset 5120"), std::string::npos) << problem.message;
}

TEST_F(io_loop_test, goes_on_after_a_failed_transfer) {
  for (std::size_t n = 0; n < 6; ++n) script->plan(n, error(EIO));
  start(options());
  guarded_buffer out(mib.value);
  ASSERT_FALSE(move(io_op::write, 0, out.span()).has_value());
  EXPECT_EQ(meter.read().moved, bytes{0});
  EXPECT_EQ(meter.read().transfers, 1u);
  fill_pattern(out.span(), 1);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(move(io_op::write, 0, out.span()).has_value());
  guarded_buffer in(mib.value);
  ASSERT_TRUE(move(io_op::read, 0, in.span()).has_value());
  EXPECT_EQ(wrong_bytes(in.span(), 1), 0u);
}

TEST_F(io_loop_test, fails_once_however_many_pieces_fail) {
  script->every(error(EIO));
  start(options());
  guarded_buffer memory(mib.value);
  ballast::testing::heard ear;
  const auto held = loop->submit(
      io_op::read, {.address = {0}, .memory = memory.span(), .done = ear.done()}, meter);
  EXPECT_FALSE(held.wait().has_value());
  loop.reset();
  EXPECT_EQ(ear.calls, 1);
  EXPECT_LE(script->seen(), 8u) << "a failed transfer is not cut any further";
}

TEST_F(io_loop_test, a_failed_read_leaves_staged_callers_memory_alone) {
  script->plan(0, error(EIO));
  start(options());
  guarded_buffer memory(4096, 1);
  ASSERT_FALSE(move(io_op::read, 0, memory.span()).has_value());
  for (const std::byte b : memory.span()) ASSERT_EQ(b, ballast::testing::poison);
}

TEST_F(io_loop_test, reads_any_range) {
  start(options());
  fill_disk(3);
  for (const std::uint64_t address : {0u, 1u, 511u, 512u, 4095u, 1048575u, 1048577u}) {
    for (const std::size_t size : {1u, 511u, 513u, 100'000u}) {
      guarded_buffer in(size, size % 9);
      ASSERT_TRUE(move(io_op::read, address, in.span()).has_value());
      ASSERT_EQ(wrong_bytes(in.span(), 3, address), 0u) << address << " " << size;
    }
  }
}

TEST_F(io_loop_test, refuses_writes_of_parts_of_a_sector) {
  start(options());
  guarded_buffer memory(8192);
  EXPECT_EQ(move(io_op::write, 4095, memory.span()).error().code, errc::invalid_argument);
  EXPECT_EQ(move(io_op::write, 0, memory.span().first(4095)).error().code, errc::invalid_argument);
  EXPECT_EQ(move(io_op::read, 4 * mib.value - 4096, memory.span()).error().code,
            errc::invalid_argument);
  EXPECT_EQ(script->seen(), 0u);
}

TEST_F(io_loop_test, lengths_are_64_bit) {
  // 5 GiB of address space that is never touched: every write is lost.
  constexpr bytes five_gib{std::uint64_t{5} << 30};
  fault_script lost({direct_rules, five_gib.value});
  lost.every(lost_write());
  auto chosen = options();
  chosen.request_limit = bytes{(std::uint64_t{1} << 30) - 4096};
  auto started =
      io_loop::start(chosen, testing::test_map(five_gib, 1, direct_rules), faulty(lost, disk));
  ASSERT_TRUE(started.has_value());
  std::byte* const nowhere = reinterpret_cast<std::byte*>(std::uintptr_t{1} << 40);
  for (const std::uint64_t size :
       {std::uint64_t{3} << 30, (std::uint64_t{4} << 30), five_gib.value}) {
    const std::size_t before = lost.seen();
    const auto outcome = (*started)->submit(io_op::write, {{0}, {nowhere, size}}, meter).wait();
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    std::uint64_t covered = 0;
    auto made = lost.requests();
    made.erase(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(before));
    std::sort(made.begin(), made.end(),
              [](const auto& a, const auto& b) { return a.offset < b.offset; });
    for (const auto& request : made) {
      EXPECT_EQ(request.offset, covered);
      EXPECT_EQ(request.memory.data(), nowhere + covered);
      covered += request.memory.size();
    }
    EXPECT_EQ(covered, size);
  }
}

TEST_F(io_loop_test, demand_overtakes_what_waits) {
  start(options());
  script->hold_all();
  guarded_buffer big(2 * mib.value);
  guarded_buffer small(4096);
  guarded_buffer other(4096);
  const auto behind = loop->submit(io_op::write, {{0}, big.span(), priority::write_back}, meter);
  while (script->seen() < 6) std::this_thread::yield();  // depth 8, of which 2 are demand's
  const auto between =
      loop->submit(io_op::read, {{2 * mib.value}, other.span(), priority::prefetch}, meter);
  const auto urgent =
      loop->submit(io_op::read, {{3 * mib.value}, small.span(), priority::demand}, meter);
  while (script->seen() < 7) std::this_thread::yield();
  EXPECT_EQ(script->requests()[6].file, 3u) << "a demand read does not wait for a slot";
  script->release();
  EXPECT_TRUE(urgent.wait().has_value());
  EXPECT_TRUE(between.wait().has_value());
  EXPECT_TRUE(behind.wait().has_value());
  EXPECT_EQ(script->requests()[7].file, 2u) << "prefetch goes before the rest of the write-back";
}

TEST_F(io_loop_test, reports_what_is_late_once_and_keeps_its_memory) {
  start(options());
  script->hold_all();
  guarded_buffer memory(8192);
  ballast::testing::heard ear;
  const auto held = loop->submit(
      io_op::read, {.address = {mib.value + 4096}, .memory = memory.span(), .done = ear.done()},
      meter);
  while (script->seen() == 0) std::this_thread::yield();
  time.advance(31s);
  while (loop->late_transfers() == 0) std::this_thread::sleep_for(1ms);
  time.advance(31s);
  std::this_thread::sleep_for(250ms);
  EXPECT_FALSE(held.poll().has_value());
  EXPECT_EQ(ear.calls, 0);
  ASSERT_EQ(notes.lines().size(), 1u);
  EXPECT_NE(notes.lines()[0].find("read of 8192 bytes at offset 4096 of file-1 is 31.0 s old"),
            std::string::npos)
      << notes.lines()[0];
  script->release();
  EXPECT_TRUE(held.wait().has_value());
  EXPECT_EQ(ear.calls, 1);
  EXPECT_EQ(loop->late_transfers(), 1u);
}

TEST_F(io_loop_test, a_transfers_own_deadline_counts) {
  start(options());
  script->hold_all();
  guarded_buffer memory(4096);
  const auto held = loop->submit(
      io_op::read, {.address = {0}, .memory = memory.span(), .deadline = time.now() + 1s}, meter);
  time.advance(2s);
  while (loop->late_transfers() == 0) std::this_thread::sleep_for(1ms);
  script->release();
  EXPECT_TRUE(held.wait().has_value());
}

TEST_F(io_loop_test, syncs_the_file_that_was_named) {
  start(options());
  ASSERT_TRUE(move(io_op::sync, 2 * mib.value, {}).has_value());
  ASSERT_EQ(script->seen(), 1u);
  EXPECT_EQ(script->requests().front().op, io_op::sync);
  EXPECT_EQ(script->requests().front().file, 2u);
  EXPECT_EQ(meter.read().moved, bytes{0});
}

TEST_F(io_loop_test, asks_once_for_a_sync_that_fails) {
  for (const int refused : {EIO, ENOSPC, EAGAIN, EDQUOT}) {
    script->plan(script->seen(), error(refused));
    const auto problem = expect_failure(io_op::sync, 0);
    EXPECT_EQ(problem.system, refused);
    EXPECT_NE(problem.message.find("sync of file-0"), std::string::npos) << problem.message;
    loop.reset();
  }
  EXPECT_EQ(script->seen(), 4u) << "a second one might succeed without having written anything";
}

TEST_F(io_loop_test, repeats_an_interrupted_sync) {
  script->plan(0, error(EINTR));
  start(options());
  EXPECT_TRUE(move(io_op::sync, 0, {}).has_value());
  EXPECT_EQ(script->seen(), 2u);
}

TEST_F(io_loop_test, its_end_waits_for_every_transfer) {
  start(options());
  script->hold_all();
  guarded_buffer memory(mib.value);
  ballast::testing::heard ear;
  const auto held = loop->submit(
      io_op::read, {.address = {0}, .memory = memory.span(), .done = ear.done()}, meter);
  while (script->seen() == 0) std::this_thread::yield();
  std::atomic<bool> over = false;
  std::thread end([&] {
    loop.reset();
    over = true;
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(over);
  script->release();
  end.join();
  EXPECT_EQ(ear.calls, 1);
  EXPECT_TRUE(held.wait().has_value()) << "a ticket outlives its loop";
}

TEST_F(io_loop_test, allocates_no_state_in_steady_state) {
  start(options());
  guarded_buffer memory(65536, 1);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(move(io_op::read, 0, memory.span()).has_value());
  // One under way, and one that the loop is about to let go.
  EXPECT_LE(loop->states_made(), 2u);
}

TEST_F(io_loop_test, passes_on_why_a_queue_does_not_open) {
  const auto started =
      io_loop::start(options(), map, [](const queue_setup&) -> result<std::unique_ptr<io_queue>> {
        return failure{errc::unsupported, "not here"};
      });
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().message, "not here");
}

}  // namespace
}  // namespace ballast::nvme
