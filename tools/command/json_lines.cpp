#include "tools/command/json_lines.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace ballast::tools {

void json_lines::closer::operator()(std::FILE* file) const {
  if (file != stdout) {
    (void)std::fclose(file);  // every line has been flushed
  }
}

result<json_lines> json_lines::open(const std::string& file) {
  std::FILE* const opened = file == "-" ? stdout : std::fopen(file.c_str(), "we");
  if (opened == nullptr) {
    return failure{errc::invalid_argument,
                   fmt::format("cannot write '{}': {}", file, std::strerror(errno)), errno};
  }
  return json_lines(file, opened);
}

status json_lines::write(const nlohmann::ordered_json& line) {
  using handler = nlohmann::ordered_json::error_handler_t;
  const std::string text = line.dump(-1, ' ', false, handler::replace) + '\n';
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
                       std::fflush(file_.get()) == 0;
  if (!written) {
    return failure{errno == ENOSPC ? errc::no_space : errc::io_failure,
                   fmt::format("writing the log '{}': {}", name_, std::strerror(errno)), errno};
  }
  return {};
}

}  // namespace ballast::tools
