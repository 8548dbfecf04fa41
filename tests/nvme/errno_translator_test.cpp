// Every errno has one verdict, and its error names it.
#include <gtest/gtest.h>

#include <cerrno>
#include <nvme/errno_translator.hpp>
#include <nvme/io_loop.hpp>

namespace ballast::nvme {
namespace {

TEST(errno_translator, judges) {
  EXPECT_EQ(judge(EINTR), io_verdict::retry_now);
  EXPECT_EQ(judge(EAGAIN), io_verdict::retry_later);
  EXPECT_EQ(judge(ENOMEM), io_verdict::retry_later);
  for (const int full : {ENOSPC, EDQUOT, EFBIG}) EXPECT_EQ(judge(full), io_verdict::no_space);
  for (const int broken : {EIO, EROFS, ENODEV, EPERM, EINVAL, ENODATA, 4095}) {
    EXPECT_EQ(judge(broken), io_verdict::failed) << broken;
  }
}

TEST(errno_translator_death, a_wrong_call_ends_the_process) {
  for (const int wrong : {EBADF, EFAULT, ESPIPE}) {
    EXPECT_DEATH((void)judge(wrong), "an I/O call gets valid arguments.*errno_translator_test");
  }
}

TEST(errno_translator, names_what_failed_and_what_to_do) {
  const auto full = make_failure(ENOSPC, "write of 8 bytes at offset 16 of /data/x");
  EXPECT_EQ(full.code, errc::no_space);
  EXPECT_EQ(full.system, ENOSPC);
  EXPECT_NE(full.message.find("/data/x: No space left on device (ENOSPC); "), std::string::npos)
      << full.message;
  EXPECT_EQ(make_failure(EIO, "x").code, errc::io_failure);
  EXPECT_EQ(make_failure(EIO, "x").message, "x: Input/output error (EIO)");
  EXPECT_EQ(errno_name(4095), "unknown errno");
}

}  // namespace
}  // namespace ballast::nvme
