// One setting: an option of the command line, a key of the JSON config, a line of --help and a row
// of README's table. A plain value; option_set owns them.
#pragma once

#include <ballast/result.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ballast::tools {

/// What a value is; fixes which JSON types a config may use for it.
enum class option_kind : unsigned char {
  flag,    ///< true or false; on the command line the name alone means true
  whole,   ///< a JSON number without fraction
  real,    ///< a JSON number
  amount,  ///< a size or a count: "1.5GiB" or a number without fraction
  text,    ///< a JSON string
  list,    ///< a JSON string or an array of them; on the command line the option may be repeated
};

struct option {
  std::string name;  ///< "device-memory": without dashes in front
  option_kind kind;
  std::string
      value;  ///< what help shows for its value: "SIZE", "N", "uring|posix"; empty for a flag
  std::string preset;  ///< the default as text
  std::string help;    ///< one sentence with the unit in it

  /// Takes the texts given for it (one, except for lists). Errors: invalid_argument about the value
  std::function<status(const std::vector<std::string>& given)> set;
  /// The value in force, for logs.
  std::function<nlohmann::ordered_json()> show;
};

}  // namespace ballast::tools
