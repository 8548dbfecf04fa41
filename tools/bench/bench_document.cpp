#include "tools/bench/bench_document.hpp"

#include <fmt/format.h>

#include "tools/bench/machine.hpp"

namespace ballast::tools {
bench_document::bench_document(const option_set& settings, std::FILE* text,
                               std::optional<json_lines> file)
    : text_(text),
      file_(std::move(file)),
      document_{{"schema", "ballast.bench/1"},
                {"context", describe_machine()},
                {"results", nlohmann::ordered_json::array()}} {
  document_["context"]["command"] = settings.command();
  document_["context"]["settings"] = settings.values();
}

result<bench_document> bench_document::open(const option_set& settings, const std::string& json) {
  std::optional<json_lines> file;
  if (!json.empty()) {
    auto opened = json_lines::open(json);
    if (!opened) {
      return opened.error();
    }
    file = *std::move(opened);
  }
  return bench_document(settings, json == "-" ? stderr : stdout, std::move(file));
}

void bench_document::say(std::string_view line) const {
  fmt::print(text_, "{}\n", line);
  std::fflush(text_);
}

status bench_document::write() { return file_ ? file_->write(document_) : status(); }

}  // namespace ballast::tools
