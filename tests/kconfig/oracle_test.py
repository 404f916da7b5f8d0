"""Every config fragment of a real tree's selftests and KUnit folders: what of it did not stick, and why.

The oracle is the tree's own scripts/kconfig/merge_config.sh with its own conf. The symbols that it reports must be
those that `kiln kconfig check` explains; what an explanation says of other symbols must be so in the final
configuration; and what it says would help must help when conf is run with it.

Each fragment costs seconds, so every third is taken, the same at each run, and their names are printed.
KILN_ORACLE_EVERY=1 takes all. KILN_ORACLE_FIXES says how many of the fixes are proven by running conf (default 16),
KILN_KCONFIG_TARBALL names another tarball.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

KILN = os.environ.get("KILN_UNDER_TEST", "kiln")
CACHE = os.path.join(os.environ.get("KILN_TEST_CACHE", "/tmp/kiln-test-cache"), "kconfig-tree")
EVERY = max(1, int(os.environ.get("KILN_ORACLE_EVERY", "3")))
FIXES = int(os.environ.get("KILN_ORACLE_FIXES", "16"))
WANTED = [  # What configuring reads of a tree.
    "*/Kconfig*", "*/scripts/*", "*/Makefile", "*/Makefile.*", "*/Kbuild", "*/MAINTAINERS", "*/arch/x86/configs/*",
    "*/kernel/configs/*", "*/tools/testing/selftests/*/config", "*/.kunitconfig", "*/include/linux/license.h",
]


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def find_tarball():
    named = os.environ.get("KILN_KCONFIG_TARBALL")
    found = [named] if named else sorted(glob.glob("/usr/src/linux-source-*.tar.xz"))
    if not found:
        skip("there is no /usr/src/linux-source-*.tar.xz (the package linux-source)")
    for program in ("make", "gcc", "flex", "bison", "tar"):
        if shutil.which(program) is None:
            skip(program + " is not installed")
    return found[-1]


def unpack(tarball):
    """The Kconfig files, scripts and fragments of the tree, once."""
    state = "%s %d" % (os.path.basename(tarball), os.stat(tarball).st_size)
    stamp = os.path.join(CACHE, "stamp")
    tree = os.path.join(CACHE, "tree")
    if os.path.exists(stamp) and open(stamp).read() == state:
        return tree
    shutil.rmtree(CACHE, ignore_errors=True)
    os.makedirs(tree)
    subprocess.run(["tar", "-C", tree, "--strip-components=1", "--wildcards", "-xf", tarball] + WANTED, check=False,
                   stderr=subprocess.DEVNULL)
    with open(stamp, "w") as file:
        file.write(state)
    return tree


def make_conf(tree):
    """A build folder with conf in it."""
    out = os.path.join(CACHE, "out")
    if not os.path.exists(os.path.join(out, "scripts/kconfig/conf")):
        done = subprocess.run(["make", "-s", "-C", tree, "O=" + out, "ARCH=x86_64", "defconfig"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
    return out


class Oracle:
    def __init__(self, tree, out):
        self.tree, self.conf = tree, os.path.join(out, "scripts/kconfig/conf")
        version = subprocess.run(["gcc", "--version"], text=True, capture_output=True).stdout.splitlines()[0]
        self.programs = tempfile.mkdtemp(prefix="kiln-oracle-")
        # merge_config.sh calls make only to run conf.
        make = os.path.join(self.programs, "make")
        with open(make, "w") as file:
            file.write('#!/bin/sh\nfor word; do case $word in *=*) export "$word";; *) target=$word;; esac; done\n'
                       'exec "$ORACLE_CONF" --$target Kconfig >/dev/null 2>&1\n')
        os.chmod(make, 0o755)
        self.environment = dict(
            os.environ, PATH=self.programs + ":" + os.environ["PATH"], ORACLE_CONF=self.conf, srctree=tree,
            ARCH="x86_64", SRCARCH="x86", CC="gcc", LD="ld", AR="ar", NM="nm", OBJCOPY="objcopy", HOSTCC="gcc",
            HOSTCXX="g++", RUSTC="rustc", BINDGEN="bindgen", PAHOLE="pahole", KERNELVERSION="6.1.0",
            CONFIG_SHELL="/bin/sh", CC_VERSION_TEXT=version, CLANG_FLAGS="", KCONFIG_CONFIG=".config")

    def merge(self, folder, base, fragment):
        """{symbol: (requested line, actual line)} that merge_config.sh complains of."""
        done = subprocess.run(["sh", os.path.join(self.tree, "scripts/kconfig/merge_config.sh"), base, fragment],
                              cwd=folder, env=self.environment, text=True, capture_output=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        found = {}
        for match in re.finditer(r"Value requested for CONFIG_(\w+) not in final .config\n"
                                 r"Requested value:  (.*(?:\n.+)*?)\nActual value:     (.*)\n", done.stdout):
            found[match[1]] = (match[2], match[3])
        return found

    def olddefconfig(self, folder):
        subprocess.run([self.conf, "--olddefconfig", "Kconfig"], cwd=folder, env=self.environment, timeout=300,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def values(path):
    found = {}
    for line in open(path):
        match = re.match(r"CONFIG_(\w+)=(.*)", line)
        if match:
            found[match[1]] = match[2]
    return found


def check(oracle, base, fragment):
    """Problems, and the explanations of what the fragment asked for."""
    folder = tempfile.mkdtemp(prefix="kiln-oracle-")
    theirs = oracle.merge(folder, base, fragment)
    final = os.path.join(folder, ".config")
    done = subprocess.run([KILN, "kconfig", "check", "--tree", oracle.tree, "--arch", "x86_64", "--config", final,
                           "--json", base, fragment], text=True, capture_output=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    unmet = [one for one in json.loads(done.stdout)["unmet"] if one["reason"] != "overridden"]
    ours = {one["symbol"] for one in unmet}
    # The script calls a symbol that is off and not mentioned different from one that is asked to be off, and one
    # that a fragment names twice different from itself.
    expected = {name for name, (wanted, actual) in theirs.items()
                if not (wanted.rstrip().endswith(("is not set", "=n")) and actual == "") and "\n" not in wanted
                and wanted.strip() != actual}
    problems = []
    if ours != expected:
        problems.append("only merge_config.sh: %s; only kiln: %s" % (sorted(expected - ours), sorted(ours - expected)))
    now = values(final)
    for one in unmet:
        if one["reason"] in ("unexplained", "free"):
            problems.append("%s=%s: %s" % (one["symbol"], one["wanted"], one["text"]))
        for blocker in one["blockers"]:
            for name, value in re.findall(r"(\w+)=([ymn])\b", blocker["now"]):
                if now.get(name, "n") != value:
                    problems.append("%s: says %s=%s, it is %s" % (one["symbol"], name, value, now.get(name, "n")))
    return folder, unmet, ["%s: %s" % (fragment, problem) for problem in problems]


def fix_helps(oracle, folder, one):
    trial = tempfile.mkdtemp(prefix="kiln-oracle-")
    try:
        with open(os.path.join(trial, ".config"), "w") as file:
            file.write(open(os.path.join(folder, ".config")).read())
            for fix in one["fixes"]:
                file.write("\nCONFIG_%s=%s\n" % (fix["symbol"], fix["value"]))
        oracle.olddefconfig(trial)
        return values(os.path.join(trial, ".config")).get(one["symbol"], "n") == one["wanted"]
    finally:
        shutil.rmtree(trial)


def main():
    tree = unpack(find_tarball())
    oracle = Oracle(tree, make_conf(tree))
    # Not a whole .config: merge_config.sh takes a grep or two for each line of it.
    base = os.path.join(tree, "arch/x86/configs/x86_64_defconfig")
    fragments = sorted(glob.glob(tree + "/tools/testing/selftests/**/config", recursive=True) +
                       glob.glob(tree + "/**/.kunitconfig", recursive=True, include_hidden=True))
    fragments = [name for name in fragments if os.path.isfile(name)]
    assert len(fragments) > 20, "the tree has only %d fragments" % len(fragments)
    known = len(fragments)
    fragments = fragments[::EVERY]
    print("%d of %d fragments (KILN_ORACLE_EVERY=%d):" % (len(fragments), known, EVERY))
    print("\n".join("  " + os.path.relpath(name, tree) for name in fragments), flush=True)
    folders, problems, reasons, fixable = [], [], {}, {}
    with ThreadPoolExecutor(2) as pool:
        for folder, unmet, wrong in pool.map(lambda name: check(oracle, base, name), fragments):
            folders.append(folder)
            problems += wrong
            for one in unmet:
                reasons[one["reason"]] = reasons.get(one["reason"], 0) + 1
                # Whether the compiler can load plugins is told by running it, not by the Kconfig files.
                if one["fixes"] and not any(fix["symbol"] == "GCC_PLUGINS" for fix in one["fixes"]):
                    fixable.setdefault(one["symbol"], (folder, one))
        chosen = list(fixable.values())
        chosen = chosen[:: max(1, len(chosen) // FIXES)] if FIXES else []
        helped = list(pool.map(lambda pair: fix_helps(oracle, *pair), chosen))
    for folder in folders + [oracle.programs]:
        shutil.rmtree(folder)
    failed = [one["symbol"] for (_, one), good in zip(chosen, helped) if not good]
    print("%d fragments, reasons %s; %d symbols with a fix, %d tried, %d helped" %
          (len(fragments), reasons, len(fixable), len(chosen), sum(helped)))
    if failed:
        print("did not help alone: " + " ".join(failed))
    # A symbol that several others select may need more than one round.
    if chosen and sum(helped) < 0.9 * len(chosen):
        problems.append("too many of the fixes did not help")
    for problem in problems:
        print("FAIL " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
