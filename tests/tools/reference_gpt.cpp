#include "tests/tools/reference_gpt.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ballast::tools {

namespace {

using values = std::vector<double>;

values layer_norm(const values& x, std::size_t width, const values& gain, const values& bias) {
  values out(x.size());
  for (std::size_t row = 0; row < x.size(); row += width) {
    double mean = 0;
    for (std::size_t i = 0; i < width; ++i) mean += x[row + i];
    mean /= static_cast<double>(width);
    double variance = 0;
    for (std::size_t i = 0; i < width; ++i) variance += std::pow(x[row + i] - mean, 2);
    variance /= static_cast<double>(width);
    for (std::size_t i = 0; i < width; ++i) {
      out[row + i] = (x[row + i] - mean) / std::sqrt(variance + 1e-5) * gain[i] + bias[i];
    }
  }
  return out;
}

/// x W^T + bias, W [out, in].
values linear(const values& x, std::size_t in, const values& weight, const values& bias) {
  const std::size_t out = weight.size() / in;
  values y(x.size() / in * out);
  for (std::size_t row = 0; row < x.size() / in; ++row) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = bias.empty() ? 0 : bias[o];
      for (std::size_t i = 0; i < in; ++i) sum += x[row * in + i] * weight[o * in + i];
      y[row * out + o] = sum;
    }
  }
  return y;
}

double gelu(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * std::pow(x, 3))));
}

values attention(const values& qkv, const reference_shape& shape) {
  const std::size_t c = shape.width;
  const std::size_t h = c / shape.heads;
  values out(qkv.size() / 3);
  for (std::size_t row = 0; row < qkv.size() / (3 * c); ++row) {
    const std::size_t start = row / shape.tokens * shape.tokens;
    for (std::size_t head = 0; head < shape.heads; ++head) {
      values p;
      double total = 0;
      for (std::size_t key = start; key <= row; ++key) {
        double dot = 0;
        for (std::size_t i = 0; i < h; ++i) {
          dot += qkv[row * 3 * c + head * h + i] * qkv[key * 3 * c + c + head * h + i];
        }
        p.push_back(std::exp(dot / std::sqrt(static_cast<double>(h))));
        total += p.back();
      }
      for (std::size_t key = start; key <= row; ++key) {
        for (std::size_t i = 0; i < h; ++i) {
          out[row * c + head * h + i] +=
              p[key - start] / total * qkv[key * 3 * c + 2 * c + head * h + i];
        }
      }
    }
  }
  return out;
}

void add(values& to, const values& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

}  // namespace

std::vector<double> reference_logits(const reference_shape& shape, const reference_weights& weights,
                                     const std::vector<std::uint32_t>& inputs) {
  const std::size_t c = shape.width;
  values x(inputs.size() * c);
  for (std::size_t row = 0; row < inputs.size(); ++row) {
    for (std::size_t i = 0; i < c; ++i) {
      x[row * c + i] =
          weights.at("wte")[inputs[row] * c + i] + weights.at("wpe")[row % shape.tokens * c + i];
    }
  }
  for (std::size_t layer = 0; layer < shape.layers; ++layer) {
    const auto of = [&](const char* name) -> const values& {
      return weights.at("h." + std::to_string(layer) + "." + name);
    };
    const values normal1 = layer_norm(x, c, of("ln_1.weight"), of("ln_1.bias"));
    const values qkv = linear(normal1, c, of("attn.qkv.weight"), of("attn.qkv.bias"));
    add(x, linear(attention(qkv, shape), c, of("attn.proj.weight"), of("attn.proj.bias")));
    const values normal2 = layer_norm(x, c, of("ln_2.weight"), of("ln_2.bias"));
    values middle = linear(normal2, c, of("mlp.fc.weight"), of("mlp.fc.bias"));
    std::ranges::transform(middle, middle.begin(), gelu);
    add(x, linear(middle, 4 * c, of("mlp.proj.weight"), of("mlp.proj.bias")));
  }
  const values last = layer_norm(x, c, weights.at("ln_f.weight"), weights.at("ln_f.bias"));
  return linear(last, c, weights.at("wte"), {});
}

double reference_loss(const reference_shape& shape, const reference_weights& weights,
                      const std::vector<std::uint32_t>& inputs,
                      const std::vector<std::uint32_t>& targets) {
  const values logits = reference_logits(shape, weights, inputs);
  double sum = 0;
  for (std::size_t row = 0; row < targets.size(); ++row) {
    const double* at = logits.data() + row * shape.vocabulary;
    const double most = *std::max_element(at, at + shape.vocabulary);
    double total = 0;
    for (std::size_t i = 0; i < shape.vocabulary; ++i) total += std::exp(at[i] - most);
    sum += std::log(total) + most - at[targets[row]];
  }
  return sum / static_cast<double>(targets.size());
}

}  // namespace ballast::tools
