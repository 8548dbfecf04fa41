#include "tools/bench/best_setting.hpp"

#include <algorithm>
#include <ballast/assert.hpp>

#include "tools/bench/nvme_settings.hpp"

namespace ballast::tools {
namespace {

constexpr double told_apart = 0.98;

bytes under_way(const disk_setting& how) { return how.asked.block * how.asked.depth; }

}  // namespace

disk_setting best_of(std::span<const disk_setting> ways, std::span<const double> rates) {
  require(!ways.empty() && ways.size() == rates.size(), "the best is one of some");
  const double least = *std::ranges::max_element(rates) * told_apart;
  const disk_setting* chosen = nullptr;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const bool good = rates[i] >= least;
    if (good && (chosen == nullptr || under_way(ways[i]) < under_way(*chosen))) {
      chosen = &ways[i];
    }
  }
  return *chosen;
}

nlohmann::ordered_json config_of(const disk_setting& how) {
  return {{"io", std::string(to_string(how.backend))},
          {"io-request", how.asked.block.value},
          {"io-depth", how.asked.depth}};
}

}  // namespace ballast::tools
