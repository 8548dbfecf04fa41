// Without the right to lock memory the ring works on plain memory and says so.
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <nvme/nvme_store.hpp>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/nvme/child_process.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

const steady_clock now;

/// From here on this process may lock 64 KiB, whoever it is.
std::string give_up_locked_memory() {
  const rlimit limit{64 << 10, 64 << 10};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return "no limit";
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct held[2] = {};
  if (::syscall(SYS_capget, &header, held) != 0) return "no capabilities";
  for (auto* set : {&held[0].effective, &held[0].permitted}) *set &= ~(1u << CAP_IPC_LOCK);
  return ::syscall(SYS_capset, &header, held) == 0 ? "" : "capabilities stay";
}

TEST(memory_lock, little_of_it_costs_the_registration_and_nothing_else) {
  const testing::test_folder folder;
  const auto said = testing::in_child([&]() -> std::string {
    if (auto problem = give_up_locked_memory(); !problem.empty()) return problem;
    const auto opened = make_store({.folders = {{folder.path()}},
                                    .size = {1 << 20},
                                    .time = now,
                                    .backend = io_backend::uring});
    if (!opened) return opened.error().message;
    const auto description = (*opened)->description();
    if (description.find("plain memory (registration refused: ENOMEM; raise ulimit -l)") ==
        std::string::npos) {
      return description;
    }
    std::vector<std::byte> memory(1 << 20);
    ballast::testing::fill_pattern(memory, 3);
    if (!(*opened)->write().submit({{0}, memory}).wait()) return "write failed";
    std::ranges::fill(memory, std::byte{});
    if (!(*opened)->read().submit({{0}, memory}).wait()) return "read failed";
    return ballast::testing::wrong_bytes(memory, 3) == 0 ? "" : "wrong bytes";
  });
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace ballast::nvme
