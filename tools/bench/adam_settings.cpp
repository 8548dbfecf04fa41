#include "tools/bench/adam_settings.hpp"

#include <algorithm>
#include <array>
#include <ballast/backends.hpp>
#include <cmath>
#include <span>

#include "cpu/available_memory.hpp"
#include "cpu/instruction_sets.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

constexpr std::array all_encodings = {encoding::fp32, encoding::exact, encoding::fp16,
                                      encoding::bf16, encoding::int8};
constexpr std::array all_gradients = {dtype::f32, dtype::bf16, dtype::f16};
constexpr std::array all_optimizers = {optimizer::adamw, optimizer::adam, optimizer::sgd};
static_assert(all_encodings.size() == encoding_count && all_gradients.size() == dtype_count &&
              all_optimizers.size() == optimizer_count);
constexpr std::array all_sets = {instruction_set::automatic, instruction_set::sse2,
                                 instruction_set::avx2, instruction_set::avx512};

status check_device(device_kind asked) {
  if (asked != device_kind::cuda) {
    return {};
  }
  engine_config config;
  config.device = asked;
  const auto opened = make_backends()->make_device(config, 1_MiB);
  return opened ? failure{errc::unsupported,
                          "--device cuda: bench adam measures host memory; tools/gpu_check "
                          "measures the same on a GPU"}
                : opened.error();
}

/// What --against-passes measures is fixed, and so is what it has loops for.
status check_passes(const adam_settings& settings, std::span<const instruction_set> sets) {
  const adam_settings untouched;
  if (settings.encodings != untouched.encodings || settings.gradients != untouched.gradients ||
      settings.optimizers != untouched.optimizers) {
    return failure{errc::invalid_argument,
                   "--against-passes measures AdamW on exact state with bf16 gradients: leave "
                   "--encodings, --gradients and --optimizers out"};
  }
  if (std::ranges::find(sets, instruction_set::avx2) != sets.end()) {
    return failure{errc::invalid_argument,
                   "--against-passes has its separate passes for sse2 and avx512 only: give one of "
                   "them with --isas"};
  }
  return {};
}

result<std::vector<instruction_set>> sets_of(const std::vector<std::string>& words) {
  auto named = pick("isas", words, all_sets, [](instruction_set isa) {
    return isa == instruction_set::automatic ? std::string_view("auto") : cpu::name_of(isa);
  });
  if (!named) {
    return named;
  }
  for (instruction_set& each : *named) {
    const auto chosen = cpu::choose(each);
    if (!chosen) {
      return chosen.error();
    }
    each = *chosen;
  }
  return named;
}

}  // namespace

option_set adam_options(adam_settings& settings) {
  option_set options("ballast bench adam",
                     "How far is the fused update from the memory traffic of the same bytes?");
  options.section("Rows: every combination of these lists");
  options.list("elements", settings.elements, "COUNT", "", "parameters: 1e8, 100Mi");
  options.list("encodings", settings.encodings, "NAME", "", "how state is stored");
  options.list("gradients", settings.gradients, "TYPE", "", "gradient types: f32, bf16, f16");
  options.list("optimizers", settings.optimizers, "NAME", "", "adamw, adam, sgd");
  options.list("threads", settings.threads, "N", "", "threads");
  options.list("isas", settings.isas, "SET", "",
               "instruction sets of the kernels: sse2, avx2, avx512; auto: the widest");
  options.section("Run");
  options.choice<device_kind>("device", settings.device,
                              {{"host", device_kind::host}, {"cuda", device_kind::cuda}},
                              "where the state is");
  options.whole("rounds", settings.rounds, {1, 10000},
                "pairs of an update and its limit; what is printed are their medians");
  options.flag("against-passes", settings.against_passes,
               "measures instead the whole step of exact state (norm, then one fused pass) against "
               "the same work in separate passes");
  options.text("json", settings.json, "FILE", "one JSON document there; - is stdout");
  options.section("Test of the verification itself");
  options.flag("flip", settings.flip, "flips one bit before it, which must be noticed: exit 4");
  return options;
}

result<adam_plan> plan_of(const adam_settings& settings) {
  if (const status device = check_device(settings.device); !device) {
    return device.error();
  }
  const auto name = [](auto value) { return to_string(value); };
  auto sizes = parse_each("elements", settings.elements, [](const std::string& word) {
    auto count = parse_count(word);
    return count && count->value == 0
               ? result<elements>(failure{errc::invalid_argument, "no elements, no rows"})
               : count;
  });
  auto threads = parse_threads(settings.threads);
  auto sets = sets_of(settings.isas);
  const auto encodings = pick("encodings", settings.encodings, all_encodings, name);
  const auto gradients = pick("gradients", settings.gradients, all_gradients, name);
  const auto optimizers = pick("optimizers", settings.optimizers, all_optimizers, name);
  if (!sizes) return sizes.error();
  if (!threads) return threads.error();
  if (!sets) return sets.error();
  if (settings.against_passes) {
    if (const status fixed = check_passes(settings, *sets); !fixed) return fixed.error();
  }
  if (!encodings) return encodings.error();
  if (!gradients) return gradients.error();
  if (!optimizers) return optimizers.error();
  adam_plan plan{*std::move(sizes), {}, *std::move(threads), *std::move(sets)};
  for (const encoding stored : *encodings) {
    for (const optimizer with : *optimizers) {
      for (const dtype gradient : *gradients) {
        plan.kinds.push_back({stored, with, gradient});
      }
    }
  }
  return plan;
}

status check_memory(elements size, bytes needed) {
  const cpu::available_memory left = cpu::find_available_memory();
  if (needed <= left.amount) {
    return {};
  }
  const double part = static_cast<double>(left.amount.value) / static_cast<double>(needed.value);
  return failure{
      errc::does_not_fit,
      fmt::format("{} elements need {} and {} has {} left; give --elements {:.1e}", size.value,
                  rounded_size(needed), left.limited_by, rounded_size(left.amount),
                  std::floor(static_cast<double>(size.value) * part * 0.9))};
}

}  // namespace ballast::tools
