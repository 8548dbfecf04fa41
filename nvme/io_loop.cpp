#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <nvme/io_loop.hpp>
#include <nvme/io_rules.hpp>
#include <nvme/signal_guard.hpp>
#include <system_error>

namespace ballast::nvme {

namespace {

using namespace std::chrono_literals;

constexpr nanoseconds look_interval = 100ms;  // between looks at ages
constexpr nanoseconds idle_patience = 1h;     // a wake-up ends it
constexpr std::size_t direct_list = 0;
constexpr std::size_t staged_list = 1;

}  // namespace

result<std::unique_ptr<io_loop>> io_loop::start(const loop_options& options, segment_map map,
                                                queue_opener open) {
  require(options.request_limit < request_ceiling, "a request is below 1 GiB");
  require(options.depth > options.demand_reserve, "depth is more than what demand reserves");
  require(options.staging_size.value % map.alignment.extent.value == 0 &&
              options.request_limit.value % map.alignment.extent.value == 0,
          "requests and staging buffers are whole sectors");
  auto stage = staging::make(options.staging_size, options.staging_count);
  if (!stage) return stage.error();
  std::unique_ptr<io_loop> loop(new io_loop(options, std::move(map), std::move(stage).value()));

  std::promise<status> opened;
  auto outcome = opened.get_future();
  try {
    loop->thread_ =
        std::thread([&loop = *loop, open = std::move(open), said = std::move(opened)]() mutable {
          loop.run(open, std::move(said));
        });
  } catch (const std::system_error& refused) {
    return make_failure(refused.code().value(), "starting the I/O thread");
  }
  if (auto started = outcome.get(); !started) return started.error();
  return loop;
}

io_loop::io_loop(const loop_options& options, segment_map map, staging stage)
    : options_(options),
      map_(std::move(map)),
      stage_(std::move(stage)),
      pieces_(options.depth + options.staging_count) {
  for (auto slot = static_cast<std::uint32_t>(pieces_.size()); slot-- > 0;) {
    free_slots_.push_back(slot);
  }
  batch_.reserve(pieces_.size());
  retries_.reserve(pieces_.size());
}

io_loop::~io_loop() {
  {
    const std::lock_guard hold(gate_);
    stop_ = true;
    if (wakeable_ != nullptr) wakeable_->wake();
  }
  if (thread_.joinable()) thread_.join();
}

ticket io_loop::submit(io_op op, const transfer& hop, link_meter& meter) {
  const time_point now = options_.time.now();
  auto added =
      std::allocate_shared<io_transfer>(block_allocator<io_transfer>(states_), op, hop, meter, now,
                                        hop.deadline.value_or(now + options_.deadline));
  ticket held(added);
  meter.begin();
  const std::lock_guard hold(gate_);
  require(!stop_, "a link is used while its store lives");
  incoming_.push(std::move(added));
  if (std::exchange(asleep_, false)) wakeable_->wake();
  return held;
}

void io_loop::run(const queue_opener& open, std::promise<status> opened) {
  block_signals_in_this_thread();
  ::pthread_setname_np(::pthread_self(), "ballast-nvme");
  auto queue = open_queue(open);
  if (!queue) {
    opened.set_value(queue.error());
    return;
  }
  queue_ = std::move(queue).value();
  wakeable_ = queue_.get();
  description_ = fmt::format("{}, {} x {} KiB", queue_->description(), options_.depth,
                             options_.request_limit.value >> 10);
  opened.set_value({});

  std::vector<io_completion> done(pieces_.size());
  while (take_incoming()) {
    resubmit_due();
    fill();
    const std::size_t count = queue_->reap(done, patience());
    for (std::size_t i = 0; i < count; ++i) settle(done[i]);
    drop_failed();
    report_late();
  }
  queue_.reset();
}

result<std::unique_ptr<io_queue>> io_loop::open_queue(const queue_opener& open) const {
  std::vector<int> files;
  for (const auto& file : map_.files) files.push_back(file.descriptor);
  std::vector<std::span<std::byte>> regions{stage_.memory()};
  if (!options_.arena.empty()) regions.push_back(options_.arena);
  return open(
      {.files = files, .registered = regions, .depth = static_cast<std::uint32_t>(pieces_.size())});
}

/// Returns: false when the loop may end
bool io_loop::take_incoming() {
  transfer_list taken;
  bool stop = false;
  {
    const std::lock_guard hold(gate_);
    std::swap(taken, incoming_);
    asleep_ = false;
    stop = stop_;
  }
  while (!taken.empty()) accept(taken.pop());
  return !stop || live_ != 0;
}

void io_loop::accept(std::shared_ptr<io_transfer> added) {
  ++live_;
  if (auto problem = refusal(*added)) added->fail(*std::move(problem));
  if (added->over()) {
    retire_if_over(std::move(added));
    return;
  }
  added->staged = !io_piece::direct(*added, map_.alignment) || !in_arena(added->rest());
  auto& lists = pending_[static_cast<std::size_t>(added->urgency())];
  lists[added->staged ? staged_list : direct_list].push(std::move(added));
}

/// Whether `memory` is what transfers are meant to use, or there is nothing of the kind.
bool io_loop::in_arena(std::span<const std::byte> memory) const {
  const auto& arena = options_.arena;
  if (arena.empty() || memory.empty()) return true;
  return memory.data() >= arena.data() &&
         memory.data() + memory.size() <= arena.data() + arena.size();
}

std::optional<failure> io_loop::refusal(const io_transfer& asked) const {
  if (auto beyond = past_the_end(map_, asked.op(), asked.address(), asked.size())) return beyond;
  // A part of a sector could only be written by reading the rest of it first, which would race with
  // whoever writes that rest.
  const bytes begin{asked.address()};
  const std::uint64_t unit = map_.alignment.extent.value;
  if (asked.op() == io_op::write && (begin.value % unit != 0 || asked.size().value % unit != 0)) {
    return failure{
        errc::invalid_argument,
        fmt::format("write of {} bytes at {}: not multiples of the store's alignment, {}",
                    asked.size().value, begin.value, unit)};
  }
  return std::nullopt;
}

void io_loop::fill() {
  batch_.clear();
  while (transfer_list* from = next_ready()) launch(*from, batch_);
  if (!batch_.empty()) queue_->submit(batch_);
}

/// The list whose front is to be served next, or nullptr when nothing can be.
transfer_list* io_loop::next_ready() {
  for (std::size_t urgency = 0; urgency < pending_.size(); ++urgency) {
    const bool demand = urgency == static_cast<std::size_t>(priority::demand);
    auto& lists = pending_[urgency];
    // What needs no staging first: it costs this thread nothing.
    const std::size_t kept = demand ? 0 : options_.demand_reserve;
    if (!lists[direct_list].empty() && direct_ + kept < options_.depth) return &lists[direct_list];
    if (!lists[staged_list].empty() && stage_.available() > (demand ? 0u : 1u)) {
      return &lists[staged_list];
    }
  }
  return nullptr;
}

/// Cuts the next piece from the front of `from` and adds its request to `batch`.
void io_loop::launch(transfer_list& from, std::vector<io_request>& batch) {
  const bool staged = from.front().staged;
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  auto& piece = pieces_[slot];
  piece = io_piece(from.shared_front(), map_, options_.request_limit.value,
                   staged ? stage_.take() : std::span<std::byte>{});
  if (piece.owner().all_carved()) from.pop();
  if (!staged) ++direct_;
  if (staged && piece.owner().op() == io_op::write) {
    // Copying took a while: let it travel while the next one is copied.
    const io_request request = piece.request(slot);
    queue_->submit({&request, 1});
    return;
  }
  batch.push_back(piece.request(slot));
}

void io_loop::resubmit_due() {
  if (retries_.empty()) return;
  const auto now = real_clock::now();
  std::erase_if(retries_, [&](const retry& waiting) {
    if (waiting.due > now) return false;
    const io_request request = pieces_[waiting.slot].request(waiting.slot);
    queue_->submit({&request, 1});
    return true;
  });
}

/// How long reap() may wait; from here on a submit wakes the queue.
nanoseconds io_loop::patience() {
  {
    const std::lock_guard hold(gate_);
    if (!incoming_.empty() || (stop_ && live_ == 0)) return 0ns;
    asleep_ = true;
  }
  nanoseconds limit = live_ == 0 ? idle_patience : look_interval;
  const auto now = real_clock::now();
  for (const auto& waiting : retries_) {
    limit = std::min(limit, std::max<nanoseconds>(waiting.due - now, 0ns));
  }
  return limit;
}

void io_loop::settle(const io_completion& done) {
  const auto slot = static_cast<std::uint32_t>(done.tag);
  require(done.tag < pieces_.size() && pieces_[slot].in_use(), "a completion has a request");
  auto& piece = pieces_[slot];
  if (done.result < 0) {
    settle_error(slot, static_cast<int>(-done.result));
    return;
  }
  if (piece.owner().op() == io_op::sync) {
    retire(slot);
    return;
  }
  if (done.result == 0 && piece.owner().op() == io_op::read) {
    piece.owner().fail(file_ends(map_, piece.request(0)));
    retire(slot);
    return;
  }
  if (!piece.advance(static_cast<std::size_t>(done.result), map_.alignment.sector)) {
    stalled(slot, 0);
    return;
  }
  if (!piece.complete()) {
    piece.stalls = 0;
    const io_request request = piece.request(slot);
    queue_->submit({&request, 1});
    return;
  }
  if (piece.stage().empty() || piece.owner().op() != io_op::read || piece.owner().failed()) {
    retire(slot);
    return;
  }
  piece.copy_out();
  retire(slot);
  // Copying took a while: let the next one travel while others that came are copied.
  drop_failed();
  fill();
}

void io_loop::settle_error(std::uint32_t slot, int error) {
  auto& piece = pieces_[slot];
  // A sync that failed has forgotten what it could not write: the next one may succeed, and lie.
  if (piece.owner().op() == io_op::sync && error != EINTR) {
    piece.owner().fail(make_failure(error, place_of(map_, piece.request(0))));
    retire(slot);
    return;
  }
  switch (judge(error)) {
    case io_verdict::retry_now: {
      const io_request request = piece.request(slot);
      queue_->submit({&request, 1});
      return;
    }
    case io_verdict::retry_later: stalled(slot, error); return;
    case io_verdict::no_space:
    case io_verdict::failed:
      piece.owner().fail(make_failure(error, place_of(map_, piece.request(0))));
      retire(slot);
      return;
  }
}

/// An attempt moved nothing: again after a pause, or an error when it happened too often.
void io_loop::stalled(std::uint32_t slot, int error) {
  auto& piece = pieces_[slot];
  if (piece.stalls < stall_limit) {
    retries_.push_back({real_clock::now() + pause_before(piece.stalls++), slot});
    return;
  }
  piece.owner().fail(no_progress(map_, piece.request(0), error));
  retire(slot);
}

void io_loop::retire(std::uint32_t slot) {
  auto& piece = pieces_[slot];
  if (piece.stage().empty()) {
    --direct_;
  } else {
    stage_.give(piece.stage());
  }
  auto whole = piece.release();
  free_slots_.push_back(slot);
  whole->piece_done();
  // One that still waits in a list for its rest is ended by drop_failed().
  if (!whole->listed) retire_if_over(std::move(whole));
}

void io_loop::retire_if_over(std::shared_ptr<io_transfer> whole) {
  if (!whole->over()) return;
  --live_;
  whole->finish();
}

/// Failed transfers are not carved any further.
void io_loop::drop_failed() {
  for (auto& lists : pending_) {
    for (auto& list : lists) {
      while (!list.empty() && list.front().failed()) retire_if_over(list.pop());
    }
  }
}

void io_loop::report_late() {
  if (live_ == 0) return;
  const time_point now = options_.time.now();
  if (now < next_look_) return;
  next_look_ = now + look_interval;
  for (const auto& piece : pieces_) {
    if (piece.in_use()) look_at(piece.owner(), now);
  }
  for (const auto& lists : pending_) {
    for (const auto& list : lists) {
      for (auto* at = list.shared_front().get(); at != nullptr; at = at->next.get()) {
        look_at(*at, now);
      }
    }
  }
}

void io_loop::look_at(io_transfer& whole, time_point now) {
  if (!whole.turns_late(now)) return;
  late_.fetch_add(1, std::memory_order_relaxed);
  const auto at = map_.locate(whole.address());
  const std::string line = fmt::format(
      "{} of {} bytes at offset {} of {} is {:.1f} s old and not done; its memory stays in use "
      "until the disk answers",
      verb(whole.op()), whole.size().value, at.offset, map_.files[at.file].name,
      std::chrono::duration<double>(now - whole.submitted()).count());
  if (options_.on_note) {
    options_.on_note(line);
  } else {
    std::fprintf(stderr, "ballast: %s\n", line.c_str());
  }
}

}  // namespace ballast::nvme
