// One arm run and compared with its reference.
#pragma once

#include <ballast/plan.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tools/prove/arms.hpp"
#include "tools/prove/resident_state.hpp"

namespace ballast::tools {

/// The reference of one encoding and optimizer: its state after the last step, and its losses.
struct reference_arm {
  gpt_model declared;
  std::unique_ptr<resident_state> state;
  std::vector<double> losses;
};

result<reference_arm> run_reference(const proof_run& run);

struct verdict {
  std::uint64_t loss_bits = 0;
  std::uint64_t state_bits = 0;
  std::uint64_t values = 0;
  std::size_t losses = 0;
  traffic moved;
  std::string unused_link;  ///< a link that the placement should have used
  std::array<std::uint32_t, place_count> tiles{};

  bool identical() const { return loss_bits == 0 && state_bits == 0 && unused_link.empty(); }
};

/// Errors: what the engine refuses or meets; a difference is no error
result<verdict> run_arm(const prove_settings& settings, const proof_run& run, const arm& placed,
                        reference_arm& expected);

std::string line(const arm& placed, const verdict& found);
nlohmann::ordered_json row(const arm& placed, const verdict& found);

}  // namespace ballast::tools
