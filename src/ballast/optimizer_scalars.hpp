// Everything one step's update reads besides the state: a few numbers a group of hyperparameters,
// computed once a step in double. Plain structs without a function, for kernels of every kind.
//
// Doubles of 29 bits have exact products with floats: whether an instruction set adds them with one
// rounding (fma) or two makes no difference.
#pragma once

namespace ballast {

/// AdamW: m' = beta1 m + momentum_gain g;  v' = beta2 v + (root_gain g)^2;
///        p' = p - (step_size m' / (sqrt(v') + epsilon) + decay_rate p)
struct adamw_scalars {
  float beta1;
  float momentum_gain;  ///< (1 - beta1) * scale; scale = clip coefficient / loss scale
  double beta2;         ///< of 29 bits
  double root_gain;     ///< sqrt(1 - beta2) * scale, of 29 bits
  float step_size;      ///< learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t)
  float epsilon;        ///< options.epsilon * sqrt(1 - beta2^t)
  float decay_rate;     ///< learning_rate * weight_decay
};

/// Adam: e = scale g + weight_decay p;  m' = beta1 m + momentum_gain e;  v' = beta2 v + (root_gain
/// e)^2;  p' = p - step_size m' / (sqrt(v') + epsilon)
struct adam_scalars {
  float scale;
  float weight_decay;
  float beta1;
  float momentum_gain;  ///< 1 - beta1
  double beta2;         ///< of 29 bits
  double root_gain;     ///< sqrt(1 - beta2), of 29 bits
  float step_size;      ///< as AdamW's
  float epsilon;        ///< as AdamW's
};

/// SGD: e = scale g + weight_decay p;  m' = momentum m + e;
///      p' = p - learning_rate (gradient_share e + momentum_share m')
struct sgd_scalars {
  float scale;
  float weight_decay;
  float momentum;
  float gradient_share;  ///< Nesterov 1, else 0
  float momentum_share;  ///< Nesterov momentum, else 1
  float learning_rate;
};

}  // namespace ballast
