#pragma once

#include "cli/spec.h"

// The options and examples of `kiln build` and `kiln container`, for spec.cc alone.
namespace kiln::cli {

inline constexpr OptionSpec kBuildOptions[] = {
    {.names = "--tree,-t",
     .placeholder = "DIR",
     .doc = "Source tree to build (default: the one at or above the current folder)",
     .group = "What",
     .takes_path = true},
    {.names = "--commit,-c",
     .placeholder = "REV",
     .doc = "Build this commit, in a worktree of its own; the checkout is not touched",
     .group = "What"},
    {.names = "--arch",
     .placeholder = "ARCH",
     .doc = "Architecture to build for",
     .group = "What",
     .choices = "x86_64|arm64|riscv"},
    {.names = "--profile,-p",
     .placeholder = "NAMES",
     .doc = "Profiles to stack: base, debug, kasan,kunit ... (default: base)",
     .group = "Configuration"},
    {.names = "--config,-C",
     .placeholder = "BASE",
     .doc = "Begin with this instead of the profiles' base: a make target (defconfig) or a .config",
     .group = "Configuration",
     .takes_path = true},
    {.names = "--fragment,-f",
     .placeholder = "FILE",
     .doc = "Config fragment to put on top of the profiles",
     .group = "Configuration",
     .takes_path = true},
    {.names = "--set,-s",
     .placeholder = "SYMBOL=VALUE",
     .doc = "One symbol on top of all: KASAN=y",
     .group = "Configuration"},
    {.names = "--llvm",
     .doc = "Build with clang and lld (LLVM=1); a version is named with LLVM=-19 after --",
     .group = "Toolchain"},
    {.names = "--cross-compile",
     .placeholder = "PREFIX",
     .doc = "Prefix of the cross compiler (CROSS_COMPILE)",
     .group = "Toolchain"},
    {.names = "--in",
     .placeholder = "IMAGE",
     .doc = "Build in a container: an image (podman) or a root folder (bubblewrap)",
     .group = "Toolchain",
     .takes_path = true},
    {.names = "--no-ccache", .doc = "Do not use ccache even if it is here", .group = "Toolchain"},
    {.names = "--output,-O",
     .placeholder = "DIR",
     .doc = "Build in this folder instead of one in the cache",
     .group = "How",
     .takes_path = true},
    {.names = "--jobs,-j",
     .placeholder = "N",
     .doc = "So many jobs at once (default: as many CPUs as may be used, or a make's jobserver)",
     .group = "How"},
    {.names = "--make",
     .placeholder = "ARG",
     .doc = "Argument for make, as after --; for use with --watch",
     .group = "How"},
    {.names = "--no-strip", .doc = "Keep the debug information of installed modules", .group = "How"},
    {.names = "--force", .doc = "Run make even when the cache has this build", .group = "How"},
    {.names = "--watch,-w",
     .doc = "Build again whenever a file is saved; what follows -- is a command to run after each build",
     .group = "How"},
    {.names = "--quiet,-q", .doc = "Show nothing but what fails", .group = "How"},
    {.names = "--json", .doc = "Print data instead of text (docs/json.md)", .group = "How"},
};
inline constexpr Example kBuildExamples[] = {
    {"kiln build", "the kernel tree here, small and quick to build; kiln run boots it"},
    {"kiln build -p kasan,kunit", "profiles, one on top of the other"},
    {"kiln build --commit v6.12", "a commit, without touching the checkout"},
    {"kiln build -C defconfig -s DEBUG_INFO_DWARF5=y", "a base of your own, and one symbol"},
    {"kiln build -- W=1 fs/ext4/", "arguments for make: one folder, more warnings"},
    {"kiln build --arch arm64 -- LLVM=-19", "another architecture, and this version of clang"},
    {"kiln build --watch -- kiln run -- ./test.sh", "build and test again at every save"},
};
inline constexpr Example kBuildListExamples[] = {
    {"kiln build list", "each with its profile, commit, size and tree"}};
inline constexpr OptionSpec kBuildShowOptions[] = {
    {.names = "--path", .doc = "Print the folder alone, for scripts"},
    kJson,
};
inline constexpr Example kBuildShowExamples[] = {
    {"kiln build show last", "the build that was used last"},
    {"make -C \"$(kiln build show --path last)\" M=$PWD", "a module for it"},
};
inline constexpr OptionSpec kBuildRmOptions[] = {
    {.names = "--all",
     .doc = "Remove every build, the folders in which make works, and the worktrees of commits"},
    kJson,
};
inline constexpr Example kBuildRmExamples[] = {
    {"kiln build rm 3f2a", "the beginning of a key is enough when it is the only one"},
    {"kiln build rm --all", "everything; the next build begins from nothing"},
};
inline constexpr OptionSpec kContainerTree{
    .names = "--tree,-t",
    .placeholder = "DIR",
    .doc = "Source tree (default: the one at or above the current folder)",
    .takes_path = true};
inline constexpr OptionSpec kContainerExecOptions[] = {kContainerTree};
inline constexpr OptionSpec kContainerOptions[] = {kContainerTree, kJson};
inline constexpr OptionSpec kContainerUpOptions[] = {
    {.names = "--in",
     .placeholder = "IMAGE",
     .doc = "Image or root folder with the toolchain",
     .takes_path = true},
    kContainerTree,
    kJson,
};
inline constexpr Example kContainerUpExamples[] = {
    {"kiln container up --in gcc:13", "keep a container with this tree running"}};
inline constexpr Example kContainerExecExamples[] = {
    {"kiln container exec -- gcc --version", "one command in it"},
    {"kiln container exec", "a shell in it"},
};
inline constexpr Example kContainerReloadExamples[] = {
    {"kiln container reload", "end it and start it from its image"}};
inline constexpr Example kContainerDownExamples[] = {{"kiln container down", "end it"}};

}  // namespace kiln::cli
