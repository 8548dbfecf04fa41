#include "tools/bench/queue_arm.hpp"

#include <nvme/queue_choice.hpp>

#include "tools/bench/cpu_clock.hpp"

namespace ballast::tools {

result<std::unique_ptr<queue_arm>> queue_arm::make(const block_job& job, io_backend backend,
                                                   bench_files& files, std::span<std::byte> buffers,
                                                   const clock& time) {
  auto loop = nvme::io_loop::start({.time = time,
                                    .deadline = std::chrono::seconds(30),
                                    .depth = job.setting.depth,
                                    .demand_reserve = 0,
                                    .request_limit = job.setting.block,
                                    .staging_count = 1,
                                    .arena = buffers},
                                   files.map(), nvme::choose_queue(backend));
  if (!loop) {
    return loop.error();
  }
  return std::unique_ptr<queue_arm>(
      new queue_arm(block_traffic(job, files, buffers), *std::move(loop), time));
}

queue_arm::queue_arm(block_traffic traffic, std::unique_ptr<nvme::io_loop> loop, const clock& time)
    : traffic_(std::move(traffic)), reads_(time), writes_(time), loop_(std::move(loop)) {
  for (std::uint32_t i = 0; i < traffic_.slots(); ++i) {
    slots_.push_back({this, i});
  }
}

void queue_arm::submit(slot& which) {
  const block_step& step = traffic_.step(which.index);
  const completion done{[](void* context, const status& outcome) {
                          slot& back = *static_cast<slot*>(context);
                          back.arm->arrived(back, outcome);
                        },
                        &which};
  (void)loop_->submit(
      step.op, {.address = {step.address}, .memory = traffic_.buffer(which.index), .done = done},
      step.op == nvme::io_op::read ? reads_ : writes_);
}

void queue_arm::arrived(slot& which, const status& outcome) {
  if (!outcome) {
    outcome_ = outcome;
  } else if (const status right = traffic_.arrived(which.index); !right) {
    outcome_ = right;
  }
  if (outcome_ && traffic_.next(which.index)) {
    submit(which);
  } else if (--active_ == 0) {
    over_.release();
  }
}

result<io_sample> queue_arm::run(scrutiny how) {
  traffic_.restart(how);
  outcome_ = {};
  active_ = slots_.size();
  const double cpu = process_cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  // All of them first: once one is submitted, the loop's thread may ask for the next.
  for (const slot& each : slots_) {
    traffic_.next(each.index);
  }
  for (slot& each : slots_) {
    submit(each);
  }
  over_.acquire();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  if (!outcome_) {
    return outcome_.error();
  }
  return io_sample{traffic_.total(), wall.count(), process_cpu_seconds() - cpu,
                   traffic_.check_seconds()};
}

}  // namespace ballast::tools
