#include "tools/bench/nvme_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "cpu/huge_page_region.hpp"
#include "tools/bench/fio_arm.hpp"
#include "tools/bench/queue_arm.hpp"
#include "tools/bench/saturation_arm.hpp"
#include "tools/bench/small_page_region.hpp"
#include "tools/bench/store_arm.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

/// How files are written for the first time.
constexpr io_setting first_writing{1_MiB, 4};

std::size_t index_of(std::string_view name, const auto& arms) {
  const auto found =
      std::ranges::find(arms, name, [](const auto& each) { return each.arm->name(); });
  return static_cast<std::size_t>(found - arms.begin());
}

}  // namespace

status nvme_run::prepare() {
  if (settings_.with_fio) {
    const auto version = fio_version();
    if (!version) {
      return version.error();
    }
    document_.say(fmt::format("beside it: {}", *version));
  }
  if (const status allocated = allocate(); !allocated) {
    return allocated;
  }
  auto files = bench_files::open(plan_.folders, plan_.each);
  if (!files) {
    return files.error();
  }
  files_.emplace(*std::move(files));
  if (settings_.with_fio) {
    auto more = bench_files::open(plan_.folders, plan_.each);
    if (!more) {
      return more.error();
    }
    fio_files_.emplace(*std::move(more));
  }
  if (const status kept = keep_usable_backends(); !kept) {
    return kept;
  }
  status written = write_all(*files_);
  if (written && fio_files_) {
    written = write_all(*fio_files_);
  }
  if (settings_.lose_write) {
    files_->ledger().stamp(0, region_->span().first(sector_size.value), scrutiny::all_bytes);
  }
  return written;
}

status nvme_run::allocate() {
  const bytes tiles = plan_.tile * settings_.tiles;
  bytes largest = std::max(tiles, first_writing.block * first_writing.depth);
  for (const io_setting& each : plan_.settings) {
    largest = std::max(largest, each.block * each.depth);
  }
  auto region = cpu::make_huge_page_region(largest);
  if (!region) {
    return failure{errc::does_not_fit, region.error().message};
  }
  auto callers = make_small_page_region(tiles);
  if (!callers) {
    return failure{errc::does_not_fit, callers.error().message};
  }
  region_ = *std::move(region);
  callers_ = *std::move(callers);
  return {};
}

status nvme_run::keep_usable_backends() {
  status refused;
  for (const io_backend backend : plan_.backends) {
    const block_job job{io_mix::read, block_order::sequential, first_writing};
    const auto tried = queue_arm::make(job, backend, *files_, region_->span(), clock_);
    if (tried) {
      backends_.push_back(backend);
    } else {
      refused = tried.error();
      document_.say(fmt::format("left out: {}: {}", to_string(backend), refused.error().message));
    }
  }
  return backends_.empty() ? refused : status();
}

/// The first writing of a file is another, slower thing than all others.
status nvme_run::write_all(bench_files& files) {
  const block_job job{io_mix::write, block_order::sequential, first_writing};
  const auto arm = saturation_arm::make(job, files, region_->span());
  if (!arm) {
    return arm.error();
  }
  const auto written = (*arm)->run(scrutiny::all_bytes);
  return written ? status() : written.error();
}

status nvme_run::read_blocks(const io_setting& setting) {
  const block_job job{io_mix::read, block_order::sequential, setting};
  const auto arm = saturation_arm::make(job, *files_, region_->span());
  if (!arm) {
    return arm.error();
  }
  const auto read = (*arm)->run(scrutiny::all_bytes);
  return read ? status() : read.error();
}

status nvme_run::read_tiles(const bench_store& held) {
  store_arm arm("store", io_mix::read, block_order::sequential, held, region_->span(),
                settings_.tiles);
  const auto read = arm.run(scrutiny::all_bytes);
  return read ? status() : read.error();
}

status nvme_run::enter_limits(const block_job& job, field& arms) {
  auto plain = saturation_arm::make(job, *files_, region_->span());
  if (!plain) {
    return plain.error();
  }
  arms.push_back({*std::move(plain), "auto", [this, job] { return read_blocks(job.setting); }});
  if (fio_files_) {
    arms.push_back({std::make_unique<fio_arm>(job, *fio_files_), "uring"});
  }
  return {};
}

status nvme_run::enter_queue(const block_job& job, io_backend backend, field& arms) {
  auto queue = queue_arm::make(job, backend, *files_, region_->span(), clock_);
  if (!queue) {
    return queue.error();
  }
  arms.push_back(
      {*std::move(queue), to_string(backend), [this, job] { return read_blocks(job.setting); }});
  return {};
}

void nvme_run::enter_stores(const block_job& job, const bench_store& held, io_backend backend,
                            field& arms) {
  const auto enter = [&](std::string_view name, memory_region& memory) {
    arms.push_back({std::make_unique<store_arm>(name, job.mix, job.order, held, memory.span(),
                                                settings_.tiles),
                    to_string(backend), [this, &held] { return read_tiles(held); }});
  };
  enter("store", *region_);
  enter("caller", *callers_);
}

