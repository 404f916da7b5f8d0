"""What the tests that boot real kernels share: a kiln under test, its folders, its kernels, its traces."""
import glob
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_UNDER_TEST", str(ROOT / "build/dev/apps/kiln/kiln"))
# Unpacked kernels and measurements are shared by the tests of one build, as by the runs of one user.
CACHE = os.environ.get("KILN_TEST_CACHE", str(pathlib.Path(KILN).parent / "test-cache"))
# A run that takes longer has hung: no limit that a slow machine reaches.
PATIENCE_SECONDS = int(os.environ.get("KILN_TEST_PATIENCE", "300"))

VERDICT_EXIT = {"timeout": 124, "interrupted": 130, "crash": 251, "no-boot": 252, "hang": 252, "infra": 253}


def installed_kernel(flavour):
    """The release of the newest installed "generic" or "cloud" kernel, or None."""
    releases = [path.split("vmlinuz-", 1)[1] for path in glob.glob("/boot/vmlinuz-*") if os.access(path, os.R_OK)]
    fitting = [release for release in releases if ("cloud" in release) == (flavour == "cloud")]
    return max(fitting, key=lambda release: [int(number) for number in re.findall(r"\d+", release)], default=None)


class GuestTest(unittest.TestCase):
    """A test with folders of its own, and a tag in the environment by which everything it started is found."""

    def setUp(self):
        if shutil.which("qemu-system-x86_64") is None:
            self.skipTest("qemu-system-x86_64 is not installed")
        self.tag = f"KILN_TEST_TAG={uuid.uuid4()}"
        self.folder = tempfile.mkdtemp(prefix="kiln-test-")
        self.addCleanup(self.drop_folder)
        self.kernel = installed_kernel("generic")
        if self.kernel is None:
            self.skipTest("no readable kernel in /boot (install linux-image-amd64)")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("KILN_", "XDG_"))},
            "HOME": self.folder, "XDG_CACHE_HOME": CACHE, "XDG_STATE_HOME": self.path("state"),
            "XDG_CONFIG_HOME": self.path("config"), "XDG_RUNTIME_DIR": self.path("runtime"),
            self.tag.split("=")[0]: self.tag.split("=")[1]}
        os.makedirs(self.path("runtime"), mode=0o700)

    def drop_folder(self):
        """A failed test keeps what it left and says where."""
        result = getattr(self._outcome, "result", None)
        failed = any(test is self or getattr(test, "test_case", None) is self
                     for test, _ in getattr(result, "errors", []) + getattr(result, "failures", []))
        if failed:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        path = self.path(name)
        pathlib.Path(path).write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def own_qemu(self):
        """A copy of QEMU, which is looked for from now on: its path. It finds its firmware beside itself."""
        found = os.path.realpath(shutil.which("qemu-system-x86_64"))
        prefix = os.path.dirname(os.path.dirname(found))
        os.makedirs(self.path("bin"))
        for name in ("share", "lib"):
            os.symlink(os.path.join(prefix, name), self.path(name))
        self.environment["KILN_QEMU"] = shutil.copy(found, self.path("bin"))
        return self.environment["KILN_QEMU"]

    def wrapped_qemu(self, script):
        """QEMU is what this shell script makes of it from now on; $QEMU is the real one."""
        wrapper = self.path("wrapped-qemu")
        with open(wrapper, "w") as file:
            file.write(f"#!/bin/sh\nQEMU={shutil.which('qemu-system-x86_64')}\n{script}\n")
        os.chmod(wrapper, 0o755)
        self.environment["KILN_QEMU"] = wrapper

    def command(self, *words, kernel=None):
        """`kiln run` of these words with the test's kernel."""
        return [KILN, "run", "--kernel", kernel or self.kernel, *words]

    def start(self, command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(command, env=self.environment, cwd=options.pop("cwd", self.folder),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options)

    def run_kiln(self, *words, kernel=None, data=None, environment=None, cwd=None, command=None):
        """Runs it to its end: a CompletedProcess with bytes."""
        return subprocess.run(command or self.command(*words, kernel=kernel), input=data,
                              stdin=subprocess.DEVNULL if data is None else None,
                              env={**self.environment, **(environment or {})}, cwd=cwd or self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS)

    def assert_passes(self, done, output=None):
        self.assertEqual(done.returncode, 0, self.words(done))
        if output is not None:
            self.assertEqual(done.stdout.decode(errors="replace"), output, self.words(done))

    def assert_refused(self, done, codes, *words):
        """It ended with one of kiln's own codes and an error that has these words, and left nothing running."""
        self.assertIn(done.returncode, codes, self.words(done))
        errors = done.stderr.decode(errors="replace")
        for word in words:
            self.assertRegex(errors, f"(?i){word}")
        self.assert_nothing_runs()

    @staticmethod
    def words(done):
        return (f"\nexit code {done.returncode}\nstdout: {done.stdout[-2000:].decode(errors='replace')}"
                f"\nstderr: {done.stderr[-6000:].decode(errors='replace')}")

    def traces(self):
        """Processes that carry this test's tag, other than this one."""
        found = []
        for entry in glob.glob("/proc/[0-9]*/environ"):
            try:
                data = pathlib.Path(entry).read_bytes()
                name = pathlib.Path(entry).with_name("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if self.tag.encode() in data.split(b"\0") and name:
                found.append(f"{entry.split('/')[2]}: {name[:200]}")
        return found

    def qemus(self):
        """Process ids of this test's QEMUs."""
        return [int(trace.split(":")[0]) for trace in self.traces() if "qemu-system" in trace.split(": ", 1)[1][:100]]

    def assert_nothing_runs(self):
        """A killed child may need a moment to be gone; what is still there after that stays."""
        deadline = time.monotonic() + 20
        while self.traces() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.traces(), [])

    def bundles(self):
        """run.json of every run so far, oldest first."""
        files = sorted(glob.glob(self.path("state/kiln/runs/*/run.json")))
        return [json.loads(pathlib.Path(file).read_text()) for file in files]

    def wait_for(self, process, stream, word):
        """Reads a stream of a started kiln until the word was there; what was read."""
        seen = b""
        while word not in seen:
            data = os.read(stream.fileno(), 4096)
            if not data:
                process.wait()
                self.fail(f"it ended with code {process.returncode} before {word!r}: {seen!r} {process.stderr.read()!r}")
            seen += data
        return seen

    def finish(self, process, patience=PATIENCE_SECONDS):
        """(exit code, stdout, stderr) of a started kiln."""
        try:
            output, errors = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


class Skips(unittest.TextTestResult):
    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIP: {reason}", flush=True)


def main():
    """Exit code 77 when all that was asked for was skipped, for ctest."""
    program = unittest.main(module="__main__", exit=False, testRunner=unittest.TextTestRunner(resultclass=Skips, verbosity=2))
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun and len(result.skipped) == result.testsRun else 0)
