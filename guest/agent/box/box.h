#pragma once

/// The rescue commands, for an initramfs on a host without busybox.
namespace kiln::box {

/// Runs the command called `name` (the last part of argv[0]); by any other name argv[1] names it.
int Main(const char* name, int argc, char** argv);

}  // namespace kiln::box
