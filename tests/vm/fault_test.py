"""`kiln run` with things going wrong: each is survived, or gets a clear error and leaves nothing behind."""
import glob
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import time

from guest_tests import CACHE, KILN, PATIENCE_SECONDS, GuestTest, main

# The full measure: KILN_TEST_KILLS=200, KILN_TEST_FLOOD_MEGABYTES=1024 (hours under emulation).
KILLS = int(os.environ.get("KILN_TEST_KILLS", "8"))
FLOOD_MEGABYTES = int(os.environ.get("KILN_TEST_FLOOD_MEGABYTES", "1"))
# Bad input, or the host's fault: never a verdict on the kernel.
OURS = (2, 253)
MEMORY_LIMIT_KIB = 64 * 1024


def in_private_mounts(script, *command):
    """A command that runs after `script` in a mount namespace of its own."""
    flags = "-m" if os.getuid() == 0 else "-rm"
    return ["unshare", flags, "sh", "-c", script + '; exec "$@"', "sh", *command]


# Run in the guest, by root: borrows the descriptor of PID 1 on which it speaks to the host.
LIE = """
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
print("lying", flush=True)
time.sleep(0.5)
fds = [int(fd) for fd in os.listdir("/proc/1/fd") if "/vport" in os.readlink(f"/proc/1/fd/{fd}")]
link = libc.syscall(438, libc.syscall(434, 1, 0), fds[0], 0)
if link < 0:
    sys.exit(print("no pidfd_getfd"))
os.set_blocking(link, True)
def frame(length, kind, channel):
    return struct.pack("<IBBHI", length, kind, 0, 0, channel)
lies = {
    "noise": os.urandom(1 << 20),
    "length": frame(0xFFFFFFF0, 2, 1) * 1000,
    "type": b"".join(frame(0, kind, channel) for channel in range(64) for kind in range(256)),
}
data = lies[sys.argv[1]]
while data:
    data = data[os.write(link, data[:32768]):]
time.sleep(1000)
"""


class Faults(GuestTest):
    def need_mounts(self):
        works = subprocess.run(in_private_mounts(f"mount -t tmpfs none {self.folder}", "true"), stderr=subprocess.PIPE)
        if works.returncode != 0:
            self.skipTest("no mount namespace can be made here: " + works.stderr.decode(errors="replace").strip())

    def fresh_cache(self):
        self.environment["XDG_CACHE_HOME"] = self.path("cache")


class Killed(Faults):
    def test_kill_9_at_any_moment(self):
        """Nothing keeps running, nothing half-written is trusted; the first ones hit an empty cache."""
        self.fresh_cache()
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        started = time.monotonic()
        self.assert_passes(self.run_kiln("--", "echo", "ok"), "ok\n")
        whole = time.monotonic() - started
        for number in range(KILLS):
            if number % 4 == 0:
                shutil.rmtree(self.path("cache"))
            moment = rng.uniform(0, whole * (0.3 if number % 2 else 1.1))
            process = self.start(self.command("--", "echo", "ok"))
            time.sleep(moment)
            process.kill()
            self.finish(process)
            with self.subTest(seed=seed, number=number, moment=moment):
                self.assert_nothing_runs()
                self.assertEqual(self.sockets(), [])
        self.assert_passes(self.run_kiln("--", "echo", "ok"), "ok\n")

    def sockets(self):
        return [path for path in glob.glob(self.path("**"), recursive=True) if stat.S_ISSOCK(os.lstat(path).st_mode)]

    def test_qemu_is_killed(self):
        process = self.start(self.command("--", "sh", "-c", "echo ready; sleep 1000"))
        self.wait_for(process, process.stdout, b"ready\n")
        os.kill(self.qemus()[0], signal.SIGKILL)
        done = self.finish(process)
        self.assert_refused(done, (253,), "qemu", "killed|signal")
        self.assertEqual(self.bundles()[-1]["verdict"], "infra")

    def test_qemu_is_stopped(self):
        """A machine that stands still is told apart from one that works for long."""
        process = self.start(self.command("--hang-timeout", "5s", "--", "sh", "-c", "echo ready; sleep 1000"))
        self.wait_for(process, process.stdout, b"ready\n")
        os.kill(self.qemus()[0], signal.SIGSTOP)
        done = self.finish(process, patience=3 * PATIENCE_SECONDS)
        self.assert_refused(done, (252,), "hang|hung|answer")
        self.assertEqual(self.bundles()[-1]["verdict"], "hang")

    def test_asked_to_end(self):
        process = self.start(self.command("--", "sh", "-c", "echo ready; sleep 1000"))
        self.wait_for(process, process.stdout, b"ready\n")
        process.terminate()
        done = self.finish(process)
        self.assertNotEqual(done.returncode, 0)
        self.assert_nothing_runs()


