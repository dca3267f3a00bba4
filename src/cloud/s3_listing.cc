#include "cloud/s3_listing.h"

#include <algorithm>

#include "base/error.h"
#include "cloud/xml.h"
#include "net/url.h"

namespace cloud {

using base::ErrorKind;

namespace {

// Some servers write a space as '+' (a real plus is %2B), some as %20.
std::string decoded(const XmlElement& root, std::string text) {
  if (root.value("EncodingType") != "url") return text;  // asked for, and not done
  std::ranges::replace(text, '+', ' ');
  return base::corrupt_if_invalid([&] { return net::percent_decode(text); });
}

uint64_t number(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 18 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) throw base::Error(ErrorKind::corrupt, "a size is not a number");
  return std::stoull(text);
}

base::Instant time_in(const std::string& text) {
  return base::corrupt_if_invalid([&] { return base::from_rfc3339(text); });
}

XmlElement document(std::string_view xml, std::string_view name) {
  XmlElement root = parse_xml(xml);
  if (root.name != name)
    throw base::error(ErrorKind::corrupt, "the answer is a {}, not a {}", root.name.substr(0, 80),
                      name);
  return root;
}

bool is_last(const XmlElement& root) { return root.value("IsTruncated").value_or("") != "true"; }

S3Entry entry_of(const XmlElement& root, const XmlElement& element) {
  S3Entry entry;
  entry.key = decoded(root, element.require("Key"));
  entry.version_id = element.value("VersionId").value_or("");
  entry.is_delete_marker = element.name == "DeleteMarker";
  if (!entry.is_delete_marker) entry.size = number(element.require("Size"));
  entry.etag = without_quotes(element.value("ETag").value_or(""));
  entry.modified = time_in(element.require("LastModified"));
  return entry;
}

}  // namespace

std::string without_quotes(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

S3Page parse_object_list(std::string_view xml) {
  const XmlElement root = document(xml, "ListBucketResult");
  S3Page page;
  for (const XmlElement& element : root.children) {
    if (element.name == "Contents") page.entries.push_back(entry_of(root, element));
  }
  page.is_last = is_last(root);
  if (!page.is_last) page.next = root.require("NextContinuationToken");
  return page;
}

S3Page parse_version_list(std::string_view xml) {
  const XmlElement root = document(xml, "ListVersionsResult");
  S3Page page;
  for (const XmlElement& element : root.children) {
    if (element.name == "Version" || element.name == "DeleteMarker")
      page.entries.push_back(entry_of(root, element));
  }
  page.is_last = is_last(root);
  if (!page.is_last) {
    page.next = decoded(root, root.require("NextKeyMarker"));
    page.next_version_id = root.value("NextVersionIdMarker").value_or("");
  }
  return page;
}

S3UploadPage parse_upload_list(std::string_view xml) {
  const XmlElement root = document(xml, "ListMultipartUploadsResult");
  S3UploadPage page;
  for (const XmlElement& element : root.children) {
    if (element.name == "Upload") {
      page.uploads.push_back({decoded(root, element.require("Key")), element.require("UploadId"),
                              time_in(element.require("Initiated"))});
    }
  }
  page.is_last = is_last(root);
  if (!page.is_last) {
    page.next_key = decoded(root, root.require("NextKeyMarker"));
    page.next_upload_id = root.value("NextUploadIdMarker").value_or("");
  }
  return page;
}

std::string parse_upload_id(std::string_view xml) {
  return document(xml, "InitiateMultipartUploadResult").require("UploadId");
}

}  // namespace cloud
