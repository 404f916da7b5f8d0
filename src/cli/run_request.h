#pragma once

#include <string>

#include "base/result.h"
#include "cli/parser.h"
#include "config/settings.h"
#include "run/request.h"

namespace kiln::cli {

/// What `kiln run` was asked, from its command line and the settings (which hold its flags). Pure.
Result<run::Request> MakeRequest(const config::Settings& settings, const Parsed& parsed,
                                 const std::string& current);

/// The part of it that is the machine, and not the command or how it is shown.
Result<run::Request> MachineRequest(const config::Settings& settings, const std::string& current);

/// Turns other tools' flags into settings: --rodir, --run, --qemu-opts, --disable-kvm.
void AddAliases(config::LoadRequest& request, const Parsed& parsed);

}  // namespace kiln::cli
