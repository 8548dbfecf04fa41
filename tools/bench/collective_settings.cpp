#include "tools/bench/collective_settings.hpp"

#include <algorithm>
#include <array>

#include "cpu/available_memory.hpp"
#include "tools/bench/word_list.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

constexpr std::array all_operations = {
    collective_operation::all_reduce, collective_operation::reduce_scatter,
    collective_operation::library_sum, collective_operation::all_gather};
constexpr std::array all_types = {dtype::f32, dtype::bf16, dtype::f16};

}  // namespace

option_set collective_options(collective_settings& settings) {
  option_set options("ballast bench collective",
                     "How far are the ranks' sums and gathers from copying the same bytes?");
  options.section("Rows: every combination of these lists");
  options.list("operations", settings.operations, "NAME", "",
               "all_reduce, reduce_scatter, all_gather; library_sum: a reduce_scatter that MPI "
               "sums, --reduction library");
  options.list("sizes", settings.sizes, "SIZE", "",
               "of the whole: what is summed, or is there when all is gathered");
  options.list("types", settings.types, "TYPE", "", "f32, bf16, f16");
  options.section("Run");
  options.choice<rank_kind>(
      "communicator", settings.communicator,
      {{"auto", rank_kind::automatic}, {"threads", rank_kind::threads}, {"mpi", rank_kind::mpi}},
      "what the ranks are; auto: processes where mpirun has started this one, "
      "with MPI's own calls beside them, else threads");
  options.whole("ranks", settings.ranks, {2, 1024}, "threads; under mpirun its -n decides");
  options.whole("rounds", settings.rounds, {1, 10000},
                "a collective and what it is compared with, in turn; what is printed are medians");
  options.text("json", settings.json, "FILE", "one JSON document there; - is stdout");
  options.section("Test of the verification itself");
  options.flag("flip", settings.flip, "flips one bit before it, which must be noticed: exit 4");
  return options;
}

bytes collective_plan::largest() const { return *std::ranges::max_element(sizes); }

result<collective_plan> plan_of(const collective_settings& settings) {
  const auto operations = pick("operations", settings.operations, all_operations,
                               [](collective_operation each) { return to_string(each); });
  const auto sizes = parse_each("sizes", settings.sizes, [](const std::string& word) {
    auto size = parse_size(word);
    return size && size->value == 0
               ? result<bytes>(failure{errc::invalid_argument, "no bytes, no rows"})
               : size;
  });
  const auto types =
      pick("types", settings.types, all_types, [](dtype each) { return to_string(each); });
  if (!operations) return operations.error();
  if (!sizes) return sizes.error();
  if (!types) return types.error();
  const collective_plan plan{*operations, *sizes, *types};
  const cpu::available_memory left = cpu::find_available_memory();
  const bytes each_rank = collective_memory::needed(plan.largest(), settings.ranks);
  if (each_rank > left.amount / settings.ranks) {
    return failure{errc::does_not_fit,
                   fmt::format("{} ranks with {} each are more than the {} of memory that {} has "
                               "left; give smaller --sizes",
                               settings.ranks, rounded_size(each_rank), rounded_size(left.amount),
                               left.limited_by)};
  }
  return plan;
}

}  // namespace ballast::tools
