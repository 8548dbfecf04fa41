// The machine that is planned for, in numbers: what the options give, and for the rest what this
// machine shows in a short rehearsal.
#pragma once

#include <ballast/forecast.hpp>
#include <string>
#include <vector>

#include "tools/plan/plan_settings.hpp"
#include "tools/trainer/gpt_model.hpp"

namespace ballast::tools {

/// One of the numbers, as a report shows it.
struct machine_figure {
  std::string name;
  double value = 0;
  std::string unit;
  bool given = false;  ///< else measured
};

struct machine_description {
  machine_rates rates;
  std::vector<timed_visit> visits;  ///< of one step
  std::vector<machine_figure> figures;
};

/// Of what the plan needs: a disk is not looked at where nothing would move there, nor where its
/// bandwidth is given.
///
/// Errors: those of the parts that are rehearsed
result<machine_description> describe_planned(const plan_settings& settings, const gpt_model& model,
                                             const plan& places);

/// Bytes that an update of one element reads and writes in memory, and the passes over its gradient.
bytes update_traffic(encoding stored, optimizer with);
bytes gradient_traffic(encoding stored);

}  // namespace ballast::tools
