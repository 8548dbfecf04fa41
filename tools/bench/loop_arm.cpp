#include "tools/bench/loop_arm.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ballast/rounding.hpp>
#include <chrono>
#include <future>
#include <nvme/errno_translator.hpp>
#include <nvme/queue_choice.hpp>

#include "cpu/huge_page_region.hpp"
#include "cpu/update_backend.hpp"
#include "tools/bench/bench_store.hpp"
#include "tools/bench/cpu_clock.hpp"
#include "tools/bench/thread_team.hpp"

namespace ballast::tools {
namespace {

constexpr bytes page{4096};

bytes extent_size(const synthetic_training& of, const engine_config& config) {
  return round_up(of.arrays().state(tile_of(config)), page);
}

/// Of weights or gradients, all of them.
bytes compute_copy(const synthetic_training& of) {
  return round_up(size_of(of.arrays().weights) * of.count().value, page);
}

std::uint32_t tiles_of(const synthetic_training& of, const engine_config& config) {
  return static_cast<std::uint32_t>(count_up(of.count(), tile_of(config)));
}

/// Of every folder's file: tiles take turns among them.
bytes file_size(const synthetic_training& of, const engine_config& config) {
  const std::uint64_t tiles = tiles_of(of, config);
  return extent_size(of, config) * ((tiles + config.nvme.size() - 1) / config.nvme.size());
}

std::uint32_t workers_of(const engine_config& config) {
  return config.threads > 0 ? config.threads : std::thread::hardware_concurrency();
}

}  // namespace

bytes loop_arm::memory_of(const synthetic_training& of, const engine_config& config) {
  return compute_copy(of) * 2 + extent_size(of, config) * config.pipeline_depth;
}

result<std::unique_ptr<loop_arm>> loop_arm::make(const synthetic_training& of,
                                                 const engine_config& config) {
  auto region = cpu::make_huge_page_region(memory_of(of, config));
  auto updates = cpu::make_update_backend(config.isa);
  std::vector<std::string> folders;
  for (const nvme_folder& each : config.nvme) {
    folders.push_back(each.directory);
  }
  auto files = bench_files::open(folders, file_size(of, config));
  if (!region) return region.error();
  if (!updates) return updates.error();
  if (!files) return files.error();
  std::unique_ptr<loop_arm> made(
      new loop_arm(of, config, *std::move(region), *std::move(updates), *std::move(files)));
  status ready = made->open_queue();
  ready = ready ? made->fill() : ready;
  if (!ready) {
    return ready.error();
  }
  return made;
}

loop_arm::loop_arm(const synthetic_training& of, const engine_config& config,
                   std::unique_ptr<memory_region> region, std::unique_ptr<update_backend> updates,
                   bench_files files)
    : of_(of),
      config_(config),
      arrays_(of.arrays()),
      extent_(extent_size(of, config)),
      region_(std::move(region)),
      updates_(std::move(updates)),
      files_(std::move(files)),
      digests_(1, static_cast<std::uint32_t>(count_up(tile_of(config), digest_slice)) *
                      tiles_of(of, config)) {
  const std::size_t copy = compute_copy(of).value;
  const std::span<std::byte> all = region_->span();
  weights_ = all.first(copy);
  gradients_ = all.subspan(copy, copy);
  for (std::uint32_t i = 0; i < config.pipeline_depth; ++i) {
    buffers_.push_back({all.subspan(2 * copy + extent_.value * i, extent_.value)});
  }
}

loop_arm::~loop_arm() {
  queue_thread_.request_stop();
  if (queue_) {
    queue_->wake();
  }
}

std::string loop_arm::description() const {
  return fmt::format("{} tiles, {} workers; {}", tiles(), workers_of(config_),
                     queue_->description());
}

std::uint32_t loop_arm::tiles() const { return tiles_of(of_, config_); }

elements loop_arm::tile_count(std::uint32_t tile) const {
  return intersect({tile_of(config_) * tile, tile_of(config_)}, {{0}, of_.count()}).count;
}

extent loop_arm::extent_of(std::uint32_t tile) const {
  const auto folders = static_cast<std::uint32_t>(config_.nvme.size());
  const auto slices = static_cast<std::uint32_t>(count_up(tile_of(config_), digest_slice));
  return {.address = {file_size(of_, config_).value * (tile % folders) +
                      extent_.value * (tile / folders)},
          .size = round_up(arrays_.state(tile_count(tile)), page),
          .first_slice = slices * tile,
          .slices = static_cast<std::uint32_t>(count_up(tile_count(tile), digest_slice))};
}

state_view loop_arm::view_of(std::uint32_t tile, std::span<std::byte> state, elements from,
                             elements count) const {
  const elements all = tile_count(tile);
  std::byte* next = state.data();
  const auto array = [&](const array_width& width) {
    std::byte* const begin = next;
    next += width.of(all).value;
    return begin == next ? nullptr : begin + width.of(from).value;
  };
  const elements first = tile_of(config_) * tile + from;
  const std::size_t at = size_of(arrays_.weights).value * first.value;
  state_view made;
  made.weights = weights_.data() + at;
  made.residual = array(arrays_.residual);
  made.momentum = array(arrays_.momentum);
  made.variance = array(arrays_.variance);
  made.momentum_scale = array(arrays_.momentum_scale);
  made.variance_scale = array(arrays_.variance_scale);
  made.gradient = gradients_.data() + at;
  made.count = count;
  made.first = first;
  return made;
}

slice_pieces loop_arm::pieces_of(const state_view& view) const {
  const auto piece = [&](const std::byte* begin, const array_width& width) {
    return std::span(begin, begin == nullptr ? 0 : width.of(view.count).value);
  };
  return {piece(view.residual, arrays_.residual), piece(view.momentum, arrays_.momentum),
          piece(view.variance, arrays_.variance),
          piece(view.momentum_scale, arrays_.momentum_scale),
          piece(view.variance_scale, arrays_.variance_scale)};
}

/// At once, by the calling thread: before and between steps.
status loop_arm::move_now(std::uint32_t tile, std::span<std::byte> memory, bool reading) {
  const extent where = extent_of(tile);
  const auto at = files_.map().locate(where.address.value);
  const nvme::segment_map::file& file = files_.map().files[at.file];
  const auto offset = static_cast<off_t>(at.offset);
  const ssize_t moved = reading
                            ? ::pread(file.descriptor, memory.data(), where.size.value, offset)
                            : ::pwrite(file.descriptor, memory.data(), where.size.value, offset);
  if (moved == static_cast<ssize_t>(where.size.value)) {
    return {};
  }
  return nvme::make_failure(
      moved < 0 ? errno : EIO,
      fmt::format("{}, tile {}: {} bytes of {}", file.name, tile, moved, where.size.value));
}

status loop_arm::fill() {
  std::vector<float> values(digest_slice.value);
  std::uint32_t findings = found_nothing;
  for (std::uint32_t tile = 0; tile < tiles(); ++tile) {
    const extent where = extent_of(tile);
    const std::span<std::byte> state = buffers_.front().memory;
    for (std::uint32_t i = 0; i < where.slices; ++i) {
      const element_range part =
          intersect({digest_slice * i, digest_slice}, {{0}, tile_count(tile)});
      const state_view view = view_of(tile, state, part.begin, part.count);
      const auto masters = std::span(values).first(part.count.value);
      of_.masters(view.first, masters);
      updates_->encode_master(of_.stored(), masters, view, findings);
      digests_.stamp(where, i, pieces_of(view));
    }
    if (const status written = move_now(tile, state, false); !written) {
      return written;
    }
  }
  return {};
}

status loop_arm::open_queue() {
  std::promise<status> opened;
  queue_thread_ = std::jthread([this, &opened](const std::stop_token& over) {
    std::vector<int> descriptors;
    for (const auto& file : files_.map().files) {
      descriptors.push_back(file.descriptor);
    }
    const std::array regions{region_->span()};
    auto queue = nvme::choose_queue(config_.io)(
        {.files = descriptors, .registered = regions, .depth = config_.io_depth});
    if (!queue) {
      opened.set_value(queue.error());
      return;
    }
    queue_ = *std::move(queue);
    opened.set_value({});
    keep_queue(over);
  });
  return opened.get_future().get();
}

void loop_arm::keep_queue(const std::stop_token& over) {
  std::uint32_t free = config_.io_depth;
  std::vector<nvme::io_completion> pieces(config_.io_depth);
  while (!over.stop_requested()) {
    {
      const std::lock_guard hold(mutex_);
      under_way_.insert(under_way_.end(), asked_.begin(), asked_.end());
      asked_.clear();
    }
    ask(free);
    const std::size_t count = queue_->reap(pieces, std::chrono::seconds(1));
    free += static_cast<std::uint32_t>(count);
    for (std::size_t i = 0; i < count; ++i) {
      arrived(pieces[i]);
    }
  }
}

/// A piece's buffer and size.
std::uint64_t loop_arm::tag_of(const buffer& with, std::uint64_t size) const {
  return static_cast<std::uint64_t>(&with - buffers_.data()) << 32 | size;
}

/// As many pieces as the queue's depth allows.
void loop_arm::ask(std::uint32_t& free) {
  std::vector<nvme::io_request> batch;
  while (free > 0 && !under_way_.empty()) {
    buffer& with = *under_way_.front();
    const extent where = extent_of(with.tile);
    const std::uint64_t size = std::min(config_.io_request.value, where.size.value - with.asked);
    const auto at = files_.map().locate(where.address.value + with.asked);
    batch.push_back({with.reading ? nvme::io_op::read : nvme::io_op::write, at.file, at.offset,
                     with.memory.subspan(with.asked, size), tag_of(with, size)});
    --free;
    with.asked += size;
    if (with.asked == where.size.value) {
      under_way_.pop_front();
    }
  }
  queue_->submit(batch);
}

void loop_arm::arrived(const nvme::io_completion& piece) {
  buffer& with = buffers_[piece.tag >> 32];
  const std::uint64_t size = piece.tag & 0xffffffff;
  if (piece.result != static_cast<std::int64_t>(size)) {
    finish(nvme::make_failure(piece.result < 0 ? static_cast<int>(-piece.result) : EIO,
                              fmt::format("tile {}: a piece of {} bytes", with.tile, size)));
    return;
  }
  with.left -= size;
  if (with.left > 0) {
    return;
  }
  const std::lock_guard hold(mutex_);
  if (with.reading) {
    ready_.push_back(&with);
    some_ready_.notify_one();
    return;
  }
  if (++written_ == tiles()) {
    some_ready_.notify_all();
  }
  if (next_tile_ < tiles()) {
    with.tile = next_tile_++;
    with.reading = true;
    with.asked = 0;
    with.left = extent_of(with.tile).size.value;
    asked_.push_back(&with);
  }
}

void loop_arm::finish(const status& outcome) {
  const std::lock_guard hold(mutex_);
  outcome_ = outcome_ ? outcome : outcome_;
  some_ready_.notify_all();
}

void loop_arm::hand_over(buffer& with, bool reading) {
  with.reading = reading;
  with.asked = 0;
  with.left = extent_of(with.tile).size.value;
  {
    const std::lock_guard hold(mutex_);
    asked_.push_back(&with);
  }
  queue_->wake();
}

status loop_arm::update(const buffer& with) {
  const extent where = extent_of(with.tile);
  std::uint32_t findings = found_nothing;
  for (std::uint32_t i = 0; i < where.slices; ++i) {
    const element_range part =
        intersect({digest_slice * i, digest_slice}, {{0}, tile_count(with.tile)});
    const state_view view = view_of(with.tile, with.memory, part.begin, part.count);
    if (digests_.check(where, i, pieces_of(view)) != nvme::digest_table::verdict::same) {
      return failure{errc::corrupted, fmt::format("tile {}, slice {}", with.tile, i)};
    }
    updates_->update(recipe_, view, findings, {});
    digests_.stamp(where, i, pieces_of(view));
  }
  return {};
}

void loop_arm::work() {
  std::unique_lock hold(mutex_);
  for (;;) {
    some_ready_.wait(hold, [&] { return !ready_.empty() || written_ == tiles() || !outcome_; });
    if (ready_.empty() || !outcome_) {
      return;
    }
    buffer& with = *ready_.front();
    ready_.pop_front();
    hold.unlock();
    const status updated = update(with);
    if (updated) {
      hand_over(with, false);
    } else {
      finish(updated);
    }
    hold.lock();
  }
}

result<step_sample> loop_arm::step() {
  ++steps_;
  recipe_ = of_.recipe(steps_);
  // A gradient as the engine has it when an update begins; not timed.
  thread_team team(workers_of(config_));
  const std::size_t width = size_of(arrays_.weights).value;
  team.for_each_slice(of_.count(), 1, [&](element_range slice, std::uint32_t) {
    std::vector<float> values(slice.count.value);
    std::vector<double> sums(count_up(slice.count, block_elements));
    std::uint32_t findings = found_nothing;
    of_.gradients(steps_, slice.begin, values);
    updates_->encode_gradient(values, arrays_.weights,
                              gradients_.data() + width * slice.begin.value, sums, findings, {});
  });
  next_tile_ = std::min(tiles(), config_.pipeline_depth);
  written_ = 0;
  const double cpu = process_cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; i < next_tile_; ++i) {
    buffers_[i].tile = i;
  }
  for (std::uint32_t i = 0, first = next_tile_; i < first; ++i) {
    hand_over(buffers_[i], true);
  }
  {
    std::vector<std::jthread> workers;
    for (std::uint32_t i = 0; i < workers_of(config_); ++i) {
      workers.emplace_back([this] { work(); });
    }
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  if (!outcome_) {
    return outcome_.error();
  }
  step_sample sample;
  sample.update = wall.count();
  sample.cpu = process_cpu_seconds() - cpu;
  for (std::uint32_t tile = 0; tile < tiles(); ++tile) {
    sample.moved += extent_of(tile).size * 2;
  }
  return sample;
}

status loop_arm::masters(elements first, std::span<float> values) {
  const auto tile = static_cast<std::uint32_t>(first / tile_of(config_));
  const std::span<std::byte> state = buffers_.front().memory;
  if (const status read = move_now(tile, state, true); !read) {
    return read;
  }
  updates_->decode_master(
      of_.stored(), view_of(tile, state, first - tile_of(config_) * tile, {values.size()}), values);
  return {};
}

}  // namespace ballast::tools
