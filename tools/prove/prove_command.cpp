#include "tools/prove/prove_command.hpp"

#include <fmt/format.h>

#include <optional>

#include "cpu/update_backend.hpp"
#include "tools/command/command_call.hpp"
#include "tools/command/json_lines.hpp"
#include "tools/prove/verdict.hpp"
#include "tools/world.hpp"

namespace ballast::tools {
namespace {

/// Of arms.
struct counts {
  std::size_t identical = 0;
  std::size_t different = 0;
  std::size_t left_out = 0;
};

exit_code conclude(const command_call& call, const prove_settings& settings,
                   const nlohmann::ordered_json& document, const counts& arms, bool speaks) {
  const auto& [identical, different, left_out] = arms;
  if (speaks && !settings.json.empty()) {
    auto file = json_lines::open(settings.json);
    if (const status written = file ? file->write(document) : status(file.error()); !written) {
      return call.fail(written.error(), stage::running);
    }
  }
  if (speaks) {
    fmt::print("{}: {} arms identical, {} different, {} left out (this machine lacks them)\n",
               different > 0   ? "DIFFERENT"
               : identical > 0 ? "identical"
                               : "NOTHING PROVED",
               identical, different, left_out);
  }
  return different == 0 && identical > 0 ? exit_code::done : exit_code::verification_failed;
}

}  // namespace

exit_code prove(std::span<const std::string> arguments) {
  prove_settings settings;
  const option_set options = prove_options(settings);
  const command_call call(options, arguments);
  if (call.over()) {
    return *call.over();
  }
  if (settings.flip != flip_target::none && settings.flip_step > settings.run.steps) {
    return call.fail(
        {errc::invalid_argument, "--flip-step lies behind the last step: nothing would be flipped"},
        stage::set_up);
  }
  bool speaks = true;
  {
    const auto ranks = world::join(settings.run.ranks);  // for its size: every arm joins anew
    if (!ranks) {
      return call.fail(ranks.error(), stage::set_up);
    }
    settings.run.ranks = ranks->size();
    speaks = ranks->speaks();
  }
  const auto all = arms(settings);
  if (!all) {
    return call.fail(all.error(), stage::set_up);
  }
  nlohmann::ordered_json document{{"schema", "ballast.prove/1"}, {"settings", options.values()}};
  std::optional<reference_arm> expected;
  std::string expected_pair;
  std::size_t identical = 0;
  std::size_t different = 0;
  std::size_t left_out = 0;
  for (const arm& each : *all) {
    if (each.config.isa == instruction_set::avx512 && !cpu::supports(instruction_set::avx512)) {
      ++left_out;
      continue;
    }
    proof_run run = settings.run;
    run.model.stored = each.stored;
    run.model.optimizer = each.update_by;
    if (!expected || expected_pair != each.pair()) {
      auto reference = run_reference(run);
      if (!reference) {
        return call.fail(reference.error(), stage::set_up);
      }
      expected = *std::move(reference);
      expected_pair = each.pair();
    }
    const auto found = run_arm(settings, run, each, *expected);
    if (!found) {
      if (found.error().code == errc::unsupported) {
        if (speaks) {
          fmt::print(stderr, "left out: {}: {}\n", each.name(), found.error().message);
        }
        ++left_out;
        continue;
      }
      return call.fail(found.error(), stage::running);
    }
    if (speaks) {
      fmt::print("{}\n", line(each, *found));
    }
    document["arms"].push_back(row(each, *found));
    ++(found->identical() ? identical : different);
  }
  return conclude(call, settings, document, {identical, different, left_out}, speaks);
}

}  // namespace ballast::tools
