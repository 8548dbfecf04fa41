#include "tools/bench/nvme_rows.hpp"

#include <fmt/format.h>

#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

constexpr const char* columns =
    "{:<10} {:<5} {:<10} {:>7} {:>5} {:>5} {:<7} {:>6} {:>6} {:>10} "
    "{:>9} {:>8} {:>6}";

std::string cell(const nlohmann::ordered_json& value, int digits) {
  return value.is_null() ? "" : fmt::format("{:.{}f}", value.get<double>(), digits);
}

}  // namespace

bench_row row_of(const raced_job& raced, const io_arm& arm, std::string_view backend,
                 const io_series& taken, const rival& limit, const rival& fio) {
  const block_job& job = raced.job;
  bench_row row{.name = std::string(arm.name()),
                .params = {{"op", std::string(to_string(job.mix))},
                           {"order", std::string(to_string(job.order))},
                           {"block", job.setting.block.value},
                           {"depth", job.setting.depth},
                           {"paths", raced.paths},
                           {"backend", std::string(backend)},
                           {"moved_by", arm.description()}},
                .values = taken.rates(),
                .moved = taken.moved(),
                .verified = true,
                .more = {{"cpu_s_per_gib", median(taken.cpu())},
                         {"checks_s_per_gib", median(taken.checks())},
                         {"cpu_over_fio", nullptr}}};
  if (limit.taken != nullptr) {
    row.limit = {std::string(limit.name), median(limit.taken->rates())};
    row.efficiency = median(ratios(row.values, limit.taken->rates()));
  }
  // Of a short job fio's clock sees nothing.
  if (fio.taken != nullptr && quantile(fio.taken->cpu(), 0) > 0) {
    row.more["cpu_over_fio"] = median(ratios(taken.cpu(), fio.taken->cpu()));
  }
  return row;
}

std::string title_line() {
  return fmt::format(fmt::runtime(columns), "nvme", "op", "order", "block", "depth", "paths",
                     "backend", "GB/s", "limit", "efficiency", "CPU s/GiB", "+ checks", "of fio");
}

std::string line_of(const bench_row& row) {
  const auto word = [&](const char* key) { return row.params[key].get<std::string>(); };
  return fmt::format(fmt::runtime(columns), row.name, word("op"), word("order"),
                     size_text(bytes{row.params["block"].get<std::uint64_t>()}),
                     row.params["depth"].get<std::uint32_t>(),
                     row.params["paths"].get<std::uint32_t>(), word("backend"),
                     fmt::format("{:.3f}", median(row.values)),
                     row.limit ? fmt::format("{:.3f}", row.limit->value) : "",
                     row.efficiency ? fmt::format("{:.3f}", *row.efficiency) : "",
                     cell(row.more["cpu_s_per_gib"], 4), cell(row.more["checks_s_per_gib"], 4),
                     cell(row.more["cpu_over_fio"], 2));
}

}  // namespace ballast::tools
