#include "policy/commented.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "policy/utf8.h"

namespace policy {

namespace {

constexpr size_t line_width = 100;

class Renderer {
 public:
  std::string take() { return std::move(out_); }

  void comment(std::string_view text, int depth) {
    const std::string margin = std::string(static_cast<size_t>(depth) * 2, ' ') + "#";
    std::string line = margin;
    while (!text.empty()) {
      const size_t space = text.find(' ');
      const std::string_view word = text.substr(0, space);
      text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
      if (line.size() + 1 + word.size() > line_width && line != margin) {
        out_ += line + "\n";
        line = margin;
      }
      line += fmt::format(" {}", word);
    }
    out_ += line + "\n";
  }

  // The keys of a section: those of `drafts` as they are, the other keys of the schema commented
  // out.
  void section(const std::vector<Draft>& drafts, const std::vector<Field>& fields, int depth) {
    for (const Draft& draft : drafts) {
      const auto known = std::ranges::find(fields, draft.key, &Field::name);
      CHECK(known != fields.end());
      if (depth == 0) out_ += "\n";
      member(draft, *known, depth);
    }
    for (const Field& field : fields) {
      const bool given = std::ranges::find(drafts, field.name, &Draft::key) != drafts.end();
      if (given || !field.carried || told_.contains(field.doc)) continue;
      if (depth == 0) out_ += "\n";
      not_given(field, depth);
    }
  }

 private:
  void member(const Draft& draft, const Field& field, int depth) {
    for (const std::string& why : draft.why) comment(why, depth);
    tell(field, depth);
    if (draft.proposed) return comment(fmt::format("{}: {}", draft.key, draft.value), depth);
    const std::string margin(static_cast<size_t>(depth) * 2, ' ');
    out_ +=
        fmt::format("{}{}:{}{}\n", margin, draft.key, draft.value.empty() ? "" : " ", draft.value);
    switch (field.type) {
      case FieldType::section:
        section(draft.children, field.fields, depth + 1);
        break;
      case FieldType::tiers:
        for (const Draft& tier : draft.children) {
          for (const std::string& why : tier.why) comment(why, depth + 1);
          out_ += fmt::format("{}  {}:\n", margin, tier.key);
          section(tier.children, field.fields, depth + 2);
        }
        break;
      case FieldType::sections:
        for (const Draft& note : draft.children) {
          std::string lead = "- ";
          for (const Draft& part : note.children) {
            out_ += fmt::format("{}  {}{}: {}\n", margin, lead, part.key, part.value);
            lead = "  ";
          }
        }
        break;
      default:
        break;
    }
  }

  // What a field means, told where it first appears: the second tier need not repeat it.
  void tell(const Field& field, int depth) {
    if (told_.insert(field.doc).second) comment(field.doc, depth);
  }

  void not_given(const Field& field, int depth) {
    tell(field, depth);
    if (field.type == FieldType::section) {
      out_ +=
          fmt::format("{}# {}:\n", std::string(static_cast<size_t>(depth) * 2, ' '), field.name);
      for (const Field& inner : field.fields) {
        if (inner.carried && !inner.example.empty())
          comment(fmt::format("  {}: {}", inner.name, inner.example), depth);
      }
      return;
    }
    if (!field.example.empty()) comment(fmt::format("{}: {}", field.name, field.example), depth);
  }

  std::string out_;
  std::set<std::string> told_;
};

}  // namespace

std::string render_commented(const std::vector<Draft>& drafts,
                             const std::vector<std::string>& title) {
  Renderer renderer;
  for (const std::string& line : title) renderer.comment(line, 0);
  renderer.section(drafts, schema().fields, 0);
  return renderer.take();
}

std::string yaml_text(std::string_view text) {
  static const std::set<std::string, std::less<>> words{"true", "false", "null", "yes", "no",
                                                        "on",   "off",   "y",    "n"};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_plain = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view(" _.()/=-").find(c) != std::string_view::npos;
  };
  bool plain =
      !text.empty() && (is_letter(text.front()) || text.front() == '/') && text.back() != ' ';
  for (size_t i = 0; plain && i < text.size(); ++i) {
    const bool inner_colon =
        text[i] == ':' && i + 1 < text.size() && text[i + 1] != ' ' && is_plain(text[i + 1]);
    plain = is_plain(text[i]) || inner_colon;
  }
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (plain && !words.contains(lower)) return std::string(text);
  std::string out = "\"";
  for (size_t i = 0, length = 0; i < text.size(); i += length) {
    const std::string_view rest = text.substr(i);
    length = std::max<size_t>(utf8_character(rest), 1);
    const unsigned char byte = static_cast<unsigned char>(rest.front());
    if (byte < 0x20 || byte == 0x7f || utf8_character(rest) == 0) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      if (byte == '"' || byte == '\\') out += '\\';
      out += rest.substr(0, length);
    }
  }
  return out + "\"";
}

}  // namespace policy
