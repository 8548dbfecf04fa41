// How far are the GPU's copies, its links and AdamW in every encoding from what the hardware moves?
//
//   gpu_bench [elements] [copy MiB] [rounds]
//
// Verifies each row against the host first, then times it in turn with its limit: for the links the
// fastest plain pinned copy of the same bytes, for AdamW a device-to-device copy that moves as many
// bytes. Prints one JSON document; exits with 77 where there is no GPU.
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>

#include "gpu/cuda_device.hpp"
#include "gpu/cuda_runtime.hpp"
#include "gpu/errors.hpp"
#include "gpu/stream.hpp"
#include "tests/gpu/awkward_state.hpp"
#include "tests/gpu/bench_rows.hpp"

namespace ballast::gpu {
namespace {

void must(const status& outcome) {
  if (!outcome) {
    throw std::runtime_error(outcome.error().message);
  }
}

template <class Value>
Value must(result<Value> made) {
  must(made ? status{} : status{made.error()});
  return std::move(*made);
}

/// Seconds of a GPU's work, from event to event on the legacy stream.
class gpu_timer {
 public:
  gpu_timer() {
    must(checked(cudaEventCreate(&begin_), "making an event"));
    must(checked(cudaEventCreate(&end_), "making an event"));
  }
  ~gpu_timer() {
    (void)cudaEventDestroy(begin_);
    (void)cudaEventDestroy(end_);
  }
  gpu_timer(const gpu_timer&) = delete;
  gpu_timer& operator=(const gpu_timer&) = delete;

