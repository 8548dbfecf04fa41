// A folder of a test's own on the disk the build is on (or TMPDIR's), empty at the end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace ballast::nvme::testing {

class test_folder {
 public:
  test_folder() {
    const char* root = ::getenv("TMPDIR");
    std::string name =
        (root != nullptr ? std::filesystem::path(root) : std::filesystem::current_path()) /
        "ballast-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  test_folder(const test_folder&) = delete;
  test_folder& operator=(const test_folder&) = delete;
  ~test_folder() {
    EXPECT_TRUE(empty()) << "a file is left in " << path_;
    std::filesystem::remove_all(path_);
  }

  const std::string& path() const { return path_; }
  bool empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::string path_;
};

}  // namespace ballast::nvme::testing
