#include "base/json.h"

namespace base {

Json parse_json(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& failure) {
    throw error(ErrorKind::corrupt, "{} is not JSON: {}", what, failure.what());
  }
}

}  // namespace base
