// Where io_uring is denied the store goes on with pread/pwrite and says so; asked for by name it
// says what to change.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <nvme/nvme_store.hpp>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/nvme/child_process.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

using testing::test_folder;

const steady_clock now;

/// From here on `call` fails with `error` in this process.
bool deny(long call, int error) {
  const sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, const_cast<sock_filter*>(rules)};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::string falls_back(const std::string& folder, long call, int error, std::string_view name) {
  if (!deny(call, error)) return "no seccomp";
  const store_options options{.folders = {{folder}}, .size = {65536}, .slices = 1, .time = now};
  const auto opened = make_store(options);
  if (!opened) return opened.error().message;
  const auto said = (*opened)->description();
  if (said.find("pread/pwrite") != 0 || said.find(name) == std::string::npos) return said;

  std::vector<std::byte> out(65536);
  std::vector<std::byte> in(65536);
  ballast::testing::fill_pattern(out, 1);
  if (!(*opened)->write().submit({{0}, out}).wait()) return "write failed";
  if (!(*opened)->read().submit({{0}, in}).wait()) return "read failed";
  return in == out ? "" : "wrong bytes";
}

struct refusal {
  const char* name;
  long call;
  int error;
  const char* errno_name;
};

struct refused_ring_test : ::testing::TestWithParam<refusal> {};

TEST_P(refused_ring_test, falls_back_to_threads_and_says_so) {
  const test_folder folder;
  const auto& how = GetParam();
  EXPECT_EQ(testing::in_child(
                [&] { return falls_back(folder.path(), how.call, how.error, how.errno_name); }),
            "");
}

TEST_P(refused_ring_test, is_unsupported_when_asked_for_by_name) {
  const test_folder folder;
  const auto& how = GetParam();
  const auto said = testing::in_child([&]() -> std::string {
    if (!deny(how.call, how.error)) return "no seccomp";
    const auto opened = make_store(
        {.folders = {{folder.path()}}, .size = {65536}, .time = now, .backend = io_backend::uring});
    if (opened) return "it opened";
    if (opened.error().code != errc::unsupported) return opened.error().message;
    const auto& message = opened.error().message;
    return message.find("--io posix") != std::string::npos ? "" : message;
  });
  EXPECT_EQ(said, "");
}

INSTANTIATE_TEST_SUITE_P(
    nvme, refused_ring_test,
    ::testing::Values(refusal{"setup_eperm", SYS_io_uring_setup, EPERM, "EPERM"},
                      refusal{"setup_enosys", SYS_io_uring_setup, ENOSYS, "ENOSYS"},
                      refusal{"setup_enomem", SYS_io_uring_setup, ENOMEM, "ENOMEM"},
                      refusal{"enter_eperm", SYS_io_uring_enter, EPERM, "EPERM"}),
    [](const auto& tested) { return tested.param.name; });

TEST(degraded_ring, works_without_registration_and_says_so) {
  const test_folder folder;
  const auto said = testing::in_child([&]() -> std::string {
    if (!deny(SYS_io_uring_register, EPERM)) return "no seccomp";
    const auto opened = make_store(
        {.folders = {{folder.path()}}, .size = {65536}, .time = now, .backend = io_backend::uring});
    if (!opened) return opened.error().message;
    const auto description = (*opened)->description();
    if (description.find("plain files, plain memory (registration refused: EPERM") ==
        std::string::npos) {
      return description;
    }
    std::vector<std::byte> memory(65536);
    ballast::testing::fill_pattern(memory, 2);
    if (!(*opened)->write().submit({{0}, memory}).wait()) return "write failed";
    std::fill(memory.begin(), memory.end(), std::byte{0});
    if (!(*opened)->read().submit({{0}, memory}).wait()) return "read failed";
    return ballast::testing::wrong_bytes(memory, 2) == 0 ? "" : "wrong bytes";
  });
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace ballast::nvme
