// A log of one JSON object a line, readable while it is written: each line reaches the file at
// once. Numbers are numbers; NaN and infinities, which JSON has not, are null.
//
// One writer thread. The destructor closes the file; what could not be written was reported by
// write().
#pragma once

#include <ballast/result.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace ballast::tools {

class json_lines {
 public:
  /// `file` is replaced; "-" is stdout. Errors: invalid_argument when it cannot be created
  static result<json_lines> open(const std::string& file);

  /// Errors: io_failure or no_space with the file and errno
  status write(const nlohmann::ordered_json& line);

 private:
  struct closer {
    void operator()(std::FILE* file) const;
  };

  json_lines(std::string name, std::FILE* file) : name_(std::move(name)), file_(file) {}

  std::string name_;
  std::unique_ptr<std::FILE, closer> file_;
};

}  // namespace ballast::tools
