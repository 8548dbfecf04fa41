// Everything one step's update reads besides the state: a few numbers a group of hyperparameters,
// computed once a step in double. Plain structs without a function, for kernels of every kind.
#pragma once

namespace ballast {

/// AdamW: m' = beta1 m + momentum_gain g;  v' = beta2 v + (root_gain g)^2;
///        p' = p - (step_size m' / (sqrt(v') + epsilon) + decay_rate p)
struct adamw_scalars {
  double beta1;
  double momentum_gain;  ///< (1 - beta1) * scale; scale = clip coefficient / loss scale
  double beta2;
  double root_gain;  ///< sqrt(1 - beta2) * scale
  float step_size;   ///< learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t)
  float epsilon;     ///< options.epsilon * sqrt(1 - beta2^t)
  float decay_rate;  ///< learning_rate * weight_decay
};

/// Adam: e = scale g + weight_decay p;  m' = beta1 m + momentum_gain e;  v' = beta2 v + (root_gain
/// e)^2;  p' = p - step_size m' / (sqrt(v') + epsilon)
struct adam_scalars {
  double scale;
  double weight_decay;
  double beta1;
  double momentum_gain;  ///< 1 - beta1
  double beta2;
  double root_gain;  ///< sqrt(1 - beta2)
  float step_size;   ///< as AdamW's
  float epsilon;     ///< as AdamW's
};

/// SGD: e = scale g + weight_decay p;  m' = momentum m + e;
///      p' = p - learning_rate (gradient_share e + momentum_share m')
struct sgd_scalars {
  double scale;
  double weight_decay;
  double momentum;
  double gradient_share;  ///< Nesterov 1, else 0
  double momentum_share;  ///< Nesterov momentum, else 1
  float learning_rate;
};

}  // namespace ballast
