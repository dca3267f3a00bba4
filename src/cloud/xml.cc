#include "cloud/xml.h"

#include "base/error.h"

namespace cloud {

using base::ErrorKind;

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':' || static_cast<unsigned char>(c) >= 128;
}

void append_utf8(std::string& text, uint32_t code) {
  const auto add = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  XmlElement document() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    skip_between();
    XmlElement root = element(1);
    skip_between();
    if (at_ != text_.size()) fail("there is something behind its end");
    return root;
  }

 private:
  [[noreturn]] void fail(const char* why) const {
    throw base::error(ErrorKind::corrupt, "this is not the XML of an answer: {} (byte {})", why,
                      at_);
  }
  bool ahead(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool take(std::string_view what) {
    if (!ahead(what)) return false;
    at_ += what.size();
    return true;
  }
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  void skip_past(std::string_view end) {
    const size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) fail("it ends too early");
    at_ = found + end.size();
  }
  // What may stand before and behind the root.
  void skip_between() {
    for (;;) {
      skip_spaces();
      if (take("<?")) {
        skip_past("?>");
      } else if (take("<!--")) {
        skip_past("-->");
      } else {
        return;
      }
    }
  }

  std::string_view qualified_name() {
    const size_t start = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    if (at_ == start) fail("a name is missing");
    return text_.substr(start, at_ - start);
  }

  static std::string_view local(std::string_view name) {
    return name.substr(name.rfind(':') + 1);  // npos + 1 is 0
  }

  void skip_attributes() {
    for (;;) {
      skip_spaces();
      if (ahead(">") || ahead("/>")) return;
      qualified_name();
      skip_spaces();
      if (!take("=")) fail("an attribute has no value");
      skip_spaces();
      if (take("\"")) {
        skip_past("\"");
      } else if (take("'")) {
        skip_past("'");
      } else {
        fail("an attribute's value has no quotes");
      }
    }
  }

  void reference(std::string& text) {
    static constexpr std::pair<std::string_view, char> named[] = {
        {"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};
    for (const auto& [name, c] : named) {
      if (take(name)) {
        text += c;
        return;
      }
    }
    if (!take("#")) fail("an entity is not known");
    const uint32_t radix = take("x") ? 16 : 10;
    uint32_t code = 0;
    size_t digits = 0;
    for (; at_ < text_.size() && text_[at_] != ';'; ++at_, ++digits) {
      const char c = text_[at_];
      const uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                             : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                                    : 99;
      if (digit >= radix || digits >= 8) fail("a character's number is malformed");
      code = code * radix + digit;
    }
    if (digits == 0 || !take(";")) fail("a character's number is malformed");
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      fail("a number stands for no character");
    append_utf8(text, code);
  }

  XmlElement element(size_t depth) {
    if (depth > xml_depth_max) fail("its elements are nested too deeply");
    if (!take("<")) fail("an element is missing");
    const std::string_view opened = qualified_name();
    XmlElement element{std::string(local(opened)), {}, {}};
    skip_attributes();
    if (take("/>")) return element;
    if (!take(">")) fail("a tag does not end");
    for (;;) {
      if (at_ >= text_.size()) fail("it ends too early");
      if (take("</")) {
        if (qualified_name() != opened) fail("an element is closed by another's name");
        skip_spaces();
        if (!take(">")) fail("a tag does not end");
        return element;
      }
      if (take("<!--")) {
        skip_past("-->");
      } else if (take("<![CDATA[")) {
        const size_t start = at_;
        skip_past("]]>");
        element.text += text_.substr(start, at_ - 3 - start);
      } else if (ahead("<")) {
        element.children.push_back(this->element(depth + 1));
      } else if (take("&")) {
        reference(element.text);
      } else {
        element.text += text_[at_++];
      }
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const {
  for (const XmlElement& element : children) {
    if (element.name == child) return &element;
  }
  return nullptr;
}

std::optional<std::string> XmlElement::value(std::string_view child) const {
  const XmlElement* const found = find(child);
  return found == nullptr ? std::nullopt : std::optional(found->text);
}

const std::string& XmlElement::require(std::string_view child) const {
  const XmlElement* const found = find(child);
  if (found == nullptr)
    throw base::error(ErrorKind::corrupt, "element {} has no {} in it", name, child);
  return found->text;
}

XmlElement parse_xml(std::string_view text) { return Reader(text).document(); }

std::string xml_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      default:
        if (static_cast<unsigned char>(c) < ' ' && !is_space(c)) {
          escaped += "\xEF\xBF\xBD";  // U+FFFD
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

}  // namespace cloud
