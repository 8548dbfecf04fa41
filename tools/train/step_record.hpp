// What one training step cost, where its time went, and what it moved; a line for people and a line
// of the log.
#pragma once

#include <ballast/report.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/trainer/trainer.hpp"

namespace ballast::tools {

struct step_record {
  std::uint64_t step = 0;  ///< from 1
  step_result result;
  step_report report;
  double seconds = 0;

  double tokens_per_second() const { return static_cast<double>(result.tokens) / seconds; }
};

std::string note(const step_record& record);
nlohmann::ordered_json log_line(const step_record& record);

}  // namespace ballast::tools
