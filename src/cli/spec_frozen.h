#pragma once

#include "cli/spec.h"

// The options and examples of `kiln template`, `kiln checkpoint` and `kiln pool`, for spec.cc alone.
namespace kiln::cli {

inline constexpr OptionSpec kTemplatePruneOptions[] = {
    {.names = "--all", .doc = "Remove every template"},
    {.names = "--max-size",
     .placeholder = "SIZE",
     .doc = "Remove the least recently used until the rest fits (500M, 2G)"},
    kJson,
};
inline constexpr Example kTemplateListExamples[] = {
    {"kiln template list", "each with its kernel, shape and size"}};
inline constexpr Example kTemplateShowExamples[] = {
    {"kiln template show 3f2a", "the beginning of a key is enough when it is the only one"},
};
inline constexpr Example kTemplatePruneExamples[] = {
    {"kiln template prune", "those that are damaged or whose kernel is gone"},
    {"kiln template prune --max-size 2G", "keep the ones used last"},
    {"kiln template prune --all", "the next run of each machine boots"},
};

inline constexpr Example kCheckpointListExamples[] = {
    {"kiln checkpoint list", "each with its kernel and command"}};
inline constexpr Example kCheckpointShowExamples[] = {
    {"kiln checkpoint show loaded", "how it was made, and of what"}};
inline constexpr Example kCheckpointRmExamples[] = {
    {"kiln checkpoint rm loaded", "give its disk space back"}};
inline constexpr OptionSpec kPoolStartOptions[] = {
    {.names = "--size",
     .placeholder = "N",
     .doc = "Keep so many clones waiting (default 2)",
     .group = "Pool"},
    {.names = "--foreground", .doc = "Stay here instead of going to the background", .group = "Pool"},
    {.names = "--json", .doc = "Print data instead of text (docs/json.md)", .group = "Pool"},
};
inline constexpr OptionSpec kPoolStopOptions[] = {
    {.names = "--now", .doc = "End the lent machines too; their runs end with infra"},
    kJson,
};
inline constexpr Example kPoolStartExamples[] = {
    {"kiln pool start", "the next runs take only their command's time"},
    {"kiln pool start --size 4 --kernel ~/src/linux --rw .", "of the machine that these options make"},
};
inline constexpr Example kPoolStatusExamples[] = {
    {"kiln pool status", "which machines wait, and what they hold"}};
inline constexpr Example kPoolStopExamples[] = {
    {"kiln pool stop", "machines that are lent end with their runs"}};

}  // namespace kiln::cli
