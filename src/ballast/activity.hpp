// What an engine's time goes into: the classes to which each instant of a step is charged, and the
// events that a trace is made of.
//
// An instant belongs to the first class in the order below that is active in it, so the classes of
// a step sum to its wall time. Busy times of links overlap and are a table of their own
// (step_report).
#pragma once

#include <array>
#include <ballast/clock.hpp>
#include <ballast/types.hpp>
#include <cstdint>
#include <string_view>

namespace ballast {

/// By precedence.
enum class activity : std::uint8_t {
  compute,    ///< the caller's: no call of the engine is under way
  optimizer,  ///< gradient passes and updates
  upload,
  download,
  read,
  write,
  collective,
  wait,  ///< none of these
};
inline constexpr std::size_t activity_count = 8;

constexpr std::string_view to_string(activity what) {
  switch (what) {
    case activity::compute: return "compute";
    case activity::optimizer: return "optimizer";
    case activity::upload: return "upload";
    case activity::download: return "download";
    case activity::read: return "read";
    case activity::write: return "write";
    case activity::collective: return "collective";
    case activity::wait: return "wait";
  }
  return "?";
}

/// Wall time by class.
struct attribution {
  std::array<nanoseconds, activity_count> charged{};

  nanoseconds& operator[](activity what) { return charged[static_cast<std::size_t>(what)]; }
  nanoseconds operator[](activity what) const { return charged[static_cast<std::size_t>(what)]; }
  attribution& operator+=(const attribution& more) {
    for (std::size_t i = 0; i < activity_count; ++i) charged[i] += more.charged[i];
    return *this;
  }
  nanoseconds wall() const {
    nanoseconds sum{0};
    for (const nanoseconds each : charged) sum += each;
    return sum;
  }
};

/// Whose bytes or work an event is: a tile, a layer, or nobody's in particular.
struct subject {
  enum class kind : std::uint8_t { none, tile, layer, activation } what = kind::none;
  std::uint32_t id = 0;

  static constexpr subject of(tile_id which) { return {kind::tile, which.value}; }
  static constexpr subject of(layer_id which) { return {kind::layer, which.value}; }
  static constexpr subject of(activation_id which) { return {kind::activation, which.value}; }
  friend bool operator==(subject, subject) = default;
};

/// Something that began and ended.
struct trace_event {
  activity what;
  std::string_view name;  ///< of static storage: "read", "update", "gradient"
  subject whose;
  time_point begin;
  time_point end;
  bytes moved;
};

/// Hears every event when it is over.
class trace_sink {
 public:
  virtual ~trace_sink() = default;

  /// Threads: any, one at a time; must not block and must not call the engine
  virtual void record(const trace_event& event) = 0;
};

}  // namespace ballast
