#include "tools/trainer/token_choice.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ballast::tools {

std::uint32_t choose_token(std::span<const float> logits, double temperature, std::size_t top_k,
                           double uniform) {
  std::vector<std::uint32_t> order(logits.size());
  for (std::uint32_t id = 0; id < order.size(); ++id) order[id] = id;
  std::ranges::stable_sort(order,
                           [&](std::uint32_t a, std::uint32_t b) { return logits[a] > logits[b]; });
  if (temperature <= 0) return order.front();
  if (top_k > 0 && top_k < order.size()) order.resize(top_k);
  std::vector<double> weights;
  double total = 0;
  for (const std::uint32_t id : order) {
    const double above =
        static_cast<double>(logits[id]) - static_cast<double>(logits[order.front()]);
    weights.push_back(std::exp(above / temperature));
    total += weights.back();
  }
  double left = uniform * total;
  for (std::size_t i = 0; i < order.size(); ++i) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order.back();
}

}  // namespace ballast::tools
