#pragma once

#include "os.h"
#include "text.h"

/// The rescue commands, for an initramfs on a host without busybox: each is a symlink to the agent.
namespace kiln::box {

using agent::Close;
using agent::Failure;
using agent::Line;
using agent::Text;
using agent::View;
using agent::WriteAll;

/// Runs the command called `name` (the last part of argv[0]); by any other name argv[1] names it.
int Main(const char* name, int argc, char** argv);

using Applet = int (*)(int argc, char** argv);
/// The command of that name, or nothing.
Applet Find(const char* name);

/// "name: what: why" on stderr; 1.
int Complain(const char* name, View what, int error);
inline void Print(const Line& line) { WriteAll(STDOUT_FILENO, line.c_str(), line.view().size); }

/// A small shell, for lines typed in need: words with quotes and $NAME, `;` `&&` `||` `|`, `<` `>` `>>` `2>`
/// `2>&1`, cd, exit, export. No keywords, globs, functions or jobs.
int Shell(int argc, char** argv);

}  // namespace kiln::box
