#include "tools/train/optimizer_settings.hpp"

#include <fmt/format.h>

#include <array>

#include "tools/command/number_text.hpp"
#include "tools/train/given_option.hpp"

namespace ballast::tools {
namespace {

/// A hyperparameter: its option, and each optimizer's default; nullopt where it has none.
struct hyperparameter {
  const char* name;
  std::optional<double> optimizer_settings::*given;
  real_limits limits;
  std::array<std::optional<double>, optimizer_count> presets;  ///< adamw, adam, sgd
  const char* preset;
  const char* help;
};

const hyperparameter beta1{"beta1",       &optimizer_settings::beta1,
                           {0, 0.999999}, {0.9, 0.9, std::nullopt},
                           "0.9",         "decay of m (adamw, adam)"};
const hyperparameter beta2{"beta2",        &optimizer_settings::beta2,
                           {0, 0.9999999}, {0.95, 0.95, std::nullopt},
                           "0.95",         "decay of v (adamw, adam)"};
const hyperparameter epsilon{"epsilon",  &optimizer_settings::epsilon,
                             {1e-30, 1}, {1e-8, 1e-8, std::nullopt},
                             "1e-08",    "what is added to the root of v (adamw, adam)"};
const hyperparameter momentum{"momentum",    &optimizer_settings::momentum,
                              {0, 0.999999}, {std::nullopt, std::nullopt, 0.9},
                              "0.9",         "decay of the momentum (sgd)"};
const hyperparameter weight_decay{"weight-decay",
                                  &optimizer_settings::weight_decay,
                                  {0, 1e3},
                                  {0.1, 0.0, 0.0},
                                  "0.1 for adamw, else 0",
                                  "of matrices and embeddings only; adamw's is decoupled"};

constexpr const hyperparameter* hyperparameters[] = {&beta1, &beta2, &epsilon, &momentum,
                                                     &weight_decay};

std::optional<double> preset_of(const hyperparameter& of, optimizer which) {
  return of.presets[static_cast<std::size_t>(which)];
}

failure not_of(optimizer which, std::string_view name) {
  return {errc::invalid_argument,
          fmt::format("--{} is no option of --optimizer {}; leave it out or choose {}", name,
                      to_string(which), which == optimizer::sgd ? "adamw or adam" : "sgd")};
}

option nesterov_option(optimizer_settings& settings) {
  option made{.name = "nesterov",
              .kind = option_kind::flag,
              .value = "",
              .preset = "false",
              .help = "Nesterov's momentum (sgd)",
              .set = {},
              .show = {}};
  const auto parse = [](const std::string& text) -> result<bool> {
    if (text == "true" || text == "false") {
      return text == "true";
    }
    return failure{errc::invalid_argument, fmt::format("'{}' is neither true nor false", text)};
  };
  const auto otherwise = [&settings]() -> std::optional<bool> {
    return settings.which == optimizer::sgd ? std::optional(false) : std::nullopt;
  };
  return given_option(std::move(made), settings.nesterov, parse, otherwise);
}

}  // namespace

void add_optimizer_options(option_set& options, optimizer_settings& settings) {
  options.choice<optimizer>(
      "optimizer", settings.which,
      {{"adamw", optimizer::adamw}, {"adam", optimizer::adam}, {"sgd", optimizer::sgd}},
      "AdamW, Adam with weight decay in the gradient (L2), or SGD with momentum");
  for (const hyperparameter* each : hyperparameters) {
    option made{.name = each->name,
                .kind = option_kind::real,
                .value = "X",
                .preset = each->preset,
                .help = each->help,
                .set = {},
                .show = {}};
    const auto parse = [each](const std::string& text) { return parse_real(text, each->limits); };
    const auto otherwise = [each, &settings] { return preset_of(*each, settings.which); };
    options.add(given_option(std::move(made), settings.*each->given, parse, otherwise));
  }
  options.add(nesterov_option(settings));
}

result<optimizer_options> chosen(const optimizer_settings& settings) {
  for (const hyperparameter* each : hyperparameters) {
    if (settings.*each->given && !preset_of(*each, settings.which)) {
      return not_of(settings.which, each->name);
    }
  }
  if (settings.nesterov && settings.which != optimizer::sgd) {
    return not_of(settings.which, "nesterov");
  }
  const auto value = [&](const hyperparameter& of) {
    return (settings.*of.given).value_or(preset_of(of, settings.which).value_or(0));
  };
  switch (settings.which) {
    case optimizer::adamw:
      return optimizer_options(
          adamw_options{value(beta1), value(beta2), value(epsilon), value(weight_decay)});
    case optimizer::adam:
      return optimizer_options(
          adam_options{value(beta1), value(beta2), value(epsilon), value(weight_decay)});
    case optimizer::sgd: break;
  }
  return optimizer_options(
      sgd_options{value(momentum), settings.nesterov.value_or(false), value(weight_decay)});
}

}  // namespace ballast::tools
