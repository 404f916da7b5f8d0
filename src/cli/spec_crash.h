#pragma once

#include "cli/spec.h"

// The options and examples of `kiln crash` and `kiln crashes`, for spec.cc alone.
namespace kiln::cli {

inline constexpr OptionSpec kCrashOptions[] = {
    {.names = "--json", .doc = "Print data, the same as --format json (docs/json.md)"},
    {.names = "--format,-f",
     .placeholder = "FORMAT",
     .doc = "How to print reports: text, json, markdown, email or html",
     .choices = "text|json|markdown|email|html"},
    {.names = "--titles", .doc = "Print the title of each report, one a line, and nothing else"},
    {.names = "--full", .doc = "Show every frame of every stack, and the registers, as text"},
    {.names = "--group",
     .placeholder = "DIR",
     .doc = "Read every log below DIR and list the bugs in them, the same bug once",
     .takes_path = true},
    {.names = "--vmlinux",
     .placeholder = "FILE",
     .doc = "Take names and lines from this vmlinux instead of looking for one",
     .group = "Symbols",
     .takes_path = true},
    {.names = "--modules",
     .placeholder = "DIR",
     .doc = "Where the kernel's modules are: lib/modules/RELEASE, a tree, or a .ko file; may be repeated",
     .group = "Symbols",
     .takes_path = true},
    {.names = "--debug-dir",
     .placeholder = "DIR",
     .doc = "A folder laid out like /usr/lib/debug; may be repeated",
     .group = "Symbols",
     .takes_path = true},
    {.names = "--any-kernel",
     .doc = "Use a vmlinux that is not the log's kernel all the same",
     .group = "Symbols"},
    {.names = "--tree",
     .placeholder = "DIR",
     .doc = "Ask this kernel tree for maintainers, the last change of the guilty line, and fixes",
     .group = "Blame",
     .takes_path = true},
    {.names = "--since",
     .placeholder = "REV",
     .doc = "With --tree: list commits since this good version that may be the culprit",
     .group = "Blame"},
    {.names = "--no-symbols", .doc = "Show what the log says and look for nothing", .group = "Symbols"},
};
inline constexpr Example kCrashExamples[] = {
    {"kiln crash console.log", "what happened, where, and who is to blame"},
    {"dmesg | kiln crash", "of the kernel that runs here"},
    {"kiln crash --titles *.log.gz", "only the titles; packed logs are opened"},
    {"kiln crash --format email console.log", "a report to send to a kernel list"},
    {"kiln crash --vmlinux ./vmlinux --modules . console.log", "with file and line of every frame"},
    {"kiln crash --tree ~/src/linux --since v6.1 console.log", "who to ask, and which commits to look at"},
    {"kiln crash --group logs/", "which bugs a folder of logs shows, and how often"},
    {"kiln crash --json console.log | jq -r '.reports[].fingerprint'", "as data"},
};
inline constexpr Example kCrashesExamples[] = {
    {"kiln crashes", "every crash that the kept runs have seen, by title"},
    {"kiln crashes --json", "the same as data"},
};

}  // namespace kiln::cli
