#include "tools/train/step_record.hpp"

#include <fmt/format.h>

#include "tools/trace/advice.hpp"

namespace ballast::tools {
namespace {

double seconds_of(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::string note(const step_record& record) {
  return fmt::format("loss {:.4f}, norm {:.3f}, lr {:.2e}, {:.0f} tokens/s, {:.2f} s: {}{}",
                     record.result.loss, record.result.gradient_norm, record.result.learning_rate,
                     record.tokens_per_second(), record.seconds, shares_text(record.report.time),
                     record.result.skipped
                         ? fmt::format(", SKIPPED at loss scale {}", record.result.loss_scale)
                         : "");
}

nlohmann::ordered_json log_line(const step_record& record) {
  nlohmann::ordered_json line{{"step", record.step},
                              {"loss", record.result.loss},
                              {"grad_norm", record.result.gradient_norm},
                              {"lr", record.result.learning_rate},
                              {"loss_scale", record.result.loss_scale},
                              {"tokens_per_s", record.tokens_per_second()},
                              {"step_s", record.seconds},
                              {"skipped", record.result.skipped}};
  for (std::size_t i = 0; i < activity_count; ++i) {
    const auto what = static_cast<activity>(i);
    line["attribution"][to_string(what)] = seconds_of(record.report.time[what]) / record.seconds;
  }
  for (const hop each : all_hops) {
    const std::string name(to_string(each));
    line["bytes"][name] = record.report.moved[each].value;
    line["busy_s"][name] = seconds_of(record.report.busy[static_cast<std::size_t>(each)]);
  }
  line["early_tiles"] = record.report.early_tiles;
  line["rolled_back"] = record.report.rolled_back;
  line["cached_tiles"] = record.report.cached_tiles;
  line["busy_s"]["optimizer"] = seconds_of(record.report.optimizer_busy);
  return line;
}

}  // namespace ballast::tools
