// Documents as files: Markdown (GitHub's), or HTML that needs nothing beside itself and prints
// well. Pure functions.
#pragma once

#include "documents/text.h"

namespace documents {

enum class Format { markdown, html };
// ".md", ".html"
std::string_view extension(Format format);

// Links to other documents are relative to where this one is, so that a folder of them can be
// moved.
std::string print(const Document& document, Format format);

// What a file that we wrote begins with: others are not written over.
std::string_view mark(Format format);

// The path from the document `from` to `target` ("runbooks/incident#clock"), with the extension.
std::string relative_link(std::string_view from, std::string_view target, Format format);

}  // namespace documents
