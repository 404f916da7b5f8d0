#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "sys/files.h"

namespace kiln::testing_support {

/// Holds `actual` against tests/golden/<name>; with KILN_UPDATE_GOLDEN=1 writes it there instead.
inline void ExpectGolden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(KILN_SOURCE_DIR) + "/tests/golden/" + name;
  if (const char* update = std::getenv("KILN_UPDATE_GOLDEN"); update != nullptr && *update != '\0') {
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))).has_value());
    ASSERT_TRUE(sys::WriteFileAtomic(path, actual).has_value());
    return;
  }
  const auto expected = sys::ReadFile(path);
  ASSERT_TRUE(expected.has_value()) << expected.error().Text() << " (KILN_UPDATE_GOLDEN=1 writes it)";
  EXPECT_EQ(actual, *expected) << "differs from " << path << " (KILN_UPDATE_GOLDEN=1 rewrites it)";
}

}  // namespace kiln::testing_support
