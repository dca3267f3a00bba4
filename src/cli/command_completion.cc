#include <set>

#include "cli/command.h"

namespace cli {

namespace {

// "restore dump": the words that lead to a command, and what may follow them.
void collect(const CLI::App& app, const std::string& words,
             std::vector<std::pair<std::string, std::string>>& lines) {
  std::set<std::string> next;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_name().empty()) next.insert(sub->get_name());
    // Options of a group stand in an App without a name.
    for (const CLI::Option* option :
         sub->get_name().empty() ? sub->get_options() : std::vector<const CLI::Option*>{})
      for (const std::string& name : option->get_lnames()) next.insert("--" + name);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) next.insert("--" + name);
  }
  lines.emplace_back(words, fmt::format("{}", fmt::join(next, " ")));
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_name().empty()) continue;
    collect(*sub, words.empty() ? sub->get_name() : words + " " + sub->get_name(), lines);
  }
}

void print_bash(const CLI::App& program) {
  std::vector<std::pair<std::string, std::string>> lines;
  collect(program, "", lines);
  fmt::print(
      "# bash completion of seawall {}; zsh takes it after 'autoload bashcompinit; bashcompinit'\n"
      "_seawall() {{\n"
      "  local words='' word next\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case \"$words $word\" in\n",
      program.version());
  for (const auto& [words, next] : lines) {
    if (!words.empty())
      fmt::print("      '{}{}') words='{}' ;;\n", words.find(' ') == std::string::npos ? " " : "",
                 words, words);
  }
  fmt::print("    esac\n  done\n  case \"$words\" in\n");
  for (const auto& [words, next] : lines) fmt::print("    '{}') next='{}' ;;\n", words, next);
  fmt::print(
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$next\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
      "  [ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- "
      "\"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
      "}}\n"
      "complete -F _seawall seawall\n");
}

}  // namespace

void add_completion(CLI::App& program, Globals&) {
  CLI::App* command =
      program.add_subcommand("completion", "print what lets a shell complete seawall");
  command->add_option("shell", "bash (zsh reads it too)")->check(CLI::IsMember({"bash", "zsh"}));
  command->footer(
      "Example:\n  seawall completion bash | sudo tee "
      "/usr/share/bash-completion/completions/seawall");
  command->callback([&program] { print_bash(program); });
}

}  // namespace cli
