// The step by an engine, with its state in some places.
#pragma once

#include <memory>

#include "tools/bench/step_arm.hpp"
#include "tools/bench/synthetic_training.hpp"
#include "tools/bench/work_meter.hpp"

namespace ballast::tools {

class engine_arm final : public step_arm {
 public:
  /// `of` outlives it; `parts` are what the engine is built from, with `meter` where workers move the
  /// bytes.
  ///
  /// Errors: those of seal()
  static result<std::unique_ptr<engine_arm>> make(std::string name, const synthetic_training& of,
                                                  const engine_config& config,
                                                  std::unique_ptr<backends> parts,
                                                  std::unique_ptr<work_meter> meter = nullptr);

  std::string_view name() const override { return name_; }
  std::string description() const override;
  std::uint32_t tiles() const override;
  result<step_sample> step() override;
  status masters(elements first, std::span<float> values) override;

 private:
  engine_arm(std::string name, const synthetic_training& of, std::unique_ptr<backends> parts,
             std::unique_ptr<work_meter> meter)
      : name_(std::move(name)),
        of_(of),
        meter_(std::move(meter)),
        engine_(of.declare(),
                meter_ == nullptr ? std::move(parts) : with_meter(std::move(parts), *meter_)) {}
  status push(std::uint32_t layer, step_sample& sample);
  void take_meter(step_sample& sample);

  const std::string name_;
  const synthetic_training& of_;
  std::unique_ptr<work_meter> meter_;
  engine engine_;
  plan plan_;
  std::uint64_t steps_ = 0;
};

}  // namespace ballast::tools
