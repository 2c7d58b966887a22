// SPDX-License-Identifier: Apache-2.0
#include "cli/shell/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/settings/settings.h"
#include "cli/shell/tree.h"

namespace howdah::cli {
namespace {

const CLI::Option* find_flag(const CLI::App& command, const std::string& name) {
  for (const CLI::Option* flag : flags_of(command, true)) {
    const auto names = names_of(*flag);
    if (std::ranges::find(names, name) != names.end()) return flag;
  }
  return nullptr;
}

const CLI::App* find_command(const CLI::App& command, const std::string& name) {
  for (const CLI::App* sub : subcommands_of(command)) {
    if (sub->get_name() == name) return sub;
  }
  return nullptr;
}

// The words in front of the cursor, understood.
class Line {
 public:
  explicit Line(const CLI::App& app) : command_(&app) {}

  void take(const std::string& word) {
    if (waiting_ != nullptr) return take_value(word);
    if (only_arguments_) return arguments_.push_back(word);
    if (word == "--") {
      only_arguments_ = true;
    } else if (word.starts_with("-") && word.size() > 1) {
      take_flag(word);
    } else if (const CLI::App* sub = find_command(*command_, word)) {
      command_ = sub;
      arguments_.clear();
    } else {
      arguments_.push_back(word);
    }
  }

  Completion at(const std::string& word) const {
    Completion completion;
    completion.settings = settings_;
    const std::size_t equals = word.find('=');
    if (waiting_ != nullptr) {
      offer_values(*waiting_, completion);
    } else if (!only_arguments_ && word.starts_with("--") && equals != std::string::npos) {
      completion.prefix = word.substr(0, equals + 1);
      const CLI::Option* flag = find_flag(*command_, word.substr(0, equals));
      if (flag != nullptr) offer_values(*flag, completion);
    } else if (!only_arguments_ && word.starts_with("-")) {
      offer_flags(completion);
    } else {
      offer_words(completion);
    }
    for (Candidate& one : completion.candidates) one.value = completion.prefix + one.value;
    return completion;
  }

 private:
  void take_value(const std::string& word) {
    if (word == "=") return;  // bash cuts "--flag=value" into three words
    remember(*waiting_, word);
    waiting_ = nullptr;
  }

  void take_flag(const std::string& word) {
    const std::size_t equals = word.find('=');
    const CLI::Option* flag = find_flag(*command_, word.substr(0, equals));
    if (flag == nullptr || flag->get_expected_max() == 0) return;
    if (equals == std::string::npos) {
      waiting_ = flag;
    } else {
      remember(*flag, word.substr(equals + 1));
    }
  }

  void remember(const CLI::Option& flag, const std::string& value) {
    if (flag.get_lnames().empty()) return;
    const Setting* setting = find_setting(flag.get_lnames().front());
    if (setting != nullptr) settings_[std::string(setting->name)] = value;
  }

  void offer_flags(Completion& completion) const {
    for (const CLI::Option* flag : flags_of(*command_, true)) {
      completion.candidates.push_back({names_of(*flag).back(), flag->get_description()});
    }
  }

  void offer_words(Completion& completion) const {
    if (!only_arguments_ && arguments_.empty()) {
      for (const CLI::App* sub : subcommands_of(*command_)) {
        completion.candidates.push_back({sub->get_name(), sub->get_description()});
      }
    }
    const auto options = arguments_of(*command_);
    if (options.empty()) return;
    const std::size_t last = options.size() - 1;
    const bool repeats = options[last]->get_expected_max() > 1;
    if (arguments_.size() > last && !repeats) return;
    offer_values(*options[std::min(arguments_.size(), last)], completion);
  }

