#include "policy/place.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "policy/spelling.h"

namespace policy {

namespace {

using base::ErrorKind;

constexpr std::string_view file_scheme = "file://";
constexpr std::string_view s3_scheme = "s3://";
constexpr size_t url_bytes_max = 2000;

base::Error misfit(std::string_view url, std::string_view what, std::string_view hint) {
  return base::Error(ErrorKind::invalid, fmt::format("{} {}", shown(url), what), std::string(hint));
}

// "/a/b" from "/a//./b/".
std::string normalised(std::string_view url, std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") throw misfit(url, "holds '..'", "write the path as it is, without '..'");
    out += '/';
    out += part;
  }
  return out.empty() ? "/" : out;
}

bool is_bucket_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
}

// "ap-southeast-1": an area, perhaps "gov" or "iso", a direction, a number.
bool is_region(std::string_view text) {
  static constexpr std::array<std::string_view, 13> areas{
      "us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "cn", "us-gov", "us-iso", "us-isob"};
  static constexpr std::array<std::string_view, 9> directions{
      "north",     "south",     "east",      "west",     "central",
      "northeast", "northwest", "southeast", "southwest"};
  const size_t last = text.rfind('-');
  if (last == std::string_view::npos || last + 2 != text.size() || text[last + 1] < '1' ||
      text[last + 1] > '9') {
    return false;
  }
  const size_t before = text.rfind('-', last - 1);
  if (last == 0 || before == std::string_view::npos) return false;
  return std::ranges::find(areas, text.substr(0, before)) != areas.end() &&
         std::ranges::find(directions, text.substr(before + 1, last - before - 1)) !=
             directions.end();
}

}  // namespace

std::string Place::url() const {
  if (kind == Kind::file) return fmt::format("{}{}", file_scheme, path);
  return fmt::format("{}{}{}", s3_scheme, root, path == "/" ? "" : path);
}

Place parse_place(std::string_view url) {
  if (url.size() > url_bytes_max || std::ranges::any_of(url, is_control)) {
    throw misfit(url, "is not a place", "write file:///absolute/path or s3://bucket/prefix");
  }
  if (url.starts_with(file_scheme)) {
    const std::string_view path = url.substr(file_scheme.size());
    if (!path.starts_with('/')) {
      throw misfit(url, "is not an absolute path",
                   fmt::format("write three slashes: file:///{}", path));
    }
    return {.kind = Place::Kind::file, .path = normalised(url, path)};
  }
  if (url.starts_with(s3_scheme)) {
    const std::string_view rest = url.substr(s3_scheme.size());
    const std::string_view bucket = rest.substr(0, rest.find('/'));
    if (bucket.size() < 3 || bucket.size() > 63 || !std::ranges::all_of(bucket, is_bucket_letter)) {
      throw misfit(url, "names no bucket", "write s3://bucket or s3://bucket/prefix");
    }
    return {.kind = Place::Kind::s3,
            .root = std::string(bucket),
            .path = normalised(url, rest.substr(bucket.size()))};
  }
  if (url.starts_with('/')) {
    throw misfit(url, "is a path, not a URL", fmt::format("did you mean 'file://{}'?", url));
  }
  throw misfit(url, "is not a place", "write file:///absolute/path or s3://bucket/prefix");
}

Place parse_store(std::string_view url) {
  Place place = parse_place(url);
  if (place.kind == Place::Kind::file && place.path == "/")
    throw misfit(url, "is the root of the file system", "name a folder in it");
  return place;
}

bool overlap(const Place& one, const Place& other) {
  if (one.kind != other.kind || one.root != other.root) return false;
  const auto inside = [](const std::string& inner, const std::string& outer) {
    return outer == "/" || inner == outer || inner.starts_with(outer + "/");
  };
  return inside(one.path, other.path) || inside(other.path, one.path);
}

std::optional<std::string> region_in_name(const Place& place) {
  if (place.kind != Place::Kind::s3) return std::nullopt;
  // The longest ending that is a region, so that us-gov-west-1 is not taken for another.
  for (size_t at = 0; at < place.root.size(); ++at) {
    if (at > 0 && place.root[at - 1] != '-') continue;
    const std::string_view ending = std::string_view(place.root).substr(at);
    if (is_region(ending)) return std::string(ending);
  }
  return std::nullopt;
}

void require_apart(const Place& source, const Place& replica) {
  if (overlap(source, replica)) {
    throw misfit(replica.url(), fmt::format("is where its source is, {}", source.url()),
                 "a replica must survive the loss of its source: give it a place of its own");
  }
  const auto region = region_in_name(source);
  if (region && region == region_in_name(replica)) {
    throw misfit(replica.url(), fmt::format("is in the region of its source, {}", *region),
                 "a replica must survive the loss of a region: put it into another one");
  }
}

}  // namespace policy
