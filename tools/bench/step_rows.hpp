// The rows of `ballast bench step`: what a way's steps took, beside their limit and the other ways.
#pragma once

#include <memory>

#include "tools/bench/bench_document.hpp"
#include "tools/bench/sampling.hpp"
#include "tools/bench/step_arm.hpp"
#include "tools/bench/step_settings.hpp"
#include "tools/bench/synthetic_training.hpp"

namespace ballast::tools {

/// A way, and what its steps took, round by round.
struct entrant {
  std::unique_ptr<step_arm> arm;
  std::vector<step_sample> samples = {};
};

/// The line above all rows.
std::string step_title();

class step_rows {
 public:
  /// All outlive it.
  step_rows(const step_settings& settings, bench_document& document,
            const synthetic_training& training)
      : settings_(settings), document_(document), training_(training) {}

  /// A row of `of`; `limit` has as many rounds.
  void add(const entrant& of, const series& limit, const std::string& limit_name,
           std::span<const entrant> all) const;
  /// A line about what the workers' time went to, beside theirs that only copy.
  void say_work(const entrant& of, const series& copied, std::uint32_t threads) const;

 private:
  const step_settings& settings_;
  bench_document& document_;
  const synthetic_training& training_;
};

}  // namespace ballast::tools