class Many(Faults):
    def test_sixteen_at_once(self):
        self.fresh_cache()
        started = [self.start(self.command("--memory", "512M", "--", "echo", str(number))) for number in range(16)]
        for number, process in enumerate(started):
            self.assert_passes(self.finish(process), f"{number}\n")
        identities = {bundle["id"] for bundle in self.bundles()}
        self.assertEqual(len(identities), 16)
        self.assert_nothing_runs()


class Qemu(Faults):
    def test_missing(self):
        self.assert_refused(self.run_kiln("--qemu", self.path("no-qemu"), "--", "true"), OURS, "no-qemu")

    def test_not_on_path(self):
        os.mkdir(self.path("bin"))
        done = self.run_kiln("--", "true", environment={"PATH": self.path("bin")})
        self.assert_refused(done, OURS, "qemu-system-x86_64", "install|doctor")

    def test_ends_at_once(self):
        program = self.write("qemu", "#!/bin/sh\necho 'this qemu is broken' >&2\nexit 1\n")
        os.chmod(program, 0o755)
        self.assert_refused(self.run_kiln("--qemu", program, "--", "true"), OURS, "this qemu is broken")

    def test_is_no_program(self):
        program = self.write("qemu", "hello")
        os.chmod(program, 0o755)
        self.assert_refused(self.run_kiln("--qemu", program, "--", "true"), OURS, re.escape(program))

    def test_refuses_an_argument(self):
        done = self.run_kiln("--qemu-arg", "-no-such-option", "--", "true")
        self.assert_refused(done, OURS, "no-such-option")

    def test_kvm_that_cannot_be_used(self):
        self.need_mounts()
        hide = "mount --bind /dev/null /dev/kvm"
        if not os.path.exists("/dev/kvm"):
            hide = "true"
        done = self.run_kiln(command=in_private_mounts(hide, *self.command("--", "echo", "ok")))
        self.assert_passes(done, "ok\n")
        done = self.run_kiln(command=in_private_mounts(hide, *self.command("--accel", "kvm", "--", "echo", "ok")))
        self.assert_refused(done, OURS, "kvm")


    def test_kvm_that_is_denied(self):
        """A user who may not open /dev/kvm is served without, and told how to get it when it was asked for."""
        self.need_mounts()
        if os.getuid() != 0:
            self.skipTest("only root can make a device that nobody may open")
        deny = f"mknod -m 000 {self.path('kvm')} c 10 232; touch /dev/kvm; mount --bind {self.path('kvm')} /dev/kvm"
        self.fresh_cache()
        for folder in (self.folder, self.path("runtime")):
            os.chown(folder, 65534, 65534)
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if subprocess.run([*user, "test", "-r", KILN]).returncode != 0:
            self.skipTest(f"{KILN} is where other users may not look")
        if subprocess.run([*user, "test", "-r", f"/boot/vmlinuz-{self.kernel}"]).returncode != 0:
            self.kernel = shutil.copy(f"/boot/vmlinuz-{self.kernel}", self.path("vmlinuz"))
            os.chmod(self.kernel, 0o644)
        done = self.run_kiln(command=in_private_mounts(deny, *user, *self.command("--accel", "kvm", "--", "true")))
        self.assert_refused(done, OURS, "/dev/kvm", "may not|permission", "group|usermod")
        done = self.run_kiln(command=in_private_mounts(deny, *user, *self.command("--", "echo", "ok")))
        self.assert_passes(done, "ok\n")


class Kernels(Faults):
    def refused(self, path, *words):
        self.assert_refused(self.run_kiln("--", "true", kernel=path), OURS, re.escape(path), *words)

    def test_not_there(self):
        self.refused(self.path("none"), "no such|not")

    def test_not_a_kernel(self):
        self.refused(self.write("notes.txt", "these are my notes\n" * 100))
        self.refused(self.write("empty", ""))

    def test_a_folder_without_one(self):
        os.mkdir(self.path("folder"))
        self.refused(self.path("folder"))

    def test_truncated(self):
        image = pathlib.Path(f"/boot/vmlinuz-{self.kernel}").read_bytes()
        for size in (600, 100_000, len(image) // 2):
            with self.subTest(size=size):
                self.refused(self.write(f"vmlinuz-{size}", image[:size]))

    def test_another_architecture(self):
        header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 183, 1) + bytes(40)
        self.refused(self.write("vmlinux", header.ljust(100_000, b"\0")), "aarch64|arm64|architecture|machine")
        image = bytearray(100_000)
        image[0:2], image[0x38:0x3c] = b"MZ", b"ARM\x64"
        self.refused(self.write("Image", bytes(image)))

    def test_a_package_that_is_none(self):
        self.refused(self.write("linux-image-1_amd64.deb", b"!<arch>\ndebian-binary   " + bytes(1000)))

    def test_unreadable(self):
        image = self.write("vmlinuz", pathlib.Path(f"/boot/vmlinuz-{self.kernel}").read_bytes())
        os.chmod(image, 0)
        if os.getuid() != 0:
            self.refused(image, "may not be read")
            return
        self.fresh_cache()
        for folder in (self.folder, self.path("runtime")):
            os.chown(folder, 65534, 65534)
        done = self.run_kiln(command=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                      *self.command("--", "true", kernel=image)])
        self.assert_refused(done, OURS, re.escape(image), "may not be read")


