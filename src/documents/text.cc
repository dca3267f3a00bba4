#include "documents/text.h"

#include <algorithm>

namespace documents {

Text::Text(std::string plain) {
  if (!plain.empty())
    pieces_.push_back({.kind = Piece::Kind::plain, .text = std::move(plain), .target = {}});
}

Text& Text::operator+=(const Text& more) {
  pieces_.insert(pieces_.end(), more.pieces_.begin(), more.pieces_.end());
  return *this;
}

Text operator+(Text left, const Text& right) {
  left += right;
  return left;
}

std::string Text::plain() const {
  std::string text;
  for (const Piece& piece : pieces_)
    text += piece.kind == Piece::Kind::line_break ? "; " : piece.text;
  return text;
}

Text code(std::string text) {
  return Text(Piece{.kind = Piece::Kind::code, .text = std::move(text), .target = {}});
}
Text strong(std::string text) {
  return Text(Piece{.kind = Piece::Kind::strong, .text = std::move(text), .target = {}});
}
Text link(std::string text, std::string target) {
  return Text(
      Piece{.kind = Piece::Kind::link, .text = std::move(text), .target = std::move(target)});
}
Text line_break() { return Text(Piece{.kind = Piece::Kind::line_break, .text = {}, .target = {}}); }

Document& Document::heading(Text text, std::string anchor, int level) {
  blocks_.emplace_back(Heading{level, std::move(text), std::move(anchor)});
  return *this;
}
Document& Document::anchor(std::string name) {
  blocks_.emplace_back(Anchor{std::move(name)});
  return *this;
}
Document& Document::paragraph(Text text) {
  blocks_.emplace_back(Paragraph{std::move(text)});
  return *this;
}
Document& Document::bullets(std::vector<Text> items) {
  blocks_.emplace_back(List{List::Kind::bullets, std::move(items)});
  return *this;
}
Document& Document::steps(std::vector<Text> items) {
  blocks_.emplace_back(List{List::Kind::steps, std::move(items)});
  return *this;
}
Document& Document::boxes(std::vector<Text> items) {
  blocks_.emplace_back(List{List::Kind::boxes, std::move(items)});
  return *this;
}
Document& Document::table(std::vector<Text> head, std::vector<std::vector<Text>> rows) {
  blocks_.emplace_back(Table{std::move(head), std::move(rows)});
  return *this;
}
Document& Document::commands(std::vector<std::string> lines) {
  blocks_.emplace_back(Commands{std::move(lines)});
  return *this;
}

std::string shell_word(std::string_view text) {
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=@,+").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, safe)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace documents
