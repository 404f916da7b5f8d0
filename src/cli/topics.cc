#include "cli/help.h"

namespace kiln::cli {
namespace {

constexpr Topic kTopics[] = {
    {.name = "exit-codes",
     .summary = "what each exit code means",
     .text =
         "The guest's command passes its own code through. kiln's own codes:\n"
         "\n"
         "    0     the command ended with 0\n"
         "    2     the command line or an input is wrong; nothing was started\n"
         "    124   the command took longer than --timeout\n"
         "    130   you interrupted it\n"
         "    251   the kernel crashed\n"
         "    252   the kernel did not boot, or hung\n"
         "    253   ours or the host's fault: QEMU, disk, permissions\n"
         "    128+N the command was killed by signal N\n"
         "\n"
         "A command may end with one of these codes too. The verdict tells them apart: it is on the screen, "
         "in the "
         "run's record (kiln runs show last) and in the JSON of kiln run --json. See kiln help verdicts.\n"
         "\n"
         "Other commands of kiln end with 0, with 2 when they were asked something wrong, and with 1 when "
         "they failed.\n"},
    {.name = "verdicts",
     .summary = "the ways in which a run can end",
     .text =
         "    pass         the command ended with 0\n"
         "    fail         the command ended otherwise: its code is kiln's code\n"
         "    crash        the kernel panicked or oopsed; its report is on the screen and in crash.txt\n"
         "    hang         the kernel booted and then stopped answering\n"
         "    timeout      the command took longer than --timeout\n"
         "    no-boot      the kernel never reached kiln's agent\n"
         "    infra        ours or the host's fault: QEMU, disk, permissions, a killed kiln, a lost agent\n"
         "    interrupted  you stopped it\n"
         "\n"
         "Each run keeps its verdict and the cause in words: kiln runs, kiln runs show ID. Which exit "
         "code goes with "
         "which: kiln help exit-codes.\n"},
    {.name = "kernels",
     .summary = "what --kernel takes",
     .text = "--kernel takes any of these, and kiln finds out which it is:\n"
             "\n"
             "    (nothing)          the nearest built kernel tree above the current folder,\n"
             "                       else an installed kernel, else the distribution's own package\n"
             "    ~/src/linux        a built tree, or its O= folder\n"
             "    bzImage, vmlinux   an image\n"
             "    6.1.0-13-amd64     the version of an installed kernel, as in /lib/modules\n"
             "    linux.deb, .rpm    the kernel in a package\n"
             "    DIR                a folder with boot/ and lib/modules/\n"
             "\n"
             "A name without a slash is a path when something of that name is in the current folder. Before "
             "booting, kiln "
             "reads the kernel's configuration and names the options that it lacks.\n"},
    {.name = "roots",
     .summary = "what the guest sees as its files, and what it may change",
     .text =
         "    --root host        this machine's files; what the guest changes stays in its memory\n"
         "    --root DIR         the same with a folder as the root\n"
         "    --root initramfs   nothing of the host: a few commands in memory\n"
         "\n"
         "    --rw PATH          changes below PATH are written back for real\n"
         "    --share H:G        the host's folder H appears at G, read-only; with :rw after it, writable\n"
         "    --disk FILE        a disk image as /dev/vda, /dev/vdb, ...; with ,ro after it, read-only\n"
         "\n"
         "The guest may delete everything below /: the host loses nothing that was not named with --rw, :rw "
         "or --disk. "
         "Files are served with your rights: the guest's root reads no file that you cannot read.\n"},
    {.name = "settings", .summary = "every setting, its default and what it does", .text = ""},
    {.name = "profiles",
     .summary = "groups of settings by name",
     .text = "In kiln.toml or the user's config.toml:\n"
             "\n"
             "    memory = \"1G\"\n"
             "\n"
             "    [profile.debug]\n"
             "    append = [\"nokaslr\", \"slub_debug=P\"]\n"
             "    cpus = 1\n"
             "\n"
             "    kiln run --profile debug -- ./test\n"
             "    KILN_PROFILE=debug kiln run -- ./test\n"
             "\n"
             "Several are stacked in the order given; each adds to the lists and replaces the single values "
             "of what was "
             "there before.\n"},
    {.name = "files",
     .summary = "where kiln keeps things",
     .text = "    kiln.toml                              settings, found upward from the current folder\n"
             "    $XDG_CONFIG_HOME/kiln/config.toml      your own settings     (~/.config)\n"
             "    $XDG_STATE_HOME/kiln/runs/ID/          what a run left       (~/.local/state)\n"
             "    $XDG_STATE_HOME/kiln/index.db          an index of them; may be deleted\n"
             "    $XDG_CACHE_HOME/kiln/                  may be deleted         (~/.cache)\n"
             "    $XDG_RUNTIME_DIR/kiln/                 sockets of running machines\n"
             "\n"
             "Without XDG_RUNTIME_DIR, or when one of the others cannot be written, a folder of your own "
             "under /tmp "
             "(/tmp/kiln-UID, closed to others) takes its place. Nothing is left anywhere else.\n"},
    {.name = "environment",
     .summary = "variables that kiln reads",
     .text = "    KILN_KERNEL, KILN_CPUS, ...   settings: KILN_ and the key in capitals, '.' as '_'\n"
             "    KILN_PROFILE                  profiles, separated by commas\n"
             "    KILN_CONFIG                   settings file to read instead of looking for kiln.toml\n"
             "    NO_COLOR                      when set, no colours\n"
             "    HOME, XDG_*_HOME, XDG_RUNTIME_DIR   see kiln help files\n"
             "\n"
             "In a list, items are separated by ';' (by blanks for KILN_MODULES, KILN_FORWARD and "
             "KILN_QEMU_ARGS; "
             "KILN_APPEND is one text). A variable goes before kiln.toml, a flag before a variable. `kiln "
             "config` shows "
             "which it was.\n"
             "\n"
             "The guest's command does not inherit your environment, only TERM, LANG and the like: --env "
             "NAME passes a "
             "variable, --env NAME=VALUE sets one.\n"},
    {.name = "keys",
     .summary = "what Ctrl-C and the end of input do",
     .text =
         "    Ctrl-C         interrupts the command in the guest\n"
         "    Ctrl-C twice   stops the machine\n"
         "    Ctrl-D         ends the input; a shell ends\n"
         "\n"
         "In a shell of the guest all keys go to the guest, Ctrl-C and Ctrl-Z too; exit or Ctrl-D leaves.\n"},
};

}  // namespace

std::span<const Topic> Topics() { return kTopics; }

}  // namespace kiln::cli
