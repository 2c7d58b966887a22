// SPDX-License-Identifier: Apache-2.0
#include "cli/settings/configuration.h"

#include <gtest/gtest.h>

#include "cli/settings/config_file.h"
#include "cli/settings/git_ignore.h"
#include "cli/shell/aliases.h"
#include "cli/shell/nearest.h"

namespace howdah::cli {
namespace {

Environment fixed(std::map<std::string, std::string, std::less<>> variables) {
  return [variables = std::move(variables)](std::string_view name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

ConfigurationSources empty_sources() {
  ConfigurationSources sources;
  sources.environment = fixed({});
  return sources;
}

TEST(Settings, every_one_has_a_valid_default_a_variable_of_its_own_and_a_text) {
  for (const Setting& setting : all_settings()) {
    EXPECT_FALSE(setting.doc.empty()) << setting.name;
    EXPECT_TRUE(setting.variable.starts_with("HOWDAH_")) << setting.name;
    EXPECT_EQ(find_setting(setting.name), &setting);
    if (!setting.fallback.empty()) {
      EXPECT_EQ(fault_of(setting, setting.fallback), "") << setting.name;
    }
  }
}

TEST(Settings, values_out_of_their_range_are_told) {
  const Setting& port = *find_setting("http-port");
  EXPECT_EQ(fault_of(port, "0"), "");
  EXPECT_EQ(fault_of(port, "65535"), "");
  for (const char* wrong : {"65536", "-1", "", "80x", " 80", "1e3"}) {
    EXPECT_NE(fault_of(port, wrong), "") << wrong;
  }
  EXPECT_NE(fault_of(*find_setting("api-url"), "ftp://x"), "");
  EXPECT_NE(fault_of(*find_setting("output"), "xml"), "");
  EXPECT_NE(fault_of(*find_setting("sample"), "maybe"), "");
  EXPECT_NE(fault_of(*find_setting("domain"), "a\nb"), "");
}

TEST(Configuration, the_environment_beats_defaults_and_flags_beat_the_environment) {
  auto sources = empty_sources();
  EXPECT_EQ(Configuration::load(sources)->text("http-port"), "3000");
  sources.environment = fixed({{"HOWDAH_HTTP_PORT", "1"}});
  EXPECT_EQ(Configuration::load(sources)->value("http-port").place, "HOWDAH_HTTP_PORT");
  sources.flags["http-port"] = "2";
  const auto loaded = Configuration::load(sources);
  EXPECT_EQ(loaded->integer("http-port"), 2);
  EXPECT_EQ(loaded->value("http-port").place, "--http-port");
}

TEST(Configuration, older_variables_count_only_where_asked_and_below_the_newer) {
  auto sources = empty_sources();
  sources.environment = fixed({{"PORT", "1"}, {"DB_PORT", "2"}, {"HOWDAH_DIRECT_PORT", "3"}});
  EXPECT_EQ(Configuration::load(sources)->integer("http-port"), 3000);
  sources.older_variables = true;
  EXPECT_EQ(Configuration::load(sources)->integer("http-port"), 1);
  EXPECT_EQ(Configuration::load(sources)->integer("direct-port"), 3);
}

TEST(Configuration, a_wrong_variable_is_named_but_no_secret) {
  auto sources = empty_sources();
  sources.environment = fixed({{"HOWDAH_SPARES", "many"}});
  EXPECT_NE(Configuration::load(sources).error().message.find("HOWDAH_SPARES"), std::string::npos);
  sources.environment = fixed({{"HOWDAH_API_KEY", "secret\nvalue"}});
  const auto refused = Configuration::load(sources);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::config_invalid);
  EXPECT_EQ(refused.error().to_log().find("secret"), std::string::npos);
}

TEST(Configuration, variables_without_a_meaning_are_told_with_what_to_use) {
  const auto notes = Configuration::foreign_notes(
      fixed({{"DB_PASSWORD", "hush"}, {"DB_SSL", "true"}, {"PG_ADMIN_USER", "postgres"}}));
  ASSERT_EQ(notes.size(), 2u) << "DB_SSL=true is what happens anyway";
  EXPECT_TRUE(notes[0].starts_with("DB_PASSWORD is ignored: ")) << notes[0];
  EXPECT_EQ(notes[0].find("hush"), std::string::npos);
  EXPECT_EQ(Configuration::foreign_notes(fixed({{"DB_SSL", "false"}})).size(), 1u);
}

TEST(ConfigFile, names_may_have_underscores_and_values_any_fitting_type) {
  const auto entries =
      parse_config("# mine\nhttp_port = 3001\nsample = false\nspares = '2'\n", "f");
  ASSERT_TRUE(entries) << entries.error().to_log();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ(entries->at(0).setting->name, "http-port");
  EXPECT_EQ(entries->at(0).line, 2u);
  EXPECT_EQ(entries->at(1).text, "false");
  EXPECT_EQ(entries->at(2).text, "2");
}

TEST(ConfigFile, faults_are_told_with_file_and_line) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"\nhttp-prot = 1\n", "f:2: there is no setting 'http-prot'"},
      {"output = 'xml'\n", "f:1: output: 'xml' is none of"},
      {"http-port = 1.5\n", "f:1: 'http-port' must be"},
      {"spares = 1\n[more]\n", "f:2: there is no setting 'more'"},
      {"http-port = 1\nhttp_port = 2\n", "f:2: 'http-port' is given twice"},
      {"spares = 1\nspares\n", "f:2: "},
  };
  for (const auto& [text, message] : cases) {
    const auto refused = parse_config(text, "f");
    ASSERT_FALSE(refused) << text;
    EXPECT_TRUE(refused.error().message.starts_with(message)) << refused.error().message;
  }
  EXPECT_EQ(parse_config("http-prot = 1", "f").error().hint, "did you mean 'http-port'?");
}

