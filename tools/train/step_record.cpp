#include "tools/train/step_record.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ballast::tools {
namespace {

double seconds_of(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

attribution attribute(const step_record& record) {
  const auto share = [&](nanoseconds time) { return seconds_of(time) / record.seconds; };
  const step_times& times = record.report.times;
  attribution shares{0, share(times.fetch_wait), share(times.gradient_wait),
                     share(times.gradient_pass), share(times.update)};
  shares.compute = std::max(
      0.0, 1 - shares.fetch_wait - shares.gradient_wait - shares.gradient_pass - shares.update);
  return shares;
}

std::string note(const step_record& record) {
  const attribution shares = attribute(record);
  return fmt::format(
      "loss {:.4f}, norm {:.3f}, lr {:.2e}, {:.0f} tokens/s, {:.2f} s: compute {:.0f} %, "
      "fetch {:.0f} %, gradients {:.0f} %, update {:.0f} %{}",
      record.result.loss, record.result.gradient_norm, record.result.learning_rate,
      record.tokens_per_second(), record.seconds, 100 * shares.compute, 100 * shares.fetch_wait,
      100 * (shares.gradient_wait + shares.gradient_pass), 100 * shares.update,
      record.result.skipped ? fmt::format(", SKIPPED at loss scale {}", record.result.loss_scale)
                            : "");
}

nlohmann::ordered_json log_line(const step_record& record) {
  const attribution shares = attribute(record);
  nlohmann::ordered_json line{{"step", record.step},
                              {"loss", record.result.loss},
                              {"grad_norm", record.result.gradient_norm},
                              {"lr", record.result.learning_rate},
                              {"loss_scale", record.result.loss_scale},
                              {"tokens_per_s", record.tokens_per_second()},
                              {"step_s", record.seconds},
                              {"skipped", record.result.skipped}};
  line["attribution"] = {{"compute", shares.compute},
                         {"fetch_wait", shares.fetch_wait},
                         {"gradient_wait", shares.gradient_wait},
                         {"gradient_pass", shares.gradient_pass},
                         {"update", shares.update}};
  for (const hop each : {hop::read, hop::write, hop::upload, hop::download}) {
    const std::string name(to_string(each));
    line["bytes"][name] = record.report.moved[each].value;
    line["busy_s"][name] = seconds_of(record.report.busy[static_cast<std::size_t>(each)]);
  }
  line["cached_tiles"] = record.report.cached_tiles;
  line["busy_s"]["optimizer"] = seconds_of(record.report.optimizer_busy);
  return line;
}

}  // namespace ballast::tools
