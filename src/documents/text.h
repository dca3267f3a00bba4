// What a document is made of: text with code, emphasis and links in it, and blocks of that. It is
// the same for Markdown and HTML, and knows nothing of either's special characters: what is put in
// is shown as it is. Values.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace documents {

struct Piece {
  enum class Kind { plain, code, strong, link, line_break };
  Kind kind = Kind::plain;
  std::string text;
  std::string target;  // of a link: another document's name, "runbooks/incident#clock", or "#here"
};

class Text {
 public:
  Text() = default;
  Text(const char* plain) : Text(std::string(plain)) {}  // NOLINT(google-explicit-constructor)
  Text(std::string plain);                               // NOLINT(google-explicit-constructor)
  explicit Text(Piece piece) { pieces_.push_back(std::move(piece)); }
  Text& operator+=(const Text& more);
  const std::vector<Piece>& pieces() const { return pieces_; }
  bool empty() const { return pieces_.empty(); }
  std::string plain() const;  // without its markup

 private:
  std::vector<Piece> pieces_;
};
Text operator+(Text left, const Text& right);

Text code(std::string text);
Text strong(std::string text);
Text link(std::string text, std::string target);
Text line_break();  // within a cell

struct Heading {
  int level = 2;
  Text text;
  std::string anchor;  // stable; empty: none
};
// A place to link to without words of its own; stable, too.
struct Anchor {
  std::string name;
};
struct Paragraph {
  Text text;
};
struct List {
  enum class Kind { bullets, steps, boxes };
  Kind kind = Kind::bullets;
  std::vector<Text> items;
};
struct Table {
  std::vector<Text> head;
  std::vector<std::vector<Text>> rows;
};
// Lines for a shell, each of them to be run as it stands. A line NAME=value sets what whoever runs
// them has to choose; the value is an example.
struct Commands {
  std::vector<std::string> lines;
};
using Block = std::variant<Heading, Anchor, Paragraph, List, Table, Commands>;

class Document {
 public:
  // `name` is its path without an extension: "runbooks/restore-drill".
  Document(std::string name, std::string title)
      : name_(std::move(name)), title_(std::move(title)) {}

  Document& heading(Text text, std::string anchor = {}, int level = 2);
  Document& anchor(std::string name);
  Document& paragraph(Text text);
  Document& bullets(std::vector<Text> items);
  Document& steps(std::vector<Text> items);
  Document& boxes(std::vector<Text> items);
  Document& table(std::vector<Text> head, std::vector<std::vector<Text>> rows);
  Document& commands(std::vector<std::string> lines);

  const std::string& name() const { return name_; }
  const std::string& title() const { return title_; }
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::string name_;
  std::string title_;
  std::vector<Block> blocks_;
};

// A word of a shell's command line: quoted where it has to be.
std::string shell_word(std::string_view text);

}  // namespace documents
