#include "policy/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "policy/spelling.h"
#include "policy/utf8.h"

namespace policy {

namespace {

// The text by lines: yaml-cpp counts bytes from 0, people count characters from 1.
class Source {
 public:
  explicit Source(std::string_view text) : text_(text) {
    for (size_t end = text.find('\n'); end != std::string_view::npos;
         end = text.find('\n', end + 1)) {
      lines_.push_back(end + 1);
    }
  }

  Position position(const YAML::Mark& mark) const {
    if (mark.is_null()) return {};
    Position at{mark.line + 1, 1};
    const size_t end = offset(mark);
    for (size_t i = line_start(mark); i < end; ++i) {
      if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) ++at.column;
    }
    return at;
  }

  // yaml-cpp takes the end of the file for the end of quotes. `mark` is where the value begins, or
  // its anchor.
  bool closes_quotes(const YAML::Mark& mark) const {
    size_t at = offset(mark);
    if (at < text_.size() && text_[at] == '&') {
      at = text_.find_first_not_of(" \r\n", text_.find_first_of(" \r\n", at));
    }
    if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\''))
      return true;  // | and > have none
    const char quote = text_[at];
    for (++at; at < text_.size(); ++at) {
      if (quote == '"' && text_[at] == '\\') {
        ++at;
      } else if (text_[at] == quote) {
        return true;  // that two of ' stand for one matters only inside
      }
    }
    return false;
  }

 private:
  size_t line_start(const YAML::Mark& mark) const {
    const auto line = static_cast<size_t>(mark.line);
    return line < lines_.size() ? lines_[line] : text_.size();
  }
  size_t offset(const YAML::Mark& mark) const {
    return std::min(line_start(mark) + static_cast<size_t>(mark.column), text_.size());
  }

  std::string_view text_;
  std::vector<size_t> lines_{0};
};

size_t values_in(const YamlValue& value) {
  size_t count = 1;
  for (const YamlValue& item : value.items) count += values_in(item);
  for (const YamlValue::Member& member : value.members) count += values_in(member.value);
  return count;
}

// Builds the tree from yaml-cpp's events rather than from its nodes: those hide positions of empty
// values, and unfold aliases without bound.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const YamlDocument& document, const Source& source)
      : document_(document), source_(source) {}

  YamlValue take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw document_.error_at(source_.position(mark), "a second document begins here",
                               "a policy is one document: take out the line '---'");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add({.kind = YamlValue::Kind::nothing, .position = source_.position(mark)}, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchored_.find(anchor);
    if (known == anchored_.end()) {
      throw document_.error_at(source_.position(mark), "this alias stands inside of what it names");
    }
    values_ += values_in(known->second);
    require_few(source_.position(mark));
    add(known->second, YAML::NullAnchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    require_no_tag(mark, tag);
    if (tag == "!" && !source_.closes_quotes(mark)) {
      throw document_.error_at(source_.position(mark), "these quotes are not closed");
    }
    add({.kind = YamlValue::Kind::scalar,
         .position = source_.position(mark),
         .text = text,
         .in_quotes = tag == "!"},
        anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlValue::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlValue::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlValue value;
    YAML::anchor_t anchor;
    bool awaits_value = false;  // of a map: its last member has its key only
  };

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlValue::Kind kind) {
    require_no_tag(mark, tag);
    if (open_.size() >= yaml_depth_max) {
      throw document_.error_at(source_.position(mark), "this is nested too deeply");
    }
    open_.push_back({{.kind = kind, .position = source_.position(mark)}, anchor});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.value), done.anchor);
  }

  void add(YamlValue value, YAML::anchor_t anchor) {
    ++values_;
    require_few(value.position);
    if (anchor != YAML::NullAnchor) anchored_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.kind == YamlValue::Kind::list) {
      parent.value.items.push_back(std::move(value));
    } else if (parent.awaits_value) {
      // Of a value that is not there the parser knows no place, only what comes after it.
      if (value.kind == YamlValue::Kind::nothing)
        value.position = parent.value.members.back().position;
      parent.value.members.back().value = std::move(value);
      parent.awaits_value = false;
    } else {
      if (value.kind != YamlValue::Kind::scalar) {
        throw document_.error_at(value.position,
                                 fmt::format("{} cannot be a key", describe_kind(value)),
                                 "a key is a word and a colon");
      }
      if (value.text == "<<") {
        throw document_.error_at(value.position, "merge keys are not read",
                                 "repeat the keys, or let the whole value be an alias");
      }
      parent.value.members.push_back({std::move(value.text), value.position, {}});
      parent.awaits_value = true;
    }
  }

  void require_few(Position position) const {
    if (values_ > yaml_values_max) {
      throw document_.error_at(
          position, fmt::format("more than {} values, with aliases unfolded", yaml_values_max));
    }
  }

  // yaml-cpp says "?" of plain values, "!" of quoted ones, and nothing of maps and lists in their
  // usual form.
  void require_no_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw document_.error_at(source_.position(mark),
                             fmt::format("the tag {} is not read", shown(tag)),
                             "take it out; quotes make a value text");
  }

  const YamlDocument& document_;
  const Source& source_;
  YamlValue root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlValue> anchored_;
  size_t values_ = 0;
  int documents_ = 0;
};

// What yaml-cpp would let pass, or explain badly.
void require_plain_text(const YamlDocument& document, std::string_view text) {
  if (text.size() > yaml_bytes_max) {
    throw document.error_at({}, fmt::format("the file is larger than {} bytes", yaml_bytes_max));
  }
  Position at;
  bool in_indentation = true;
  while (!text.empty()) {
    const char c = text.front();
    const unsigned char byte = static_cast<unsigned char>(c);
    const size_t length = utf8_character(text);
    if (length == 0) {
      throw document.error_at(at, fmt::format("the file is not UTF-8 (0x{:02x})", byte),
                              "save it as UTF-8");
    }
    if (c == '\t' && in_indentation) {
      throw document.error_at(at, "a tab stands at the start of this line",
                              "YAML is indented by spaces only");
    }
    if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f) {
      throw document.error_at(at,
                              fmt::format("the file holds a control character (0x{:02x})", byte),
                              "a policy is plain UTF-8 text");
    }
    in_indentation = c == '\n' || (in_indentation && c == ' ');
    at = c == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
    text.remove_prefix(length);
  }
}

}  // namespace

const YamlValue* YamlValue::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string_view describe_kind(const YamlValue& value) {
  switch (value.kind) {
    case YamlValue::Kind::nothing:
      return "nothing";
    case YamlValue::Kind::scalar:
      return "a text";
    case YamlValue::Kind::list:
      return "a list";
    case YamlValue::Kind::map:
      return "a map of keys";
  }
  return "nothing";
}

std::string YamlDocument::where(Position position) const {
  return fmt::format("{}:{}:{}", file_name_, position.line, position.column);
}

base::Error YamlDocument::error_at(Position position, std::string_view message,
                                   std::string_view hint) const {
  return base::Error(base::ErrorKind::invalid, fmt::format("{}: {}", where(position), message),
                     std::string(hint));
}

YamlDocument YamlDocument::parse(std::string_view text, std::string file_name) {
  YamlDocument document;
  document.file_name_ = std::move(file_name);
  require_plain_text(document, text);
  const Source source(text);
  TreeBuilder builder(document, source);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& failure) {
    throw document.error_at(source.position(failure.mark),
                            fmt::format("this is not YAML: {}", failure.msg),
                            "look at the line above, too: quotes, colons, indentation");
  }
  document.root_ = builder.take_root();
  return document;
}

}  // namespace policy
