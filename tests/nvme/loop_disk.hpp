// A small ext4 file system on a loop device, which a test may freeze, break or fill as it likes.
//
// Needs root, loop devices and mkfs.ext4; where one is missing refusal() says what, and the test skips.
// Takes its image and its mount away at the end, thawed.
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nvme/file_descriptor.hpp>
#include <string>

namespace ballast::nvme::testing {

class loop_disk {
 public:
  /// In the folder `where`, empty before and after; `image_size` bytes, none of them written yet.
  explicit loop_disk(const std::string& where, std::uintmax_t image_size = 64u << 20)
      : image_(where + "/image"), path_(where + "/disk") {
    std::filesystem::create_directory(path_);
    std::ofstream(image_).close();
    std::filesystem::resize_file(image_, image_size);
    run("mkfs.ext4 -q -F '" + image_ + "'");
    if (refusal_.empty()) run("mount -o loop,errors=remount-ro '" + image_ + "' '" + path_ + "'");
    mounted_ = refusal_.empty();
  }
  loop_disk(const loop_disk&) = delete;
  loop_disk& operator=(const loop_disk&) = delete;
  ~loop_disk() {
    if (frozen_) thaw();
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    std::filesystem::remove(path_);
    std::filesystem::remove(image_);
  }

  /// Empty, or why there is no such disk here.
  const std::string& refusal() const { return refusal_; }
  const std::string& path() const { return path_; }

  /// From now on writes wait until thaw(). Returns: 0, or errno
  int freeze() {
    const int error = order(FIFREEZE, nullptr);
    frozen_ = error == 0;
    return error;
  }
  int thaw() {
    frozen_ = false;
    return order(FITHAW, nullptr);
  }

  /// Everything fails from now on, as if the device were gone.
  int shut_down() {
    constexpr unsigned long ext4_shutdown = _IOR('X', 125, std::uint32_t);
    std::uint32_t without_flushing = 2;
    return order(ext4_shutdown, &without_flushing);
  }

  /// Reports an error to the file system, which turns itself read-only under whoever uses it.
  void turn_read_only() {
    const std::string device = output_of("losetup -n -O NAME -j '" + image_ + "'");
    const auto name = std::filesystem::path(device).filename().string();
    run("echo 1 > '/sys/fs/ext4/" + name.substr(0, name.find('\n')) + "/trigger_fs_error'");
  }

 private:
  int order(unsigned long request, void* argument) const {
    const file_descriptor folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return folder.valid() && ::ioctl(folder.get(), request, argument) == 0 ? 0 : errno;
  }

  static std::string output_of(const std::string& command) {
    std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return "no shell";
    std::array<char, 512> text{};
    const std::size_t size = std::fread(text.data(), 1, text.size(), pipe);
    const int outcome = ::pclose(pipe);
    const std::string said(text.data(), size);
    return outcome == 0 ? said : "failed: " + said;
  }
  void run(const std::string& command) {
    const auto said = output_of(command);
    if (said.rfind("failed: ", 0) == 0) refusal_ = command + " " + said;
  }

  const std::string image_;
  const std::string path_;
  std::string refusal_;
  bool mounted_ = false;
  bool frozen_ = false;
};

}  // namespace ballast::nvme::testing
