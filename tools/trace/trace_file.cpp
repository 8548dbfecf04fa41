#include "tools/trace/trace_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ballast::tools {
namespace {

constexpr std::size_t lanes_a_track = 1000;  ///< more than any queue is deep

std::size_t id_of(activity what, std::size_t lane) {
  return static_cast<std::size_t>(what) * lanes_a_track + lane;
}

std::string name_of(const trace_event& event) {
  switch (event.whose.what) {
    case subject::kind::tile: return fmt::format("{} tile {}", event.name, event.whose.id);
    case subject::kind::layer: return fmt::format("{} layer {}", event.name, event.whose.id);
    case subject::kind::activation:
      return fmt::format("{} activation {}", event.name, event.whose.id);
    case subject::kind::none: break;
  }
  return std::string(event.name);
}

}  // namespace

result<std::unique_ptr<trace_file>> trace_file::open(const std::string& file, time_point zero) {
  std::FILE* const opened = std::fopen(file.c_str(), "we");
  if (opened == nullptr) {
    return failure{errc::invalid_argument,
                   fmt::format("cannot write '{}': {}", file, std::strerror(errno)), errno};
  }
  std::unique_ptr<trace_file> made(new trace_file(file, opened, zero));
  std::fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", opened);
  made->line(R"({"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"ballast"}})");
  return made;
}

double trace_file::microseconds(time_point at) const {
  return std::chrono::duration<double, std::micro>(at - zero_).count();
}

void trace_file::line(const std::string& text) {
  if (!std::exchange(first_, false)) {
    std::fputs(",\n", file_.get());
  }
  std::fwrite(text.data(), 1, text.size(), file_.get());
}

void trace_file::name_track(const track& of) {
  if (std::exchange(named_[of], true)) {
    return;
  }
  const std::size_t id = id_of(of.first, of.second);
  const std::string name = of.second == 0
                               ? std::string(to_string(of.first))
                               : fmt::format("{} {}", to_string(of.first), of.second + 1);
  line(fmt::format(R"({{"ph":"M","pid":1,"tid":{},"name":"thread_name","args":{{"name":"{}"}}}})",
                   id, name));
  line(fmt::format(
      R"({{"ph":"M","pid":1,"tid":{},"name":"thread_sort_index","args":{{"sort_index":{}}}}})", id,
      id));
}

void trace_file::draw(const trace_event& event) {
  const std::size_t lane =
      lanes_[static_cast<std::size_t>(event.what)].take(event.begin, event.end);
  name_track({event.what, lane});
  const double begin = microseconds(event.begin);
  line(fmt::format(R"({{"ph":"X","pid":1,"tid":{},"ts":{:.3f},"dur":{:.3f},"cat":"{}",)"
                   R"("name":"{}","args":{{"bytes":{}}}}})",
                   id_of(event.what, lane), begin, microseconds(event.end) - begin,
                   to_string(event.what), name_of(event), event.moved.value));
  follow(event, lane);
}

/// An arrow from a tile's read to its update and on to its write.
void trace_file::follow(const trace_event& event, std::size_t lane) {
  if (event.whose.what != subject::kind::tile) {
    return;
  }
  const auto arrow = [&](std::string_view phase, std::uint64_t id) {
    line(fmt::format(R"({{"ph":"{}","pid":1,"tid":{},"ts":{:.3f},"cat":"tile","name":"tile {}",)"
                     R"("id":{}{}}})",
                     phase, id_of(event.what, lane), microseconds(event.begin), event.whose.id, id,
                     phase == "f" ? R"(,"bp":"e")" : ""));
  };
  const auto begun = arrow_of_.find(event.whose.id);
  if (event.what == activity::read) {
    arrow_of_[event.whose.id] = ++arrows_;
    arrow("s", arrows_);
  } else if (begun != arrow_of_.end() && event.what == activity::optimizer) {
    arrow("t", begun->second);
  } else if (begun != arrow_of_.end() && event.what == activity::write) {
    arrow("f", begun->second);
    arrow_of_.erase(begun);
  }
}

/// How many transfers of a link are under way, whenever that changes.
void trace_file::count(activity what) {
  std::vector<std::pair<time_point, int>> changes;
  for (const trace_event& each : kept_) {
    if (each.what == what) {
      changes.emplace_back(each.begin, 1);
      changes.emplace_back(each.end, -1);
    }
  }
  // One that ends as the next begins leaves no gap.
  std::ranges::sort(changes, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  });
  int under_way = 0;
  for (const auto& [at, change] : changes) {
    under_way += change;
    line(fmt::format(
        R"({{"ph":"C","pid":1,"ts":{:.3f},"name":"{}s under way","args":{{"transfers":{}}}}})",
        microseconds(at), to_string(what), under_way));
  }
}

void trace_file::record(const trace_event& event) {
  const std::lock_guard hold(mutex_);
  recorded_.push_back(event);
  recorded_.back().begin = std::max(event.begin, zero_);  // what was there before the trace
}

status trace_file::flush() {
  {
    const std::lock_guard hold(mutex_);
    std::swap(kept_, recorded_);
  }
  std::ranges::stable_sort(kept_, {}, &trace_event::begin);
  for (const trace_event& each : kept_) {
    draw(each);
  }
  count(activity::read);
  count(activity::write);
  kept_.clear();
  return written();
}

status trace_file::close() {
  if (auto flushed = flush(); !flushed) {
    return flushed;
  }
  std::fputs("\n]}\n", file_.get());
  return written();
}

status trace_file::written() {
  errno = 0;
  if (std::fflush(file_.get()) == 0 && std::ferror(file_.get()) == 0) {
    return {};
  }
  return failure{errno == ENOSPC ? errc::no_space : errc::io_failure,
                 fmt::format("writing the trace '{}': {}", name_, std::strerror(errno)), errno};
}

}  // namespace ballast::tools
