#pragma once

#include <string>

namespace kiln::config {

/// The file that `kiln init` writes: every setting, commented out, with its line of explanation and an
/// example.
std::string StarterFile();

/// docs/settings.md: every setting with its key, flag, variable, default and meaning.
std::string SettingsPage();

}  // namespace kiln::config
