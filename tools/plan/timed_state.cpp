#include "tools/plan/timed_state.hpp"

#include <algorithm>
#include <ballast/rounding.hpp>
#include <map>

namespace ballast::tools {
namespace {

constexpr bytes line{64};

bytes weights_of(const parameter& each) {
  return round_up(size_of(compute_type(each.options.stored)) * each.count.value, line);
}

std::vector<parameter_id> own_and_tied(const layer& from) {
  std::vector<parameter_id> all = from.parameters;
  all.insert(all.end(), from.tied.begin(), from.tied.end());
  return all;
}

class lent_weights final : public weights_view {
 public:
  explicit lent_weights(const std::vector<std::span<std::byte>>& all) : all_(all) {}
  std::span<const std::byte> weights(parameter_id which) const override {
    return all_[which.value];
  }

 private:
  const std::vector<std::span<std::byte>>& all_;
};

class lent_gradients final : public gradients_view {
 public:
  std::map<std::uint32_t, std::span<float>> by_parameter;
  std::span<float> gradient(parameter_id which) override { return by_parameter.at(which.value); }
};

}  // namespace

result<std::unique_ptr<timed_state>> timed_state::make(const model& declared, backends& parts,
                                                       update_backend& conversions) {
  std::unique_ptr<timed_state> made(new timed_state(declared, parts));
  bytes weights;
  for (const parameter& each : declared.parameters()) {
    weights += weights_of(each);
  }
  for (const layer& each : declared.layers()) {
    std::size_t floats = 0;
    for (const parameter_id which : own_and_tied(each)) {
      floats += round_up(declared.at(which).count, parameter_alignment).value;
    }
    made->gradient_floats_ = std::max(made->gradient_floats_, floats);
  }
  auto lent = parts.make_host_region(weights, {}, {});
  if (!lent) {
    return lent.error();
  }
  made->weights_ = *std::move(lent);
  auto gradients =
      parts.make_host_region(bytes{made->gradient_floats_ * sizeof(float) * 2}, {}, {});
  if (!gradients) {
    return gradients.error();
  }
  made->gradients_ = *std::move(gradients);
  made->fill(conversions);
  return made;
}

void timed_state::fill(update_backend& conversions) {
  std::span<std::byte> left = weights_->span();
  for (const parameter& each : declared_.parameters()) {
    const dtype type = compute_type(each.options.stored);
    const auto memory = left.first((size_of(type) * each.count.value).value);
    left = left.subspan(weights_of(each).value);
    parameters_.push_back(memory);
    std::vector<float> values(block_elements.value);
    std::vector<double> sums(1);
    for (elements at; each.options.init && at < each.count; at += block_elements) {
      const element_range part = intersect({at, block_elements}, {{0}, each.count});
      const std::span some = std::span(values).first(part.count.value);
      each.options.init(part, some);
      std::uint32_t findings = found_nothing;
      conversions.encode_gradient(some, type, memory.data() + (size_of(type) * at.value).value,
                                  sums, findings, {});
    }
  }
}

void timed_state::count_up_to_now() {
  if (!seconds_.empty()) {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - since_;
    seconds_.back() += taken.count();
  }
}

void timed_state::begin_pass(std::string_view) { seconds_.clear(); }

result<std::unique_ptr<weights_view>> timed_state::fetch(layer_id) {
  count_up_to_now();
  seconds_.push_back(0);
  auto view = std::make_unique<lent_weights>(parameters_);
  go_on();
  return std::unique_ptr<weights_view>(std::move(view));
}

result<std::unique_ptr<gradients_view>> timed_state::gradients(layer_id which) {
  count_up_to_now();
  auto view = std::make_unique<lent_gradients>();
  const std::size_t begin = gradient_floats_ * (lent_++ % 2);
  std::span left =
      std::span(reinterpret_cast<float*>(gradients_->span().data()) + begin, gradient_floats_);
  std::ranges::fill(left, 0.0F);
  for (const parameter_id each : own_and_tied(declared_.at(which))) {
    const elements count = declared_.at(each).count;
    view->by_parameter[each.value] = left.first(count.value);
    left = left.subspan(round_up(count, parameter_alignment).value);
  }
  go_on();
  return std::unique_ptr<gradients_view>(std::move(view));
}

status timed_state::push(std::unique_ptr<gradients_view>, bool) {
  count_up_to_now();
  seconds_.push_back(0);
  go_on();
  return {};
}

result<step_outcome> timed_state::step(const step_options&) { return step_outcome{}; }

result<std::span<std::byte>> timed_state::workspace(bytes size) {
  auto region = parts_.make_host_region(size, {}, {});
  if (!region) {
    return region.error();
  }
  workspaces_.push_back(*std::move(region));
  return workspaces_.back()->span();
}

std::vector<double> timed_state::take_seconds() { return std::move(seconds_); }

}  // namespace ballast::tools
