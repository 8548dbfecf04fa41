#include "tools/trace/advice.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ballast::tools {
namespace {

double share_of(const attribution& time, activity what) {
  return static_cast<double>(time[what].count()) / static_cast<double>(time.wall().count());
}

std::string_view remedy(activity what) {
  switch (what) {
    case activity::compute:
      return "moving state costs little here; a faster device or fewer tokens a step would help";
    case activity::optimizer:
      return "more engine threads (--threads), or an encoding with fewer bytes";
    case activity::upload:
    case activity::download:
      return "more layers on the device (--device-memory), or more tokens a step "
             "(--micro-batches)";
    case activity::read:
    case activity::write:
      return "a larger cache (--host-memory), an encoding with fewer bytes (bf16, int8), a further "
             "disk (--nvme), or more tokens a step (--micro-batches)";
    case activity::collective: return "fewer ranks, or more tokens a step (--micro-batches)";
    case activity::wait:
      return "a deeper pipeline (--pipeline-depth) or more slots (--layer-slots)";
  }
  return "";
}

}  // namespace

std::string shares_text(const attribution& time) {
  std::string text;
  for (std::size_t i = 0; i < activity_count; ++i) {
    const auto what = static_cast<activity>(i);
    const double share = share_of(time, what);
    if (share >= 0.005) {
      text += fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ", to_string(what), 100 * share);
    }
  }
  return text;
}

std::string advice(const attribution& time) {
  const auto most = std::ranges::max_element(time.charged);
  const auto what = static_cast<activity>(most - time.charged.begin());
  return fmt::format("{} binds ({:.0f} % of the time): {}", to_string(what),
                     100 * share_of(time, what), remedy(what));
}

}  // namespace ballast::tools
