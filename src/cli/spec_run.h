#pragma once

#include "cli/spec.h"

// The options and examples of `kiln run`, `kiln rerun` and `kiln runs`, for spec.cc alone.
namespace kiln::cli {

inline constexpr OptionSpec kRunOptions[] = {
    {.names = "--exec,-e",
     .placeholder = "TEXT",
     .doc = "Run this text in a shell (sh -c) as the command",
     .group = "Command"},
    {.names = "--build",
     .doc = "Build the kernel tree here first (kiln build), and run that",
     .group = "Command"},
    {.names = "--build-profile",
     .placeholder = "NAMES",
     .doc = "The same, with these profiles: kasan,kunit",
     .group = "Command"},
    {.names = "--checkpoint",
     .placeholder = "NAME",
     .doc = "Freeze the machine when the command has ended well, to start from it with --from",
     .group = "Command"},
    {.names = "--from",
     .placeholder = "NAME",
     .doc = "Start from a checkpoint: the machine is as its command left it",
     .group = "Command"},
    {.names = "--cold", .doc = "Boot; neither use nor make a template of this machine", .group = "Command"},
    {.names = "--no-pool",
     .doc = "Take no clone that waits in the warm pool (kiln pool)",
     .group = "Command"},
    {.names = "--repeat",
     .placeholder = "N",
     .doc = "Run the command N times, each in a machine of its own, and count how the runs end",
     .group = "Command"},
    {.names = "--jobs",
     .placeholder = "J",
     .doc = "With --repeat: so many at once (default: as CPUs and memory allow)",
     .group = "Command"},
    {.names = "--until-fail", .doc = "With --repeat: stop at the first failure", .group = "Command"},
    {.names = "--dry-run",
     .doc = "Print the plan and a QEMU command line that can be pasted; start nothing",
     .group = "Output"},
    {.names = "--verbose,-v", .doc = "Show every line of the kernel's console", .group = "Output"},
    {.names = "--quiet,-q", .doc = "Show no progress line and no notes", .group = "Output"},
    {.names = "--timing", .doc = "Show where the time went", .group = "Output"},
    {.names = "--json",
     .doc = "Print the result as one line of JSON, the last line on stderr",
     .group = "Output"},
    {.names = "--result",
     .placeholder = "FILE",
     .doc = "Write that JSON to a file",
     .group = "Output",
     .takes_path = true},
    {.names = "--no-keep", .doc = "Leave nothing behind: no folder under `kiln runs`", .group = "Output"},
    // virtme-ng's names.
    {.names = "--run,-r",
     .placeholder = "KERNEL",
     .doc = "The same as --kernel",
     .hidden = true,
     .takes_path = true},
    {.names = "--rodir",
     .placeholder = "PATH",
     .doc = "The same as --share PATH",
     .hidden = true,
     .takes_path = true},
    {.names = "--qemu-opts,-o",
     .placeholder = "TEXT",
     .doc = "Arguments for QEMU, separated by blanks",
     .hidden = true},
    {.names = "--disable-kvm", .doc = "The same as --accel tcg", .hidden = true},
    {.names = "--force-9p", .doc = "Nothing to do: shares are 9p", .hidden = true},
    {.names = "--pwd", .doc = "Nothing to do: the command starts in the current folder", .hidden = true},
};
inline constexpr Example kRunExamples[] = {
    {"kiln run -- uname -a", "boot the nearest kernel and run one command in it"},
    {"kiln run", "a shell in a fresh machine; leave with exit"},
    {"kiln run --kernel ~/src/linux --rw . -- make -j4 check",
     "test a tree's kernel; this folder is written for real"},
    {"kiln run --append 'slub_debug=P' --timeout 5m -- ./stress",
     "more words for the kernel, and a time limit"},
    {"cat big.img | kiln run -- sha256sum", "pipes work as they do here"},
    {"kiln run --repeat 200 --until-fail -- ./flaky", "the same in fresh machines until it fails"},
    {"kiln run --build -- ./test.sh", "build the tree here first"},
    {"kiln run --dry-run", "see the plan and QEMU's command line, start nothing"},
};

inline constexpr OptionSpec kRerunOptions[] = {
    {.names = "--dry-run", .doc = "Print the plan; start nothing"},
    {.names = "--verbose,-v", .doc = "Show every line of the kernel's console"},
    {.names = "--quiet,-q", .doc = "Show no progress line and no notes"},
    {.names = "--timing", .doc = "Show where the time went"},
    {.names = "--json", .doc = "Print the result as one line of JSON, the last line on stderr"},
};
inline constexpr Example kRerunExamples[] = {
    {"kiln rerun last", "the newest run again, with the same kernel, machine and command"},
    {"kiln rerun 20260301", "the run whose id begins so"},
};

inline constexpr OptionSpec kRunsOptions[] = {
    {.names = "--verdict",
     .placeholder = "VERDICT",
     .doc = "Only runs that ended so",
     .choices = "pass|fail|crash|hang|timeout|no-boot|infra|interrupted"},
    {.names = "--since", .placeholder = "TIME", .doc = "Only runs younger than this (30m, 12h, 7d)"},
    {.names = "--grep",
     .placeholder = "TEXT",
     .doc = "Only runs with this text in command, kernel, cause or title"},
    {.names = "--limit,-n",
     .placeholder = "N",
     .doc = "At most so many, the newest (default 20; 0 shows all)"},
    kJson,
};
inline constexpr Example kRunsExamples[] = {
    {"kiln runs", "the latest runs and how they ended"},
    {"kiln runs --verdict crash --since 7d", "the crashes of the last week"},
    {"kiln runs --json -n 1", "the newest as data"},
};
inline constexpr Example kShowExamples[] = {
    {"kiln runs show last", "the newest run"},
    {"kiln runs show 20260301-1234", "the beginning of an id is enough when it is the only one"},
    {"kiln runs show k3vx", "and so are its last four letters"},
};
inline constexpr OptionSpec kPruneOptions[] = {
    {.names = "--keep",
     .placeholder = "N",
     .doc = "Remove all but so many of the newest (default: runs.keep)"},
    {.names = "--older-than", .placeholder = "TIME", .doc = "Remove runs older than this (12h, 30d)"},
    {.names = "--max-size", .placeholder = "SIZE", .doc = "Remove the oldest until the rest fits (500M, 2G)"},
    {.names = "--dry-run", .doc = "Say what would be removed; remove nothing"},
    kJson,
};
inline constexpr Example kPruneExamples[] = {
    {"kiln runs prune", "keep as many as the setting runs.keep says"},
    {"kiln runs prune --older-than 30d --max-size 2G", "both rules; a run that still runs is never removed"},
};

}  // namespace kiln::cli
