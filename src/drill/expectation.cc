#include "drill/expectation.h"

#include <charconv>

namespace drill {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<double> number(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failed != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

// "1.50" and "1.5" are one number.
bool same(std::string_view one, std::string_view other) {
  if (one == other) return true;
  const std::optional<double> left = number(one);
  const std::optional<double> right = number(other);
  return left && right && *left == *right;
}

}  // namespace

bool satisfies(const std::optional<std::string>& value, std::string_view expect) {
  if (!value) return false;
  expect = trimmed(expect);
  if (expect.starts_with("!=")) return !same(*value, trimmed(expect.substr(2)));
  if (!expect.starts_with('<') && !expect.starts_with('>')) return same(*value, expect);
  const bool or_equal = expect.substr(1).starts_with('=');
  const std::optional<double> bound = number(expect.substr(or_equal ? 2 : 1));
  const std::optional<double> got = number(*value);
  if (!bound) return same(*value, expect);  // no bound: text that begins so
  if (!got) return false;
  if (or_equal && *got == *bound) return true;
  return expect.front() == '<' ? *got < *bound : *got > *bound;
}

}  // namespace drill
