#include "cli/spec.h"

#include "base/strings.h"
#include "cli/spec_build.h"
#include "cli/spec_crash.h"
#include "cli/spec_frozen.h"
#include "cli/spec_kconfig.h"
#include "cli/spec_run.h"
#include "config/schema.h"

namespace kiln::cli {
namespace {

constexpr OptionSpec kHelp{.names = "--help,-h", .doc = "Show this help"};

constexpr OptionSpec kSettingsOptions[] = {
    {.names = "--profile",
     .placeholder = "NAME",
     .doc = "Profile of kiln.toml to use; several are stacked in order",
     .group = "Settings"},
    {.names = "--config",
     .placeholder = "FILE",
     .doc = "Settings file to read instead of looking for kiln.toml",
     .group = "Settings",
     .takes_path = true},
    {.names = "--no-config", .doc = "Read no settings files", .group = "Settings"},
};

constexpr OptionSpec kJsonOnly[] = {kJson};

constexpr Example kConfigExamples[] = {
    {"kiln config", "every setting, its value and where that came from"},
    {"kiln config memory", "one value, alone, for scripts"},
    {"kiln config --profile debug", "the same with a profile on top"},
};
constexpr Example kCheckExamples[] = {
    {"kiln config check", "every mistake with its line and column"},
    {"kiln config check --config ci.toml", "of one file"},
};
constexpr OptionSpec kInitOptions[] = {
    {.names = "--force", .doc = "Replace a kiln.toml that is there"},
    {.names = "--stdout", .doc = "Print the file instead of writing it"},
};
constexpr Example kInitExamples[] = {{"kiln init", "write a commented kiln.toml into the current folder"}};
constexpr Example kDoctorExamples[] = {
    {"kiln doctor", "what this host can do, and what would mend what it can't"},
    {"kiln doctor --json", "the same as data"},
};
constexpr Example kHelpExamples[] = {
    {"kiln help exit-codes", "what each exit code means"},
    {"kiln help run", "the same as kiln run --help"},
};
constexpr Example kCompletionExamples[] = {
    {"source <(kiln completion bash)", "in ~/.bashrc"},
    {"kiln completion zsh > ~/.zfunc/_kiln", "with fpath+=~/.zfunc before compinit"},
    {"kiln completion fish > ~/.config/fish/completions/kiln.fish", ""},
};

constexpr CommandSpec kCommands[] = {
    {.name = "run",
     .operands_text = "[--] [COMMAND [ARG...]]",
     .summary = "boot a kernel and run a command in it",
     .description = "Boots a kernel in a virtual machine that sees your files, runs the command in the "
                    "current folder and ends with "
                    "its exit code. What the guest changes stays in its memory, except below folders named "
                    "with --rw or --share. "
                    "Without a command it is a shell. Everything after -- belongs to the command; without "
                    "--, everything from the "
                    "first word that is not an option.",
     .operands = Operands::kCommand,
     .options = kRunOptions,
     .examples = kRunExamples,
     .settings = true},
    {.name = "rerun",
     .operands_text = "ID",
     .summary = "do an earlier run again",
     .description = "Takes kernel, machine, files and command from the record of the run.",
     .operands = Operands::kOne,
     .options = kRerunOptions,
     .examples = kRerunExamples},
    {.name = "runs",
     .operands_text = "",
     .summary = "list earlier runs and how they ended",
     .description =
         "The newest first. Each run has a folder with its console, output and record: kiln runs show ID.",
     .options = kRunsOptions,
     .examples = kRunsExamples},
    {.name = "runs show",
     .operands_text = "ID",
     .summary = "show one run: verdict, command, files",
     .description = "ID is the whole id, its beginning, its last four letters, or the word last.",
     .operands = Operands::kOne,
     .options = kJsonOnly,
     .examples = kShowExamples},
    {.name = "runs prune",
     .operands_text = "",
     .summary = "remove old runs",
     .description = "Rules add up: a run goes when any of them says so. One that still runs stays.",
     .options = kPruneOptions,
     .examples = kPruneExamples},
    {.name = "crash",
     .operands_text = "[FILE...|-]",
     .summary = "say what broke, from the log of any kernel",
     .description = "Reads logs as a console, dmesg, netconsole, the journal or pstore gives them, and "
                    "prints each crash "
                    "report in them: title, type, the function to blame, stacks. FILE may be packed with "
                    "gzip, xz, zstd, "
                    "bzip2, lz4 or lzop, or be UTF-16. Without FILE, or for -, it reads stdin. Ends with 0 "
                    "whether there "
                    "is a crash or not, with 1 when a log could not be read.",
     .operands = Operands::kFiles,
     .options = kCrashOptions,
     .examples = kCrashExamples},
    {.name = "crashes",
     .operands_text = "",
     .summary = "list the crashes of all runs, by title",
     .description =
         "How often each was seen, in how many runs, and in which first and last. The most frequent first.",
     .options = kJsonOnly,
     .examples = kCrashesExamples},
    {.name = "checkpoint list",
     .operands_text = "",
     .summary = "list checkpoints: name, kernel, size and the command that made them",
     .description = "Made by kiln run --checkpoint NAME -- COMMAND, used by kiln run --from NAME "
                    "(docs/checkpoints.md).",
     .options = kJsonOnly,
     .examples = kCheckpointListExamples},
    {.name = "checkpoint show",
     .operands_text = "NAME",
     .summary = "show one checkpoint",
     .description = "Its machine, its command, and whether it can still be used.",
     .operands = Operands::kOne,
     .options = kJsonOnly,
     .examples = kCheckpointShowExamples},
    {.name = "checkpoint rm",
     .operands_text = "NAME",
     .summary = "remove a checkpoint",
     .description = "One that a run uses stays.",
     .operands = Operands::kOne,
     .examples = kCheckpointRmExamples},
    {.name = "template list",
     .operands_text = "",
     .summary = "list the booted machines that runs are cloned from",
     .description = "The most recently used first. kiln makes and uses them by itself (docs/templates.md).",
     .options = kJsonOnly,
     .examples = kTemplateListExamples},
    {.name = "template show",
     .operands_text = "KEY",
     .summary = "show one template: kernel, shape, size, use",
     .description = "KEY is the whole key or its beginning.",
     .operands = Operands::kOne,
     .options = kJsonOnly,
     .examples = kTemplateShowExamples},
    {.name = "template prune",
     .operands_text = "",
     .summary = "remove templates",
     .description = "Without an option: those that can't be used any more. One in use stays.",
     .options = kTemplatePruneOptions,
     .examples = kTemplatePruneExamples},
    {.name = "build",
     .operands_text = "[--] [MAKE-ARG...]",
     .summary = "build a kernel from its source tree",
     .description =
         "Configures and builds out of tree, and keeps the result under what it was made of: the "
         "state of the tree, the configuration, the toolchain. What was built before, on any branch, is "
         "found at once. The source tree stays as it is. kiln run then boots the newest build of the "
         "tree.",
     .operands = Operands::kCommand,
     .options = kBuildOptions,
     .examples = kBuildExamples},
    {.name = "build list",
     .operands_text = "",
     .summary = "list the kernels that kiln has built and kept",
     .description = "The most recently used first. The oldest go when the cache is full (cache.limit).",
     .options = kJsonOnly,
     .examples = kBuildListExamples},
    {.name = "build show",
     .operands_text = "KEY",
     .summary = "show one build: kernel, profile, tree, files",
     .description = "KEY is the whole key, its beginning, or the word last.",
     .operands = Operands::kOne,
     .options = kBuildShowOptions,
     .examples = kBuildShowExamples},
    {.name = "build rm",
     .operands_text = "KEY...",
     .summary = "remove builds",
     .description = "One in use stays.",
     .operands = Operands::kFiles,
     .options = kBuildRmOptions,
     .examples = kBuildRmExamples},
    {.name = "container up",
     .operands_text = "",
     .summary = "keep a container with a toolchain running",
     .description =
         "For interactive work in a tree: the source is mounted read-only, its build folders and ccache "
         "can be written. kiln build --in IMAGE needs none of this.",
     .options = kContainerUpOptions,
     .examples = kContainerUpExamples},
    {.name = "container exec",
     .operands_text = "[--] [COMMAND [ARG...]]",
     .summary = "run a command in the container that is up",
     .description = "Without a command it is a shell.",
     .operands = Operands::kCommand,
     .options = kContainerExecOptions,
     .examples = kContainerExecExamples},
    {.name = "container reload",
     .operands_text = "",
     .summary = "start the container anew from its image",
     .description = "With the image and tree that it was brought up with.",
     .options = kContainerOptions,
     .examples = kContainerReloadExamples},
    {.name = "container down",
     .operands_text = "",
     .summary = "end the container",
     .description = "What was written below its mounts stays.",
     .options = kContainerOptions,
     .examples = kContainerDownExamples},
    {.name = "kconfig why",
     .operands_text = "SYMBOL[=VALUE]",
     .summary = "say why a configuration symbol is as it is",
     .description =
         "Reads the tree's Kconfig files: type, prompt, dependencies with their values, who selects it, "
         "and what to set so that it gets another value.",
     .operands = Operands::kOne,
     .options = spec_kconfig::kLook,
     .examples = spec_kconfig::kWhyExamples},
    {.name = "kconfig check",
     .operands_text = "FRAGMENT...",
     .summary = "say what of config fragments did not stick, and why",
     .description = "Ends with 1 when something of them is not in the configuration.",
     .operands = Operands::kFiles,
     .options = spec_kconfig::kLook,
     .examples = spec_kconfig::kCheckFragmentExamples},
    {.name = "kconfig set",
     .operands_text = "SYMBOL=VALUE...",
     .summary = "set symbols, and what they depend on",
     .description =
         "Finds the further assignments that are needed, proves them with the tree's own configurator "
         "and writes the configuration, or says why it can't be and writes nothing.",
     .operands = Operands::kWords,
     .options = spec_kconfig::kSet,
     .examples = spec_kconfig::kSetExamples},
    {.name = "kconfig min",
     .operands_text = "",
     .summary = "print the smallest fragment that gives this configuration",
     .description = "Proven by running the tree's own configurator. Ends with 1 when no fragment does.",
     .options = spec_kconfig::kMin,
     .examples = spec_kconfig::kMinExamples},
    {.name = "kconfig search",
     .operands_text = "WORD...",
     .summary = "find configuration symbols by name, prompt and help",
     .description = "With each one's value now and where it is defined.",
     .operands = Operands::kWords,
     .options = spec_kconfig::kSearch,
     .examples = spec_kconfig::kSearchExamples},
    {.name = "kconfig diff",
     .operands_text = "OLD NEW",
     .summary = "compare two configurations",
     .description = "Ends with 1 when they differ.",
     .operands = Operands::kFiles,
     .options = spec_kconfig::kDiff,
     .examples = spec_kconfig::kConfigDiffExamples},
    {.name = "profile list",
     .operands_text = "",
     .summary = "list the profiles that configure kernels",
     .description = "Those of kiln.toml ([build.profile.NAME]) and the built-in ones (docs/profiles.md).",
     .options = spec_kconfig::kProfileList,
     .examples = spec_kconfig::kProfileListExamples},
    {.name = "profile show",
     .operands_text = "NAME[,NAME...]",
     .summary = "show what a stack of profiles asks for",
     .description =
         "With --resolve the whole configuration that it gives for the tree here; what did not stick is "
         "explained on stderr.",
     .operands = Operands::kWords,
     .options = spec_kconfig::kProfile,
     .examples = spec_kconfig::kProfileShowExamples},
    {.name = "profile diff",
     .operands_text = "A B",
     .summary = "compare two stacks of profiles",
     .description =
         "What they ask for; with --tree or --resolve what comes of it. Ends with 1 when they differ.",
     .operands = Operands::kWords,
     .options = spec_kconfig::kProfile,
     .examples = spec_kconfig::kProfileDiffExamples},
    {.name = "pool start",
     .operands_text = "",
     .summary = "keep clones awake, so that a run takes only its command's time",
     .description =
         "Starts a service in the background, or tells the one that runs, to keep N clones waiting of "
         "the machine that kiln run would make with the same options. Once more with other options "
         "adds that machine; with the same it changes N. See docs/pool.md.",
     .options = kPoolStartOptions,
     .examples = kPoolStartExamples,
     .settings = true},
    {.name = "pool serve",
     .operands_text = "",
     .summary = "be the service of kiln pool start",
     .description = "It ends by itself when it has no machine to keep.",
     .hidden = true},
    {.name = "pool status",
     .operands_text = "",
     .summary = "show the machines that wait in the pool",
     .description = "Memory is what a clone's process holds, shared pages by their share (PSS).",
     .options = kJsonOnly,
     .examples = kPoolStatusExamples},
    {.name = "pool stop",
     .operands_text = "",
     .summary = "end the pool's service",
     .description = "Clones that wait end at once, those that are lent with their runs.",
     .options = kPoolStopOptions,
     .examples = kPoolStopExamples},
    {.name = "doctor",
     .operands_text = "",
     .summary = "find out what this host can do",
     .description = "Measures the accelerator, asks QEMU what it supports, looks for kernels and tools, and "
                    "says for each "
                    "lack how to mend it.",
     .options = kJsonOnly,
     .examples = kDoctorExamples},
    {.name = "doctor rust",
     .operands_text = "",
     .summary = "find out whether this tree can be built with Rust",
     .description =
         "What its rustavailable target wants of rustc, bindgen, libclang and the sources of core, what "
         "is there, and how to get the rest.",
     .options = spec_kconfig::kRust,
     .examples = spec_kconfig::kRustExamples},
    {.name = "config",
     .operands_text = "[KEY]",
     .summary = "show every setting and where its value came from",
     .description = "Takes the flags of kiln run too, and shows what they would give.",
     .operands = Operands::kOptional,
     .options = kJsonOnly,
     .examples = kConfigExamples,
     .settings = true},
    {.name = "config check",
     .operands_text = "",
     .summary = "find mistakes in kiln.toml and KILN_ variables",
     .description = "Ends with 2 when there is a mistake.",
     .options = kJsonOnly,
     .examples = kCheckExamples,
     .settings = true},
    {.name = "init",
     .operands_text = "",
     .summary = "write a commented kiln.toml here",
     .description = "Every setting with its explanation, all commented out.",
     .options = kInitOptions,
     .examples = kInitExamples},
    {.name = "help",
     .operands_text = "[COMMAND|TOPIC]",
     .summary = "explain a command or a topic",
     .description = "Without a word it lists both.",
     .operands = Operands::kOptional,
     .examples = kHelpExamples},
    {.name = "completion",
     .operands_text = "bash|zsh|fish",
     .summary = "print a completion script for your shell",
     .description = "Completes commands, options, their values, and ids of runs.",
     .operands = Operands::kOne,
     .examples = kCompletionExamples},
    {.name = "version",
     .operands_text = "",
     .summary = "print kiln's version",
     .description = "",
     .options = kJsonOnly},
    {.name = "man",
     .operands_text = "",
     .summary = "print the manual page",
     .description = "",
     .hidden = true},
    {.name = "internal-decode",
     .operands_text = "index|units FILE [OFFSET...]",
     .summary = "read symbols out of a file, for kiln itself",
     .description = "",
     .operands = Operands::kFiles,
     .hidden = true},
    {.name = "internal-unpack",
     .operands_text = "BZIMAGE VMLINUX",
     .summary = "unpack a kernel image, for kiln itself",
     .description = "",
     .operands = Operands::kFiles,
     .hidden = true},
    {.name = "complete",
     .operands_text = "WHAT",
     .summary = "print words for completion: runs, profiles, templates",
     .description = "",
     .operands = Operands::kOne,
     .hidden = true},
};

}  // namespace

std::span<const CommandSpec> Commands() { return kCommands; }

const CommandSpec* FindCommand(std::string_view name) {
  for (const CommandSpec& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::vector<const CommandSpec*> CommandsBelow(std::string_view first) {
  std::vector<const CommandSpec*> below;
  for (const CommandSpec& command : kCommands) {
    if (!command.hidden && command.name.starts_with(std::string(first) + " ")) below.push_back(&command);
  }
  return below;
}

std::vector<std::string> SecondWords(std::string_view first) {
  std::vector<std::string> words;
  for (const CommandSpec* command : CommandsBelow(first))
    words.emplace_back(command->name.substr(first.size() + 1));
  return words;
}

std::vector<OptionSpec> OptionsOf(const CommandSpec& command) {
  std::vector<OptionSpec> options;
  if (command.settings) {
    for (const config::Setting& setting : config::Schema()) {
      if (setting.flag.empty()) continue;
      using config::Type;
      options.push_back({.names = setting.flag,
                         .placeholder = setting.placeholder,
                         .doc = setting.doc,
                         .group = config::Title(setting.group),
                         .choices = setting.choices,
                         .takes_path = setting.type == Type::kPath || setting.type == Type::kPathOrWord ||
                                       setting.type == Type::kPathList || setting.type == Type::kShareList ||
                                       setting.type == Type::kDiskList});
    }
    options.insert(options.end(), std::begin(kSettingsOptions), std::end(kSettingsOptions));
  }
  options.insert(options.end(), command.options.begin(), command.options.end());
  options.push_back(kHelp);
  return options;
}

std::string_view LongName(const OptionSpec& option) { return option.names.substr(0, option.names.find(',')); }

std::string Signature(const OptionSpec& option) {
  std::string shorts;
  std::string longs;
  for (const auto name : Split(option.names, ',')) {
    std::string& into = name.starts_with("--") ? longs : shorts;
    into += (into.empty() ? "" : ", ") + std::string(name);
  }
  std::string text = shorts.empty() ? "    " + longs : shorts + ", " + longs;
  if (!option.placeholder.empty()) text += " " + std::string(option.placeholder);
  return text;
}

}  // namespace kiln::cli
