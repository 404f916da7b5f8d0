#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/cache.h"
#include "sys/process.h"

namespace kiln::build {

/// What kiln knows of an architecture that it builds.
struct Arch {
  std::string_view name;          ///< As --arch and make's ARCH have it.
  std::string_view source;        ///< The folder below arch/ (SRCARCH).
  std::string_view image_target;  ///< "bzImage".
  std::string_view image;         ///< Below the build folder: "arch/x86/boot/bzImage".
  std::string_view machine;       ///< uname -m of a host of its own.
  std::string_view prefix;        ///< Of the usual cross compiler: "aarch64-linux-gnu-".
};
/// Nothing when kiln does not build it.
const Arch* FindArch(std::string_view name);
std::vector<std::string> ArchNames();
/// uname -m of this host.
std::string HostMachine();
/// uname -r of this host.
std::string RunningRelease();

/// Which compiler is wanted.
struct ToolchainRequest {
  std::string llvm;           ///< "1", "-19", a path prefix with "/" at its end; empty: GNU tools.
  std::string cross_compile;  ///< CROSS_COMPILE; empty: the arch's own where the host is another.
  /// make variables that were given: "CC=gcc-11" counts, and "LLVM=-19" and "CROSS_COMPILE=…" more than the
  /// above.
  std::vector<std::string> variables{};
};

/// The compiler and its tools, identified.
struct Toolchain {
  std::string cc;                        ///< As make gets it: "gcc", "aarch64-linux-gnu-gcc", "clang-19".
  std::string description;               ///< "gcc (Debian 12.2.0-14) 12.2.0": the first line of --version.
  std::string identity;                  ///< A hash of the versions and the programs' files.
  std::vector<std::string> variables{};  ///< For make: "LLVM=1", "CROSS_COMPILE=aarch64-linux-gnu-".
};

/// Pure. Names the programs: make variables, the compiler and what goes with it.
struct ToolNames {
  std::string cc;
  std::string linker;
  std::string assembler;
  std::vector<std::string> variables{};
};
ToolNames NameTools(const Arch& arch, const ToolchainRequest& request, std::string_view host_machine);

/// Pure. The program that make takes for this value of LLVM: "ld.lld-19", "/opt/llvm/bin/ld.lld".
std::string LlvmTool(std::string_view name, std::string_view llvm);

/// Pure. Whether NameTools() turns this make variable into those of the toolchain: LLVM, CROSS_COMPILE.
bool NamesToolchain(std::string_view variable);

/// Pure. gcc's own call of nm ("gcc-11" → "gcc-nm-11", "/x/arm-gcc" → "/x/arm-gcc-nm"), which loads no linker
/// plugin but gcc's. Plain nm loads all that are installed, LLVM's too, and Kbuild of 5.19 to 6.4 calls nm
/// for every object. Empty when the compiler is not called so.
std::string NmOf(std::string_view cc);

/// Puts a command where the toolchain is: as it is, or into a container.
using Wrap = std::function<sys::Command(const sys::Command&)>;

/// Pure. What a variable like CC has run: "gcc" of "ccache gcc -m32".
std::string ProgramOf(std::string_view words);

/// Asks the compiler, linker and assembler who they are, and reads their programs: the same toolchain is the
/// same wherever it stands. `image` is the container in which `wrap` asks; empty: this host. What this host's
/// programs came to is remembered in `cache` (kind "toolchain"), when there is one. A compiler that is not
/// there is kNotFound; a container that does not start is kUnavailable.
Result<Toolchain> IdentifyToolchain(const ToolNames& names, sys::Spawner& spawner, const Wrap& wrap,
                                    const std::vector<std::string>& environment, std::string_view image,
                                    store::Cache* cache = nullptr);

}  // namespace kiln::build
