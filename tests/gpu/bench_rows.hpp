// Rows of a ballast.bench/1 document, and the statistics behind them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <ballast/encoding.hpp>
#include <optional>
#include <string>
#include <vector>

namespace ballast::gpu {

/// Seconds.
using samples = std::vector<double>;

/// The value below which a share `at` of the samples lies.
inline double quantile(samples of, double at) {
  std::ranges::sort(of);
  const auto last = static_cast<double>(of.size() - 1);
  return of[static_cast<std::size_t>(at * last + 0.5)];
}
inline double median(const samples& of) { return quantile(of, 0.5); }
inline bool faster(const samples& a, const samples& b) { return median(a) < median(b); }

struct bench_limit {
  std::string name;
  double seconds;  ///< median of moving the same bytes
};

inline bench_limit limit_of(std::string name, const samples& seconds) {
  return {std::move(name), median(seconds)};
}

/// A rate in GB/s = 10^9; efficiency is the limit's time over the row's.
struct bench_row {
  std::string name;
  std::string params = "{}";
  double median = 0;
  double p05 = 0;
  double p95 = 0;
  std::size_t n = 0;
  std::size_t bytes = 0;
  std::optional<bench_limit> limit;
  bool verified = false;
  std::optional<double> ns_per_parameter = {};
};

inline bench_row rate_row(std::string name, std::size_t bytes, const samples& seconds,
                          std::optional<bench_limit> limit, bool verified) {
  const auto rate = [&](double at) {
    return static_cast<double>(bytes) * 1e-9 / quantile(seconds, at);
  };
  return {.name = std::move(name),
          .median = rate(0.5),
          .p05 = rate(0.95),
          .p95 = rate(0.05),
          .n = seconds.size(),
          .bytes = bytes,
          .limit = std::move(limit),
          .verified = verified};
}

/// Bytes that AdamW reads and writes; fp16's weights are written only.
inline std::size_t update_bytes(encoding stored, std::size_t count) {
  const state_layout layout = layout_of(stored, optimizer::adamw);
  const bytes weights = size_of(layout.weights) * count;
  const bytes state = layout.state({count});
  const bytes gradient = weights;
  return (weights * (stored == encoding::fp16 ? 1 : 2) + state * 2 + gradient).value;
}

inline std::string to_json(const bench_row& row) {
  std::string limit = "null";
  std::string efficiency = "null";
  if (row.limit) {
    const double value = static_cast<double>(row.bytes) * 1e-9 / row.limit->seconds;
    limit = fmt::format(R"({{"name": "{}", "value": {:.3f}}})", row.limit->name, value);
    efficiency = fmt::format("{:.4f}", row.median / value);
  }
  const std::string ns = row.ns_per_parameter
                             ? fmt::format(R"(, "ns_per_parameter": {:.5f})", *row.ns_per_parameter)
                             : "";
  return fmt::format(R"({{"name": "{}", "params": {}, "unit": "GB/s", "median": {:.3f}, )"
                     R"("p05": {:.3f}, "p95": {:.3f}, "n": {}, "bytes": {}, "limit": {}, )"
                     R"("efficiency": {}, "verified": {}{}}})",
                     row.name, row.params, row.median, row.p05, row.p95, row.n, row.bytes, limit,
                     efficiency, row.verified, ns);
}

inline std::string to_json(const std::vector<bench_row>& rows) {
  std::string all;
  for (const bench_row& row : rows) {
    all += (all.empty() ? "" : ",\n") + to_json(row);
  }
  return all;
}

}  // namespace ballast::gpu