TEST(ConfigFile, an_edit_changes_one_line_and_keeps_comments) {
  const std::string before = "# mine\nhttp_port = 3001 # here\nspares = 1";
  const Setting& port = *find_setting("http-port");
  EXPECT_EQ(*edit_config(before, "f", port, "1"), "# mine\nhttp-port = 1\nspares = 1");
  EXPECT_EQ(*edit_config(before, "f", port, ""), "# mine\nspares = 1");
  EXPECT_EQ(*edit_config(before, "f", *find_setting("domain"), "a\"b\\c"),
            before + "\ndomain = \"a\\\"b\\\\c\"\n");
  EXPECT_EQ(*edit_config("", "f", *find_setting("sample"), "no"), "sample = false\n");
  const auto read = parse_config(*edit_config("", "f", *find_setting("domain"), "a\"b\\c"), "f");
  EXPECT_EQ(read->front().text, "a\"b\\c");
}

TEST(ConfigFile, an_edit_of_a_value_over_several_lines_is_refused) {
  const auto refused = edit_config("domain = '''a\\\nb'''\n", "f", *find_setting("domain"), "c");
  EXPECT_FALSE(refused);
}

TEST(Nearest, finds_what_was_meant_and_nothing_far_away) {
  const std::vector<std::string> words{"create", "list", "show", "delete"};
  EXPECT_EQ(nearest("crate", words), "create");
  EXPECT_EQ(nearest("lsit", words), "list");
  EXPECT_EQ(nearest("frobnicate", words), "");
  EXPECT_EQ(nearest("ab", {"ac", "ad"}), "") << "two are equally near";
  EXPECT_EQ(nearest(std::string(1000, 'x'), words), "");
}

TEST(GitIgnore, gets_a_line_once) {
  EXPECT_EQ(with_ignored("", ".env"), ".env\n");
  EXPECT_EQ(with_ignored("node_modules", ".env"), "node_modules\n.env\n");
  for (const char* there : {".env\n", "/.env", "a\r\n.env\r\nb\n"}) {
    EXPECT_EQ(with_ignored(there, ".env"), there);
  }
}

TEST(Aliases, stand_for_their_commands_wherever_the_link_is) {
  const auto words = [](std::vector<const char*> argv) {
    return expand_alias(static_cast<int>(argv.size()), argv.data());
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words({"/usr/local/bin/pg-list-databases", "-o", "json"}),
            (Words{"db", "list", "-o", "json"}));
  EXPECT_EQ(words({"pg-status"}), Words{"status"});
  EXPECT_EQ(words({"pg-backup-control"}), (Words{"backup", "catalog", "create"}));
  EXPECT_EQ(words({"pg-backup-control", "list"}), (Words{"backup", "catalog", "list"}));
  EXPECT_EQ(words({"howdah", "status"}), Words{"status"});
}

}  // namespace
}  // namespace howdah::cli
