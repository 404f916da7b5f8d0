#pragma once

#include "cli/spec.h"

// What `kiln kconfig` and `kiln profile` take; a part of spec.cc's table.
namespace kiln::cli::spec_kconfig {

inline constexpr OptionSpec kTree{.names = "--tree,-t",
                                  .placeholder = "DIR",
                                  .doc = "Kernel tree (default: the one at or above the current folder)",
                                  .takes_path = true};
inline constexpr OptionSpec kArch{.names = "--arch",
                                  .placeholder = "ARCH",
                                  .doc = "Architecture (default: this machine's)",
                                  .choices = "x86_64|arm64|riscv"};
inline constexpr OptionSpec kConfig{
    .names = "--config,-C",
    .placeholder = "FILE",
    .doc =
        "Configuration to look at (default: the .config here, else that of the "
        "newest kiln build of the tree)",
    .takes_path = true};

inline constexpr OptionSpec kLook[] = {kTree, kConfig, kArch, kJson};
inline constexpr OptionSpec kSet[] = {
    kTree, kConfig, kArch, {.names = "--dry-run", .doc = "Say what would change; write nothing"}, kJson};
inline constexpr OptionSpec kMin[] = {
    kTree,
    kConfig,
    kArch,
    {.names = "--base",
     .placeholder = "BASE",
     .doc = "What the fragment is put on: a make target or a .config (default: defconfig)",
     .takes_path = true},
    {.names = "--profile,-p", .placeholder = "NAMES", .doc = "Profiles that the fragment is put on, instead"},
    {.names = "--quiet,-q", .doc = "No notes"},
    kJson};
inline constexpr OptionSpec kSearch[] = {
    kTree,
    kConfig,
    kArch,
    {.names = "--limit,-n", .placeholder = "N", .doc = "At most so many (default 30; 0 shows all)"},
    kJson};
inline constexpr OptionSpec kDiff[] = {kJson};
inline constexpr OptionSpec kProfile[] = {
    kTree,
    kArch,
    {.names = "--resolve", .doc = "Ask the tree's own configurator, and work with the whole configurations"},
    kJson};
inline constexpr OptionSpec kProfileList[] = {kJson};
inline constexpr OptionSpec kRust[] = {kTree, kArch, kJson};

inline constexpr Example kWhyExamples[] = {
    {"kiln kconfig why KASAN_VMALLOC", "what it is now, and what would turn it on (or off)"},
    {"kiln kconfig why USB=m --config /boot/config-6.1.0", "why this value and no other"},
};
inline constexpr Example kCheckFragmentExamples[] = {
    {"kiln kconfig check my.config", "what of a fragment the configuration does not hold, and why"},
};
inline constexpr Example kSetExamples[] = {
    {"kiln kconfig set KCSAN=y", "and whatever it depends on"},
    {"kiln kconfig set LOCALVERSION=-test NR_CPUS=4 --dry-run", "several; only look"},
};
inline constexpr Example kMinExamples[] = {
    {"kiln kconfig min", "the smallest fragment that makes this configuration from defconfig"},
    {"kiln kconfig min -p base > mine.config", "from a profile"},
};
inline constexpr Example kSearchExamples[] = {
    {"kiln kconfig search virtio console", "names, prompts and help texts with both words"},
};
inline constexpr Example kConfigDiffExamples[] = {
    {"kiln kconfig diff .config.old .config", "what changed; folders stand for the .config in them"},
};
inline constexpr Example kProfileListExamples[] = {{"kiln profile list", "built in and from kiln.toml"}};
inline constexpr Example kProfileShowExamples[] = {
    {"kiln profile show kasan,kunit", "what the stack asks for, and which profile asks"},
    {"kiln profile show base --resolve > .config", "the whole configuration for the tree here"},
};
inline constexpr Example kProfileDiffExamples[] = {
    {"kiln profile diff base base,debug", "what one stack asks for that the other does not"},
    {"kiln profile diff base debug --tree ~/linux", "how the resulting configurations differ"},
};
inline constexpr Example kRustExamples[] = {
    {"kiln doctor rust", "what the tree here wants, and what is there"}};

}  // namespace kiln::cli::spec_kconfig
