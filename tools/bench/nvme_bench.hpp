// `ballast bench nvme`: how far is the store from the disk's own speed, and how should the disk be
// asked?
//
// Every arm first does its job once with all bytes compared, what it wrote read back; then the arms
// take turns. The limit of the room's loop is a plain loop at full depth, or fio where that is faster;
// the limit of the store, with tiles and digests, is the room's loop.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code bench_nvme(std::span<const std::string> arguments);

}  // namespace ballast::tools
