// SPDX-License-Identifier: Apache-2.0
// The pages of docs/formats, for the tests that hold their worked examples and the code together.
#pragma once
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace howdah {

// The text of docs/formats/NAME.md.
inline std::string format_page(const std::string& name) {
  const auto path =
      std::filesystem::path(__FILE__).parent_path() / "../../docs/formats" / (name + ".md");
  std::ifstream in(path);
  if (!in) throw std::runtime_error("no page " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

// Its JSON blocks, in their order.
inline std::vector<std::string> format_page_examples(const std::string& name) {
  constexpr std::string_view kOpen = "```json\n";
  const std::string text = format_page(name);
  std::vector<std::string> blocks;
  for (auto at = text.find(kOpen); at != std::string::npos; at = text.find(kOpen, at + 1)) {
    const auto begin = at + kOpen.size();
    blocks.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return blocks;
}

}  // namespace howdah
