#include "documents/print.h"

#include <fmt/format.h>

#include <algorithm>

namespace documents {

namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;  // clang 14 wants it said

// Control characters of a value would end a line, a cell, a code span.
std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return out;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

size_t longest_run(std::string_view text, char of) {
  size_t longest = 0;
  size_t run = 0;
  for (const char c : text) {
    run = c == of ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

// ---- Markdown

class Markdown {
 public:
  explicit Markdown(const Document& document) : document_(document) {}

  std::string print() const {
    std::string out =
        fmt::format("{}\n\n# {}\n", mark(Format::markdown), escaped(document_.title()));
    for (const Block& block : document_.blocks()) {
      out += '\n';
      out += std::visit(Overloaded{[&](const Heading& heading) { return print(heading); },
                                   [](const Anchor& anchor) {
                                     return fmt::format("<a id=\"{}\"></a>\n", anchor.name);
                                   },
                                   [&](const Paragraph& paragraph) {
                                     return at_line_start(print(paragraph.text, false)) + "\n";
                                   },
                                   [&](const List& list) { return print(list); },
                                   [&](const Table& table) { return print(table); },
                                   [&](const Commands& commands) { return print(commands); }},
                        block);
    }
    return out;
  }

 private:
  static std::string escaped(std::string_view value) {
    const std::string text = one_line(value);
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool inside =
          i > 0 && i + 1 < text.size() && is_word(text[i - 1]) && is_word(text[i + 1]);
      const bool special = std::string_view("\\`*[]<>|~&$").find(c) != std::string_view::npos;
      if (special || (c == '_' && !inside)) out += '\\';
      out += c;
    }
    return out;
  }

  // What would be a heading or a list where it begins a line.
  static std::string at_line_start(std::string text) {
    const size_t digits = text.find_first_not_of("0123456789");
    const bool numbered =
        digits != 0 && digits != std::string::npos && (text[digits] == '.' || text[digits] == ')');
    if (numbered) return text.insert(digits, "\\");
    if (!text.empty() && std::string_view("#-+=").find(text[0]) != std::string_view::npos)
      text.insert(0, "\\");
    return text;
  }

  // Backticks enough that none of its own ends it. In a cell, a bar has to be escaped even here.
  static std::string code_span(std::string_view value, bool in_cell) {
    std::string text = one_line(value);
    if (in_cell) {
      for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
        text.insert(at, "\\");
    }
    const std::string fence(longest_run(text, '`') + 1, '`');
    const bool pad = text.starts_with('`') || text.ends_with('`') || text.empty();
    return fmt::format("{0}{1}{2}{1}{0}", fence, pad ? " " : "", text);
  }

  std::string print(const Text& text, bool in_cell) const {
    std::string out;
    for (const Piece& piece : text.pieces()) {
      switch (piece.kind) {
        case Piece::Kind::plain:
          out += escaped(piece.text);
          break;
        case Piece::Kind::code:
          out += code_span(piece.text, in_cell);
          break;
        case Piece::Kind::strong:
          out += fmt::format("**{}**", escaped(piece.text));
          break;
        case Piece::Kind::link:
          out += fmt::format("[{}]({})", escaped(piece.text),
                             relative_link(document_.name(), piece.target, Format::markdown));
          break;
        case Piece::Kind::line_break:
          out += "<br>";
          break;
      }
    }
    return out;
  }

  std::string print(const Heading& heading) const {
    std::string out;
    if (!heading.anchor.empty()) out += fmt::format("<a id=\"{}\"></a>\n\n", heading.anchor);
    return out + fmt::format("{} {}\n", std::string(static_cast<size_t>(heading.level), '#'),
                             print(heading.text, false));
  }

  std::string print(const List& list) const {
    std::string out;
    int number = 0;
    for (const Text& item : list.items) {
      std::string mark = "- ";
      if (list.kind == List::Kind::boxes) mark = "- [ ] ";
      if (list.kind == List::Kind::steps) mark = fmt::format("{}. ", ++number);
      out += mark + at_line_start(print(item, false)) + "\n";
    }
    return out;
  }

  std::string row(const std::vector<Text>& cells) const {
    std::string out = "|";
    for (const Text& cell : cells) out += fmt::format(" {} |", print(cell, true));
    return out + "\n";
  }

  std::string print(const Table& table) const {
    std::string out = row(table.head) + "|";
    for (size_t i = 0; i < table.head.size(); ++i) out += "---|";
    out += "\n";
    for (const std::vector<Text>& cells : table.rows) out += row(cells);
    return out;
  }

  static std::string print(const Commands& commands) {
    std::string body;
    size_t ticks = 0;
    for (const std::string& line : commands.lines) {
      body += one_line(line) + "\n";
      ticks = std::max(ticks, longest_run(line, '`'));
    }
    const std::string fence(std::max<size_t>(3, ticks + 1), '`');
    return fmt::format("{0}sh\n{1}{0}\n", fence, body);
  }

  const Document& document_;
};

// ---- HTML

constexpr std::string_view style = R"(
body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; color: #1b1f24; background: #fff; max-width: 68rem;
  margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.9rem; margin: 0 0 1rem; } h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #d5dae0; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1rem; font-size: .93em; }
th, td { border: 1px solid #d5dae0; padding: .35rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #f2f4f7; overflow-wrap: normal; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .9em; }
code { background: #f2f4f7; padding: .1em .3em; border-radius: 3px; }
pre { background: #f2f4f7; padding: .7rem .9rem; border-radius: 5px; white-space: pre-wrap; overflow-wrap: anywhere; }
pre code { padding: 0; background: none; }
ul.boxes { list-style: none; padding-left: .3rem; } ul.boxes input { margin-right: .6rem; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } h2 { break-after: avoid; } tr, pre, li { break-inside: avoid; }
  a { color: inherit; text-decoration: none; } @page { margin: 15mm; } }
)";

class Html {
 public:
  explicit Html(const Document& document) : document_(document) {}

  std::string print() const {
    std::string body;
    for (const Block& block : document_.blocks()) {
      body +=
          std::visit(Overloaded{[&](const Heading& heading) { return print(heading); },
                                [](const Anchor& anchor) {
                                  return fmt::format("<a id=\"{}\"></a>\n", escaped(anchor.name));
                                },
                                [&](const Paragraph& paragraph) {
                                  return fmt::format("<p>{}</p>\n", print(paragraph.text));
                                },
                                [&](const List& list) { return print(list); },
                                [&](const Table& table) { return print(table); },
                                [&](const Commands& commands) { return print(commands); }},
                     block);
    }
    return fmt::format(
        "<!DOCTYPE html>\n{}\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n{}</body>\n</html>\n",
        mark(Format::html), escaped(document_.title()), style, escaped(document_.title()), body);
  }

 private:
  static std::string escaped(std::string_view value) {
    std::string out;
    for (const char c : one_line(value)) {
      switch (c) {
        case '&':
          out += "&amp;";
          break;
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '"':
          out += "&quot;";
          break;
        case '\'':
          out += "&#39;";
          break;
        default:
          out += c;
      }
    }
    return out;
  }

  std::string print(const Text& text) const {
    std::string out;
    for (const Piece& piece : text.pieces()) {
      switch (piece.kind) {
        case Piece::Kind::plain:
          out += escaped(piece.text);
          break;
        case Piece::Kind::code:
          out += fmt::format("<code>{}</code>", escaped(piece.text));
          break;
        case Piece::Kind::strong:
          out += fmt::format("<strong>{}</strong>", escaped(piece.text));
          break;
        case Piece::Kind::link:
          out += fmt::format("<a href=\"{}\">{}</a>",
                             escaped(relative_link(document_.name(), piece.target, Format::html)),
                             escaped(piece.text));
          break;
        case Piece::Kind::line_break:
          out += "<br>";
          break;
      }
    }
    return out;
  }

  std::string print(const Heading& heading) const {
    const std::string id =
        heading.anchor.empty() ? "" : fmt::format(" id=\"{}\"", escaped(heading.anchor));
    return fmt::format("<h{0}{1}>{2}</h{0}>\n", heading.level, id, print(heading.text));
  }

  std::string print(const List& list) const {
    const bool steps = list.kind == List::Kind::steps;
    const bool boxes = list.kind == List::Kind::boxes;
    std::string out = steps ? "<ol>\n" : boxes ? "<ul class=\"boxes\">\n" : "<ul>\n";
    for (const Text& item : list.items) {
      out += boxes
                 ? fmt::format("<li><label><input type=\"checkbox\">{}</label></li>\n", print(item))
                 : fmt::format("<li>{}</li>\n", print(item));
    }
    return out + (steps ? "</ol>\n" : "</ul>\n");
  }

  std::string row(const std::vector<Text>& cells, std::string_view tag) const {
    std::string out = "<tr>";
    for (const Text& cell : cells) out += fmt::format("<{0}>{1}</{0}>", tag, print(cell));
    return out + "</tr>\n";
  }

  std::string print(const Table& table) const {
    std::string out = "<table>\n<thead>" + row(table.head, "th") + "</thead>\n<tbody>\n";
    for (const std::vector<Text>& cells : table.rows) out += row(cells, "td");
    return out + "</tbody>\n</table>\n";
  }

  static std::string print(const Commands& commands) {
    std::string body;
    for (const std::string& line : commands.lines) body += escaped(line) + "\n";
    return fmt::format("<pre class=\"sh\"><code>{}</code></pre>\n", body);
  }

  const Document& document_;
};

}  // namespace

std::string_view extension(Format format) { return format == Format::html ? ".html" : ".md"; }

std::string_view mark(Format format) {
  static_cast<void>(format);  // a comment in both
  return "<!-- Written by seawall. What is changed here by hand is lost the next time. -->";
}

std::string relative_link(std::string_view from, std::string_view target, Format format) {
  const size_t hash = std::min(target.find('#'), target.size());
  const std::string_view anchor = target.substr(hash);
  const std::string_view name = target.substr(0, hash);
  if (name.empty() || target.find("://") != std::string_view::npos) return std::string(target);
  std::string path;
  const size_t slash = from.find('/');  // documents lie at most one folder deep
  const std::string_view folder = slash == std::string_view::npos ? "" : from.substr(0, slash + 1);
  if (!folder.empty() && name.starts_with(folder)) {
    path = name.substr(folder.size());
  } else {
    if (!folder.empty()) path = "../";
    path += name;
  }
  return fmt::format("{}{}{}", path, extension(format), anchor);
}

std::string print(const Document& document, Format format) {
  return format == Format::html ? Html(document).print() : Markdown(document).print();
}

}  // namespace documents
