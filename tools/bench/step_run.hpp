// The races of `ballast bench step` for one encoding and size: ways and limits in turn, every way
// compared with the scalar reference before it is timed and after.
#pragma once

#include "tools/bench/bench_document.hpp"
#include "tools/bench/step_arm.hpp"
#include "tools/bench/step_reference.hpp"
#include "tools/bench/step_rows.hpp"
#include "tools/bench/step_settings.hpp"
#include "tools/bench/synthetic_training.hpp"

namespace ballast::tools {

class step_run {
 public:
  /// All outlive it.
  step_run(const step_plan& plan, const step_settings& settings, bench_document& document,
           encoding stored, elements count);

  /// Errors: does_not_fit, no_space, or a folder's, before anything is made
  status check_fits() const;

  /// The ways whose state is on disk and moved by a queue, beside the disk.
  ///
  /// Errors: corrupted when a way's masters are not the reference's; those of the parts
  status race_disk();
  /// Those whose state workers move themselves, beside such workers that only copy it.
  status race_copying();
  /// The way whose state is in host memory, beside its two passes.
  status race_host();

 private:
  bool moved_by_workers(step_way way) const;
  std::vector<step_way> ways_on_disk(bool by_workers) const;
  std::vector<std::string> directories() const;
  result<engine_config> config_of(step_way way) const;
  bytes memory_of(step_way way) const;
  status check_folders() const;
  result<std::unique_ptr<step_arm>> make(step_way way) const;
  status enter(std::span<const step_way> ways, std::vector<entrant>& arms) const;
  status warm_up(std::vector<entrant>& arms, step_reference& reference) const;
  status run(std::vector<entrant>& arms, std::span<const work> limits, step_reference& reference,
             std::vector<series>& limits_taken) const;

  const step_plan& plan_;
  const step_settings& settings_;
  bench_document& document_;
  const synthetic_training training_;
  const step_rows rows_;
};

}  // namespace ballast::tools