  void offer_values(const CLI::Option& option, Completion& completion) const {
    for (const std::string& choice : choices_of(option)) {
      completion.candidates.push_back({choice, ""});
    }
    if (!completion.candidates.empty()) return;
    const std::string type = option.get_type_name();
    const std::string noun =
        command_->get_parent() == nullptr ? "" : command_->get_parent()->get_name();
    const std::string name = option.get_name(true);
    if (type == "PATH") {
      completion.elsewhere = Elsewhere::files;
    } else if (type.starts_with("DB") ||
               (noun == "db" && name == "name" && command_->get_name() != "create")) {
      completion.elsewhere = Elsewhere::databases;
    } else if (noun == "op" && name == "id") {
      completion.elsewhere = Elsewhere::operations;
    } else if (noun == "key" && name == "id") {
      completion.elsewhere = Elsewhere::keys;
    } else if (noun == "config") {
      offer_setting(name, completion);
    } else if (command_->get_name() == "help") {
      offer_commands(completion);
    }
  }

  void offer_setting(const std::string& argument, Completion& completion) const {
    if (argument == "name") {
      for (const Setting& setting : all_settings()) {
        completion.candidates.push_back({std::string(setting.name), std::string(setting.doc)});
      }
      return;
    }
    const Setting* setting = arguments_.empty() ? nullptr : find_setting(arguments_.front());
    if (setting == nullptr) return;
    for (const std::string& choice : choices_of(*setting)) {
      completion.candidates.push_back({choice, ""});
    }
    if (setting->kind == SettingKind::path) completion.elsewhere = Elsewhere::files;
  }

  void offer_commands(Completion& completion) const {
    const CLI::App* place = command_->get_parent();
    for (const std::string& word : arguments_) {
      place = find_command(*place, word);
      if (place == nullptr) return;
    }
    for (const CLI::App* sub : subcommands_of(*place)) {
      completion.candidates.push_back({sub->get_name(), sub->get_description()});
    }
  }

  const CLI::App* command_;
  const CLI::Option* waiting_ = nullptr;  // a flag whose value comes next
  bool only_arguments_ = false;           // after "--"
  std::vector<std::string> arguments_;
  std::map<std::string, std::string> settings_;
};

// Each script asks the program itself: __complete -- WORDS... prints "value<tab>description" lines,
// ":files" where names of files fit.
constexpr const char* kBash =
    R"~(# bash completion of howdah. Load it with: source <(howdah completion bash)
_howdah() {
  local current=${COMP_WORDS[COMP_CWORD]} value description
  [[ $current == "=" ]] && current=
  COMPREPLY=()
  while IFS=$'\t' read -r value description; do
    if [[ $value == ":files" ]]; then
      compopt -o default 2>/dev/null
    elif [[ $value == "$current"* ]]; then
      COMPREPLY+=("$value")
    fi
  done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current" \
    2>/dev/null)
}
complete -F _howdah howdah
)~";

constexpr const char* kZsh = R"~(#compdef howdah
# zsh completion of howdah. Load it with: source <(howdah completion zsh)
_howdah() {
  local value description files=
  local -a candidates
  while IFS=$'\t' read -r value description; do
    if [[ $value == ':files' ]]; then
      files=1
    else
      candidates+=("${value//:/\\:}${description:+:$description}")
    fi
  done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT-1]}" "${words[CURRENT]}" 2>/dev/null)
  [[ -n $files ]] && _files
  (( ${#candidates} )) && _describe -V 'howdah' candidates
}
if [[ "${funcstack[1]}" == "_howdah" ]]; then
  _howdah "$@"
else
  compdef _howdah howdah
fi
)~";

constexpr const char* kFish =
    R"~(# fish completion of howdah. Load it with: howdah completion fish | source
function __howdah_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    for line in ($program __complete -- $words "$current" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c howdah -f -a '(__howdah_complete)'
)~";

}  // namespace

Completion complete(const CLI::App& app, const std::vector<std::string>& words) {
  Line line(app);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) line.take(words[i]);
  return line.at(words.empty() ? "" : words.back());
}

std::string completion_script(const std::string& shell) {
  return shell == "bash" ? kBash : shell == "zsh" ? kZsh : kFish;
}

}  // namespace howdah::cli
