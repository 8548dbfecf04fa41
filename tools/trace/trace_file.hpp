// A trace in Chrome's JSON format, which Perfetto and chrome://tracing show: one track a resource,
// with as many lanes as it has events at once; a counter of reads and of writes under way; arrows
// that follow a tile from its read through its update to its write.
//
// Events are kept in memory until flush(), which the trainer calls between steps: nothing is
// written while a step runs. The file is whole JSON after close(), and readable by both before.
#pragma once

#include <ballast/activity.hpp>
#include <ballast/result.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tools/trace/lanes.hpp"

namespace ballast::tools {

class trace_file final : public trace_sink {
 public:
  /// `file` is replaced. Errors: invalid_argument when it cannot be created
  static result<std::unique_ptr<trace_file>> open(const std::string& file, time_point zero);

  void record(const trace_event& event) override;

  /// Writes what was recorded; what is still under way comes with a later call.
  ///
  /// Errors: io_failure or no_space with the file and errno
  status flush();
  status close();

 private:
  struct closer {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  using track = std::pair<activity, std::size_t>;  ///< a resource and a lane of it

  trace_file(std::string name, std::FILE* file, time_point zero)
      : name_(std::move(name)), file_(file), zero_(zero) {}

  double microseconds(time_point at) const;
  void name_track(const track& of);
  void draw(const trace_event& event);
  void follow(const trace_event& event, std::size_t lane);
  void count(activity what);
  void line(const std::string& text);
  status written();

  std::string name_;
  std::unique_ptr<std::FILE, closer> file_;
  const time_point zero_;
  std::mutex mutex_;
  std::vector<trace_event> recorded_;  // guarded by mutex_
  std::vector<trace_event> kept_;      ///< taken out of it by flush()
  std::array<lanes, activity_count> lanes_;
  std::map<track, bool> named_;
  std::map<std::uint32_t, std::uint64_t> arrow_of_;  ///< by tile: the arrow that left its read
  std::uint64_t arrows_ = 0;
  bool first_ = true;
};

}  // namespace ballast::tools
