#include "tools/bench/bench_row.hpp"

#include <algorithm>

namespace ballast::tools {

nlohmann::ordered_json bench_row::json() const {
  nlohmann::ordered_json made{{"name", name},
                              {"params", params},
                              {"unit", unit},
                              {"median", median(values)},
                              {"p05", quantile(values, 0.05)},
                              {"p95", quantile(values, 0.95)},
                              {"n", values.size()},
                              {"bytes", moved.value},
                              {"limit", nullptr},
                              {"efficiency", nullptr},
                              {"verified", verified}};
  if (limit) {
    made["limit"] = {{"name", limit->name}, {"value", limit->value}};
  }
  if (efficiency) {
    made["efficiency"] = *efficiency;
  }
  if (more.is_object()) {
    made.update(more);
  }
  return made;
}

series rates(bytes moved, const series& seconds) {
  series made(seconds.size());
  std::ranges::transform(seconds, made.begin(), [moved](double each) {
    return static_cast<double>(moved.value) * 1e-9 / each;
  });
  return made;
}

}  // namespace ballast::tools
