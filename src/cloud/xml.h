// XML as services answer with it: elements and text, read strictly and within bounds. Attributes
// are passed over, namespaces are part of nothing, document types are refused (and with them
// entities of one's own). Values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cloud {

struct XmlElement {
  std::string name;  // without its prefix
  std::string text;  // of this element itself, entities resolved, white space kept
  std::vector<XmlElement> children;

  // The first child of this name.
  const XmlElement* find(std::string_view child) const;
  // The text of that child; nothing where there is none.
  std::optional<std::string> value(std::string_view child) const;
  // The same; throws corrupt where there is none.
  const std::string& require(std::string_view child) const;
};

inline constexpr size_t xml_depth_max = 32;

// The root of a whole document. Throws corrupt.
XmlElement parse_xml(std::string_view text);

// `text` with & < > " ' and what XML 1.0 cannot hold replaced, for an element's text.
std::string xml_escape(std::string_view text);

}  // namespace cloud
