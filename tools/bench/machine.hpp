// The machine that a bench runs on: what tells two documents apart, and where its caches end.
#pragma once

#include <ballast/types.hpp>
#include <nlohmann/json.hpp>

namespace ballast::tools {

/// Of the last cache that a core can use; zero where the system does not say.
///
/// Source:  /sys/devices/system/cpu: the C library adds up all sockets (384 MiB where there are 32)
bytes last_cache();

/// True when arrays of this size stay in the last cache: no memory traffic limits them.
inline bool in_cache(bytes size) { return size <= last_cache(); }

/// Processor, memory, kernel, load and the time of day.
nlohmann::ordered_json describe_machine();

}  // namespace ballast::tools