class Places(Faults):
    def test_a_home_that_cannot_be_written(self):
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
            del self.environment[name]
        done = self.run_kiln("--", "echo", "ok", environment={"HOME": "/proc/1", "TMPDIR": self.folder})
        self.assert_passes(done, "ok\n")

    def test_a_cache_on_a_full_disk(self):
        """The first run says so or does without; the next one, with room, trusts nothing half-written."""
        self.need_mounts()
        self.fresh_cache()
        cache = self.path("cache")
        os.mkdir(cache)
        script = f'mount -t tmpfs -o size=2m none {cache}; "$@" >first 2>first-errors; echo $? >first-code; mount -o remount,size=1g {cache}'
        done = self.run_kiln(command=in_private_mounts(script, *self.command("--", "echo", "ok")))
        code = int(pathlib.Path(self.path("first-code")).read_text())
        errors = pathlib.Path(self.path("first-errors")).read_text()
        if code == 0:
            self.assertEqual(pathlib.Path(self.path("first")).read_text(), "ok\n")
        else:
            self.assertIn(code, OURS, errors)
            self.assertRegex(errors, "(?i)no space|full")
        self.assert_passes(done, "ok\n")


class Guests(Faults):
    def test_a_console_without_end(self):
        self.assert_passes(self.run_kiln("--", "true"))  # Unpacking a kernel, once, takes its own memory.
        process = self.start(self.command("--user", "root", "--", "sh", "-c",
                                          f"head -c {FLOOD_MEGABYTES}M /dev/zero | tr '\\0' x >/dev/ttyS0; echo survived"))
        peak = 0
        while process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            found = re.search(r"VmRSS:\s+(\d+)", status)
            peak = max(peak, int(found[1]) if found else 0)
            time.sleep(0.05)
        self.assert_passes(self.finish(process), "survived\n")
        self.assertLess(peak, MEMORY_LIMIT_KIB)

    def test_escape_sequences_on_the_console(self):
        evil = r"\033]0;owned\007\033[2J\033[31m"
        done = self.run_kiln("-v", "--user", "root", "--", "sh", "-c",
                             f"printf '{evil}evil line\\n' >/dev/ttyS0; printf '{evil}BUG: evil title\\n' >/dev/kmsg; echo ok")
        self.assertIn(b"ok\n", done.stdout, self.words(done))
        self.assertIn(b"evil line", done.stderr)
        self.assertNotIn(b"\x1b]0;", done.stderr)
        self.assertNotIn(b"\x1b[2J", done.stderr)

    def test_an_agent_that_is_killed_or_closed_out(self):
        """Root in the guest does its worst to the agent: a panic or a lost agent, never a hang of ours."""
        done = self.run_kiln("--user", "root", "--timeout", "60s", "--", "sh", "-c",
                             "kill -KILL 1; echo alive; for f in /proc/1/fd/*; do echo x 2>/dev/null >$f; done; echo i >/proc/sysrq-trigger; sleep 1")
        self.assertIn(b"alive\n", done.stdout, self.words(done))
        self.assert_nothing_runs()

    def test_frames_that_lie(self):
        """Root in the guest takes the agent's own end of the link and writes to it what no agent would."""
        script = self.write("lie.py", LIE)
        for lie in ("noise", "length", "type"):
            with self.subTest(lie=lie):
                done = self.run_kiln("--user", "root", "--timeout", "120s", "--", "python3", script, lie)
                if b"no pidfd_getfd" in done.stdout:
                    self.skipTest("this guest's kernel has no pidfd_getfd")
                self.assertIn(b"lying\n", done.stdout, self.words(done))
                self.assert_refused(done, (253,), "agent")
                self.assertEqual(self.bundles()[-1]["verdict"], "infra")

    def test_processes_left_behind(self):
        done = self.run_kiln("--timeout", "120s", "--memory", "512M", "--", "sh", "-c",
                             "for n in $(seq 60); do sleep 1000 & done; echo many")
        self.assertIn(b"many\n", done.stdout, self.words(done))
        self.assert_nothing_runs()


if __name__ == "__main__":
    os.makedirs(CACHE, exist_ok=True)
    main()
