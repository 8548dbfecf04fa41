#include "tools/bench/word_list.hpp"

#include <thread>

#include "tools/command/number_text.hpp"

namespace ballast::tools {

std::vector<std::string> split_words(const std::vector<std::string>& given) {
  std::vector<std::string> words;
  for (const std::string& each : given) {
    for (std::size_t begin = 0; begin <= each.size();) {
      const std::size_t comma = std::min(each.find(',', begin), each.size());
      words.push_back(each.substr(begin, comma - begin));
      begin = comma + 1;
    }
  }
  return words;
}

result<std::vector<std::uint32_t>> parse_threads(const std::vector<std::string>& given) {
  return parse_each("threads", given, [](const std::string& word) -> result<std::uint32_t> {
    const auto parsed = parse_whole(word, {1, 1024});
    return parsed ? result<std::uint32_t>(static_cast<std::uint32_t>(*parsed)) : parsed.error();
  });
}

std::vector<std::string> default_threads() {
  const unsigned cores = std::thread::hardware_concurrency();
  return cores > 1 ? std::vector<std::string>{"1", fmt::format("{}", cores)}
                   : std::vector<std::string>{"1"};
}

}  // namespace ballast::tools
