#!/usr/bin/env python3
"""The completion scripts in the shells themselves: what is offered where. A shell that is not here is skipped."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

KILN = pathlib.Path(os.environ["KILN_UNDER_TEST"])
SKIPPED = 77
DEADLINE_S = 60

# In an interactive zsh: each match that is offered is printed, then a mark when the round is over.
ZSH_SETUP = r"""
PS1=; PS2=; setopt no_beep
fpath=(@SCRIPTS@ $fpath)
autoload -Uz compinit; compinit -u -D
zstyle ':completion:*' menu no
compadd() {
  local -a offered
  if [[ " $* " == *" -O "* || " $* " == *" -A "* || " $* " == *" -D "* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A offered "$@"
  print -rl -- "<"$^offered">"
  builtin compadd "$@"
}
kiln-ask() { zle complete-word; print -r -- "<over>" }
zle -N kiln-ask; bindkey '^I' kiln-ask; setopt no_auto_list no_auto_menu
print -r -- "<re""ady>"
"""

BASH_ASK = r"""
source "$1/kiln.bash"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }
_kiln; printf '%s\n' "${COMPREPLY[@]}"
"""


class Zsh:
    """An interactive zsh on a terminal of its own."""

    def __init__(self, scripts, environment):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], environment)
        self.heard = ""
        os.write(self.terminal, ZSH_SETUP.replace("@SCRIPTS@", str(scripts)).encode())
        self.until("<ready>")

    def until(self, mark):
        deadline = time.monotonic() + DEADLINE_S
        while mark not in self.heard:
            ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"zsh did not say {mark}: {self.heard[-2000:]}")
            self.heard += os.read(self.terminal, 65536).decode("utf-8", "replace")
        before, _, self.heard = self.heard.partition(mark)
        return before

    def ask(self, line):
        os.write(self.terminal, line.encode() + b"\t")
        heard = self.until("<over>")
        os.write(self.terminal, b"\x15")  # Drops the line.
        return set(re.findall(r"<([^<>\r\n]*)>", heard))

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


class Completion(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-completion.")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "some-file").write_text("")
        (self.folder / "kiln.toml").write_text("[profile.debug]\ncpus = 1\n")
        (self.folder / "bin").mkdir()
        (self.folder / "bin/kiln").symlink_to(KILN)
        self.environment = {**os.environ, "HOME": str(self.folder), "TERM": "dumb", "LC_ALL": "C",
                            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                            **{f"XDG_{kind}_HOME": str(self.folder / kind) for kind in ("CONFIG", "CACHE", "STATE", "DATA")}}
        self.scripts = self.folder / "scripts"
        self.scripts.mkdir()
        for shell, name in (("bash", "kiln.bash"), ("zsh", "_kiln"), ("fish", "kiln.fish")):
            script = subprocess.run([KILN, "completion", shell], check=True, capture_output=True).stdout
            (self.scripts / name).write_bytes(script)
        os.chdir(self.folder)
        self.addCleanup(os.chdir, "/")

    def need(self, shell):
        if shutil.which(shell) is None:
            self.skipTest(f"{shell} is not installed")

    def ask_bash(self, line):
        done = subprocess.run(["bash", "--norc", "-c", BASH_ASK, "bash", self.scripts, *line.split(" ")],
                              env=self.environment, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split("\n")) - {""}

    def ask_fish(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {self.scripts}/kiln.fish; complete -C $argv[1]", line],
                              env=self.environment, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        self.assertEqual(done.stderr, "")
        return {offered.split("\t")[0] for offered in done.stdout.splitlines()}

    def check(self, ask):
        """What every shell must offer."""
        def offers(line, *wanted, never=()):
            with self.subTest(line=line):
                got = {word.removesuffix(" ").removesuffix("=") for word in ask(line)}
                self.assertLessEqual(set(wanted), got)
                self.assertEqual(got & set(never), set())
        offers("kiln ", "run", "doctor", "runs", "config", never=["--kernel", "some-file", "prune"])
        offers("kiln ru", "run", "runs", never=["doctor"])
        offers("kiln run --", "--kernel", "--memory", "--timing", never=["run"])
        offers("kiln run --kern", "--kernel", never=["--memory"])
        offers("kiln run --link ", "auto", "serial", "virtio-serial", never=["--kernel", "some-file"])
        offers("kiln run --profile ", "debug", never=["some-file"])
        offers("kiln run --kernel some", "some-file")
        offers("kiln run -- sor", "sort", never=["--kernel"])
        offers("kiln run -- sort some", "some-file", never=["sort"])
        offers("kiln run -- sort --kern", never=["--kernel"])
        offers("kiln runs ", "show", "prune", never=["run"])
        offers("kiln runs show ", never=["show", "prune"])
        offers("kiln runs show --", "--json")
        offers("kiln completion ", "bash", "zsh", "fish", never=["some-file"])
        offers("kiln help ex", "exit-codes")
        offers("kiln crash some", "some-file")

    def test_bash(self):
        self.need("bash")
        self.check(self.ask_bash)

    def test_fish(self):
        self.need("fish")
        self.check(self.ask_fish)

    def test_zsh(self):
        self.need("zsh")
        zsh = Zsh(self.scripts, self.environment)
        self.addCleanup(zsh.close)
        self.check(zsh.ask)


class Skips(unittest.TextTestResult):
    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIP: {reason}", flush=True)


if __name__ == "__main__":
    result = unittest.main(exit=False, testRunner=unittest.TextTestRunner(resultclass=Skips)).result
    sys.exit(1 if not result.wasSuccessful() else SKIPPED if len(result.skipped) == result.testsRun else 0)
