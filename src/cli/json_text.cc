#include "cli/json_text.h"

#include <nlohmann/json.hpp>

namespace kiln::cli {

std::string JsonText(const nlohmann::json& value) {
  return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace kiln::cli