/// Every arm once with all bytes compared, then in turn.
result<std::vector<io_series>> nvme_run::run(const block_job& job, const field& arms) {
  std::vector<io_arm*> racing;
  for (const entrant& each : arms) {
    if (const auto warm = each.arm->run(scrutiny::all_bytes); !warm) {
      return warm.error();
    }
    if (job.mix != io_mix::read && each.read_back) {
      if (const status right = each.read_back(); !right) {
        return right.error();
      }
    }
    racing.push_back(each.arm.get());
  }
  auto taken = race(racing, settings_.rounds);
  if (taken && job.mix != io_mix::read) {
    // Not all sectors of the blocks were marked.
    if (const status written = write_all(*files_); !written) {
      return written.error();
    }
  }
  return taken;
}

/// The limit of the loop is the faster one of the plain loop and fio, the store's is the loop.
void nvme_run::report(const block_job& job, std::span<const entrant> arms,
                      std::span<const io_series> taken) {
  const auto rival_of = [&](std::string_view name) {
    const std::size_t at = index_of(name, arms);
    return at < arms.size() ? rival{name, &taken[at]} : rival{name, nullptr};
  };
  const rival fio = rival_of("fio");
  const rival plain = rival_of("saturation");
  const bool fio_wins =
      fio.taken != nullptr && median(fio.taken->rates()) > median(plain.taken->rates());
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const std::string_view name = arms[i].arm->name();
    const rival limit = name == "queue"                       ? (fio_wins ? fio : plain)
                        : name == "store" || name == "caller" ? rival_of("queue")
                                                              : rival{"", nullptr};
    const bench_row row = row_of({job, plan_.folders.size()}, *arms[i].arm, arms[i].backend,
                                 taken[i], limit, name == "fio" ? rival{"", nullptr} : fio);
    document_.say(line_of(row));
    document_.add(row);
  }
}

status nvme_run::race_settings() {
  for (const io_mix mix : plan_.mixes) {
    for (const block_order order : plan_.orders) {
      for (const io_setting& setting : plan_.settings) {
        const block_job job{mix, order, setting};
        field arms;
        status entered = enter_limits(job, arms);
        for (std::size_t i = 0; i < backends_.size() && entered; ++i) {
          entered = enter_queue(job, backends_[i], arms);
        }
        if (!entered) {
          return entered;
        }
        const auto taken = run(job, arms);
        if (!taken) {
          return taken.error();
        }
        report(job, arms, *taken);
      }
    }
  }
  return {};
}

result<disk_setting> nvme_run::find_best() {
  std::vector<disk_setting> ways;
  for (const io_setting& asked : plan_.settings) {
    for (const io_backend backend : backends_) {
      ways.push_back({asked, backend});
    }
  }
  // All of their stores together are as large as one.
  const bytes each = std::max(plan_.each / ways.size(), plan_.tile);
  std::deque<bench_store> stores;
  field arms;
  for (const disk_setting& how : ways) {
    auto held = open_store(how, each);
    if (!held) {
      return held.error();
    }
    stores.push_back(*std::move(held));
    arms.push_back({std::make_unique<store_arm>("store", io_mix::mixed, block_order::random,
                                                stores.back(), region_->span(), settings_.tiles),
                    to_string(how.backend)});
  }
  const auto taken = run({io_mix::mixed, block_order::random, {}}, arms);
  if (!taken) {
    return taken.error();
  }
  std::vector<double> rates;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const block_job job{io_mix::mixed, block_order::random, ways[i].asked};
    report(job, std::span(arms).subspan(i, 1), std::span(*taken).subspan(i, 1));
    rates.push_back(median((*taken)[i].rates()));
  }
  return best_of(ways, rates);
}

/// With every tile written once.
result<bench_store> nvme_run::open_store(const disk_setting& how, bytes each) {
  auto held = bench_store::open({.folders = plan_.folders,
                                 .each = each,
                                 .tile = plan_.tile,
                                 .setting = how.asked,
                                 .backend = how.backend,
                                 .arena = region_->span()},
                                clock_);
  if (!held) {
    return held;
  }
  store_arm first("store", io_mix::write, block_order::sequential, *held, region_->span(),
                  settings_.tiles);
  const auto written = first.run(scrutiny::all_bytes);
  return written ? std::move(held) : written.error();
}

status nvme_run::race_stores(const disk_setting& best) {
  const auto held = open_store(best, plan_.each);
  if (!held) {
    return held.error();
  }
  document_.say(held->disk().description());
  for (const io_mix mix : plan_.mixes) {
    for (const block_order order : plan_.orders) {
      const block_job job{mix, order, best.asked};
      field arms;
      status entered = enter_limits(job, arms);
      entered = entered ? enter_queue(job, best.backend, arms) : entered;
      if (!entered) {
        return entered;
      }
      enter_stores(job, *held, best.backend, arms);
      const auto taken = run(job, arms);
      if (!taken) {
        return taken.error();
      }
      report(job, arms, *taken);
    }
  }
  return {};
}

}  // namespace ballast::tools
