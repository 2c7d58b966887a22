// SPDX-License-Identifier: Apache-2.0
#include "cli/shell/completion.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command_line.h"
#include "cli/context.h"
#include "cli/shell/manual.h"
#include "cli/shell/tree.h"

namespace howdah::cli {
namespace {

class Tree : public testing::Test {
 protected:
  Tree() { build_tree(app_, context_); }

  std::vector<std::string> values(const std::vector<std::string>& words) {
    std::vector<std::string> found;
    for (const Candidate& one : complete(app_, words).candidates) found.push_back(one.value);
    return found;
  }
  bool offers(const std::vector<std::string>& words, const std::string& value) {
    return std::ranges::count(values(words), value) == 1;
  }

  Context context_;
  CLI::App app_;
};

TEST_F(Tree, commands_are_offered_until_an_argument_stands) {
  EXPECT_TRUE(offers({""}, "db"));
  EXPECT_TRUE(offers({"db", ""}, "create"));
  EXPECT_FALSE(offers({"db", "create", ""}, "list"));
  EXPECT_EQ(complete(app_, {"psql", ""}).elsewhere, Elsewhere::databases);
  EXPECT_EQ(complete(app_, {"op", "show", ""}).elsewhere, Elsewhere::operations);
}

TEST_F(Tree, values_follow_their_flag_in_all_its_forms) {
  const std::vector<std::string> formats{"table", "json", "yaml"};
  EXPECT_EQ(values({"db", "list", "-o", ""}), formats);
  EXPECT_EQ(values({"db", "list", "--output", "="}), formats) << "as bash cuts it";
  EXPECT_EQ(values({"db", "list", "--output", "=", "j"}), formats);
  EXPECT_TRUE(offers({"db", "list", "--output=j"}, "--output=json"));
  EXPECT_EQ(complete(app_, {"up", "--data-dir", ""}).elsewhere, Elsewhere::files);
}

TEST_F(Tree, the_place_given_on_the_line_is_known) {
  const auto completion = complete(app_, {"--data-dir", "/srv/a", "psql", ""});
  EXPECT_EQ(completion.settings.at("data-dir"), "/srv/a");
  EXPECT_EQ(complete(app_, {"psql", "--data-dir=/b", ""}).settings.at("data-dir"), "/b");
}

TEST_F(Tree, nothing_is_offered_behind_two_dashes_but_arguments) {
  EXPECT_TRUE(values({"psql", "shop", "--", "-"}).empty());
  EXPECT_TRUE(values({}).size() > 5) << "no word counts as an empty one";
}

void expect_explained(const CLI::App& command) {
  EXPECT_FALSE(command.get_description().empty()) << path_of(command);
  for (const CLI::Option* option : flags_of(command, false)) {
    EXPECT_FALSE(option->get_description().empty()) << path_of(command) << option->get_name();
  }
  for (const CLI::App* sub : subcommands_of(command)) expect_explained(*sub);
}

TEST_F(Tree, every_command_and_flag_is_explained) {
  expect_explained(app_);
}

TEST_F(Tree, each_noun_has_a_page_in_which_nothing_is_taken_for_a_request) {
  const auto pages = manual_pages(app_);
  EXPECT_EQ(pages.size(), subcommands_of(app_).size() + 1);
  for (const ManualPage& page : pages) {
    EXPECT_TRUE(page.text.starts_with(".TH ")) << page.file;
    EXPECT_EQ(page.text.find("\n'"), std::string::npos) << page.file;
  }
}

}  // namespace
}  // namespace howdah::cli
