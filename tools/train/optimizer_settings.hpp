// The choice of an optimizer and its hyperparameters, as options. Each optimizer has defaults of
// its own, so an option that was not given is absent until chosen() looks.
#pragma once

#include <ballast/optimizer.hpp>
#include <ballast/result.hpp>
#include <optional>

#include "tools/command/option_set.hpp"

namespace ballast::tools {

struct optimizer_settings {
  optimizer which = optimizer::adamw;
  std::optional<double> beta1, beta2, epsilon, momentum, weight_decay;
  std::optional<bool> nesterov;
};

void add_optimizer_options(option_set& options, optimizer_settings& settings);

/// What was chosen, defaults filled in.
///
/// Errors: invalid_argument for a hyperparameter that the chosen optimizer does not have
result<optimizer_options> chosen(const optimizer_settings& settings);

}  // namespace ballast::tools
