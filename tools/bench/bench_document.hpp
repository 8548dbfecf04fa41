// What a bench found: lines for people while it runs, and one JSON document (ballast.bench/1) when
// it is done.
//
// With --json - the document has stdout for itself and the lines go to stderr.
#pragma once

#include <ballast/result.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tools/bench/bench_row.hpp"
#include "tools/command/json_lines.hpp"
#include "tools/command/option_set.hpp"

namespace ballast::tools {

class bench_document {
 public:
  /// `json` is the file's name; empty: none is written.
  ///
  /// Errors: invalid_argument when it cannot be created
  static result<bench_document> open(const option_set& settings, const std::string& json);

  /// A line of the table; it is seen at once.
  void say(std::string_view line) const;
  void add(const bench_row& row) { document_["results"].push_back(row.json()); }
  /// Errors: as json_lines
  status write();

 private:
  bench_document(const option_set& settings, std::FILE* text, std::optional<json_lines> file);

  std::FILE* text_;
  std::optional<json_lines> file_;
  nlohmann::ordered_json document_;
};

}  // namespace ballast::tools
