#include "tools/bench/bench_command.hpp"

#include "tools/bench/adam_bench.hpp"
#include "tools/bench/collective_bench.hpp"
#include "tools/bench/memory_bench.hpp"
#include "tools/bench/nvme_bench.hpp"
#include "tools/bench/step_bench.hpp"
#include "tools/command/subcommand.hpp"

namespace ballast::tools {
namespace {

constexpr subcommand questions[] = {
    {"adam", "how far is the fused update from the memory traffic of the same bytes?", bench_adam},
    {"collective", "how far are the ranks' sums and gathers from copying the same bytes?",
     bench_collective},
    {"memory", "how fast is memory, read, written, copied and added?", bench_memory},
    {"nvme", "how far is the store from the disk's own speed, and how should it be asked?",
     bench_nvme},
    {"step", "how far is a whole step from the disk or the memory that it needs?", bench_step},
};

}  // namespace

exit_code bench(std::span<const std::string> arguments) {
  return dispatch("ballast bench", "question", questions, arguments);
}

}  // namespace ballast::tools