  double operator()(const std::function<void()>& work) const {
    float milliseconds = 0;
    must(checked(cudaEventRecord(begin_, nullptr), "timing"));
    work();
    must(checked(cudaEventRecord(end_, nullptr), "timing"));
    must(checked(cudaEventSynchronize(end_), "timing"));
    must(checked(cudaEventElapsedTime(&milliseconds, begin_, end_), "timing"));
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

double host_seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Pinned host memory and device memory of one size.
class piece_pair {
 public:
  piece_pair(runtime& calls, device& on, std::size_t size)
      : calls_(calls),
        host(must(calls.allocate_pinned({size})), size),
        there(must(on.allocate({size}))) {
    for (std::size_t i = 0; i < size; ++i) {
      host[i] = static_cast<std::byte>((i * 131 + (i >> 12)) & 0xFF);
    }
  }
  ~piece_pair() { calls_.free_pinned(host.data()); }
  piece_pair(const piece_pair&) = delete;
  piece_pair& operator=(const piece_pair&) = delete;

 private:
  runtime& calls_;

 public:
  std::span<std::byte> host;
  std::span<std::byte> there;
};

class bench {
 public:
  bench(std::shared_ptr<runtime> calls, std::size_t elements_count, std::size_t copy_bytes,
        int rounds)
      : calls_(std::move(calls)),
        device_(must(make_device_on(calls_, must(calls_->free_memory()) / 8 * 7))),
        first_(must(stream::make(*calls_, stream_role::upload))),
        second_(must(stream::make(*calls_, stream_role::download))),
        count_(elements_count),
        copy_bytes_(copy_bytes),
        rounds_(rounds) {}

  std::vector<bench_row> run() {
    copies();
    for (const encoding stored :
         {encoding::fp32, encoding::exact, encoding::fp16, encoding::bf16, encoding::int8}) {
      adamw(stored);
    }
    return std::move(rows_);
  }

 private:
  /// Seconds of each work, all of them in turn, `rounds` times after one that does not count.
  std::vector<samples> in_turn(const std::vector<std::function<double()>>& works) const {
    std::vector<samples> seconds(works.size());
    for (int round = -1; round < rounds_; ++round) {
      for (std::size_t i = 0; i < works.size(); ++i) {
        const double taken = works[i]();
        if (round >= 0) {
          seconds[i].push_back(taken);
        }
      }
    }
    return seconds;
  }

  // Up, down or both: by the links under test, as one plain copy, and as plain copies of 64 MiB.

  void through_links(const piece_pair* up, const piece_pair* down) {
    std::vector<ticket> hops;
    if (up != nullptr) {
      hops.push_back(device_->upload().submit({address_of(up->there), up->host}));
    }
    if (down != nullptr) {
      hops.push_back(device_->download().submit({address_of(down->there), down->host}));
    }
    for (const ticket& each : hops) {
      must(each.wait());
    }
  }

  void plainly(const piece_pair* up, const piece_pair* down, std::size_t chunk) {
    for (std::size_t at = 0; at < copy_bytes_; at += chunk) {
      const std::size_t size = std::min(chunk, copy_bytes_ - at);
      if (up != nullptr) {
        must(
            calls_->upload(up->there.subspan(at, size), up->host.subspan(at, size), first_.view()));
      }
      if (down != nullptr) {
        must(calls_->download(down->host.subspan(at, size), down->there.subspan(at, size),
                              second_.view()));
      }
    }
    must(first_.wait());
    must(second_.wait());
  }

  /// A pattern goes up, is copied on the device, and comes down.
  bool verify(piece_pair& up, piece_pair& down) {
    std::ranges::fill(down.host, std::byte{0});
    through_links(&up, nullptr);
    must(device_->copy(down.there, up.there, {}));
    must(calls_->wait_for_all());
    through_links(nullptr, &down);
    return std::ranges::equal(up.host, down.host);
  }

  void link_row(const char* name, const piece_pair* up, const piece_pair* down, bool verified) {
    const auto plain = [&](std::size_t chunk) {
      return [=, this] { return host_seconds([&] { plainly(up, down, chunk); }); };
    };
    const auto link = [=, this] { return host_seconds([&] { through_links(up, down); }); };
    const std::vector<samples> seconds =
        in_turn({link, plain(copy_bytes_), plain(std::size_t{64} << 20)});
    const std::size_t moved = copy_bytes_ * (up != nullptr && down != nullptr ? 2 : 1);
    const samples& best = std::min(seconds[1], seconds[2], faster);
    rows_.push_back(rate_row("plain_" + std::string(name), moved, best, {}, verified));
    rows_.push_back(
        rate_row(name, moved, seconds[0], limit_of("plain_" + std::string(name), best), verified));
  }

  void copies() {
    piece_pair up(*calls_, *device_, copy_bytes_);
    piece_pair down(*calls_, *device_, copy_bytes_);
    const bool verified = verify(up, down);
    const samples seconds = in_turn(
        {[&] { return timer_([&] { must(device_->copy(down.there, up.there, {})); }); }})[0];
    rows_.push_back(rate_row("device_copy", 2 * copy_bytes_, seconds, {}, verified));
    link_row("upload", &up, nullptr, verified);
    link_row("download", nullptr, &down, verified);
    link_row("upload_and_download", &up, &down, verified);
    device_->release(up.there);
    device_->release(down.there);
  }

  /// Device memory of `size` bytes with a host buffer repeated in it.
  std::span<std::byte> filled(std::size_t size, const buffer& with) {
    const std::span<std::byte> memory = must(device_->allocate({size}));
    for (std::size_t at = 0; at < size; at += with.size()) {
      const std::size_t piece = std::min(with.size(), size - at);
      must(calls_->upload(memory.subspan(at, piece), std::span(with).first(piece), {}));
    }
    must(calls_->wait_for_all());
    return memory;
  }

  struct placed_state {
    state_view view;
    std::vector<std::span<std::byte>> pieces;
  };

  /// `count` elements on the device, the host's state repeated.
  placed_state place(encoding stored, const awkward_state& host, std::size_t count) {
    placed_state made;
    made.view.count = {count};
    const auto widths = state_widths(stored, optimizer::adamw);
    for (std::size_t part = 0; part < widths.size(); ++part) {
      if (!host.arrays[part].empty()) {
        made.pieces.push_back(filled(widths[part].of({count}).value, host.arrays[part]));
        made.view.*state_arrays[part] = made.pieces.back().data();
      }
    }
    const bytes gradient = size_of(compute_type(stored)) * count;
    made.pieces.push_back(filled(gradient.value, host.gradient));
    made.view.gradient = made.pieces.back().data();
    return made;
  }

  void release(const placed_state& state) {
    for (const std::span<std::byte> piece : state.pieces) {
      device_->release(piece);
    }
  }

  static update_recipe recipe_of(encoding stored) {
    return {stored, compute_type(stored), make_scalars(adamw_options{}, 1e-3, 10, 1.0),
            arithmetic::noise_key(1, 10)};
  }

  bool verify(encoding stored) {
    awkward_state host(stored, optimizer::adamw, compute_type(stored), 100'003);
    const placed_state there = place(stored, host, 100'003);
    std::byte* const pinned = must(calls_->allocate_pinned({sizeof(std::uint32_t)}));
    auto& findings = *new (pinned) std::uint32_t{0};
    std::uint32_t expected_findings = 0;
    must(calls_->update(recipe_of(stored), there.view, &findings, {}));
    must(calls_->wait_for_all());
    cpu::reference::update(recipe_of(stored), host.view, expected_findings);
    bool same = findings == expected_findings;
    for (std::size_t part = 0; part < state_arrays.size(); ++part) {
      buffer seen(host.arrays[part].size());
      if (!seen.empty()) {
        must(calls_->download(seen, {there.view.*state_arrays[part], seen.size()}, {}));
        must(calls_->wait_for_all());
      }
      same = same && seen == host.arrays[part];
    }
    calls_->free_pinned(pinned);
    release(there);
    return same;
  }

  void adamw(encoding stored) {
    const bool verified = verify(stored);
    const awkward_state tame(stored, optimizer::adamw, compute_type(stored), std::size_t{1} << 20,
                             state_values::tame);
    const placed_state there = place(stored, tame, count_);
    const std::size_t moved = update_bytes(stored, count_);
    const std::size_t half = moved / 2;
    const std::span<std::byte> from = must(device_->allocate({half}));
    const std::span<std::byte> to = must(device_->allocate({half}));
    std::byte* const pinned = must(calls_->allocate_pinned({sizeof(std::uint32_t)}));
    auto& findings = *new (pinned) std::uint32_t{0};
    const std::vector<samples> seconds =
        in_turn({[&] {
                   return timer_(
                       [&] { must(calls_->update(recipe_of(stored), there.view, &findings, {})); });
                 },
                 [&] { return timer_([&] { must(device_->copy(to, from, {})); }); }});
    calls_->free_pinned(pinned);
    bench_row row =
        rate_row("adamw", moved, seconds[0], limit_of("device_copy", seconds[1]), verified);
    row.params = fmt::format(R"({{"encoding": "{}", "gradient": "{}", "elements": {}}})",
                             to_string(stored), to_string(compute_type(stored)), count_);
    row.ns_per_parameter = median(seconds[0]) * 1e9 / static_cast<double>(count_);
    rows_.push_back(row);
    release(there);
    device_->release(from);
    device_->release(to);
  }

  std::shared_ptr<runtime> calls_;
  std::unique_ptr<device> device_;
  stream first_;
  stream second_;
  gpu_timer timer_;
  std::size_t count_;
  std::size_t copy_bytes_;
  int rounds_;
  std::vector<bench_row> rows_;
};

int run(std::size_t count, std::size_t copy_bytes, int rounds) {
  result<std::shared_ptr<runtime>> calls = make_cuda_runtime();
  if (!calls) {
    std::fprintf(stderr, "skipped: %s\n", calls.error().message.c_str());
    return calls.error().code == errc::unsupported ? 77 : 1;
  }
  const gpu_description gpu = (*calls)->gpu();
  const std::vector<bench_row> rows = bench(*calls, count, copy_bytes, rounds).run();
  fmt::print(R"({{"schema": "ballast.bench/1", "context": {{"gpu": "{}", "capability": "{}.{}", )"
             R"("memory_bytes": {}, "driver_cuda": {}, "rounds": {}}}, "results": [{}]}})"
             "\n",
             gpu.name, gpu.major, gpu.minor, gpu.memory.value, gpu.driver, rounds, to_json(rows));
  return std::ranges::all_of(rows, &bench_row::verified) ? 0 : 4;
}

}  // namespace
}  // namespace ballast::gpu

int main(int argc, char** argv) {
  const auto argument = [&](int at, std::size_t otherwise) {
    return argc > at ? std::max<std::size_t>(std::strtoull(argv[at], nullptr, 10), 1) : otherwise;
  };
  try {
    return ballast::gpu::run(argument(1, 100'000'000), argument(2, 1024) << 20,
                             static_cast<int>(argument(3, 15)));
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "failed: %s\n", problem.what());
    return 1;
  }
}
