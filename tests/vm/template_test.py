"""Templates and clones of `kiln run`: each clone a machine of its own, no stale or damaged one used, many at once."""
import glob
import json
import os
import re
import signal
import subprocess
import time

from guest_tests import GuestTest, main

# The full measure: KILN_TEST_CLONES=200, KILN_TEST_KILLS=50, KILN_TEST_AT_ONCE=64.
CLONES = int(os.environ.get("KILN_TEST_CLONES", "20"))
KILLS = int(os.environ.get("KILN_TEST_KILLS", "6"))
AT_ONCE = int(os.environ.get("KILN_TEST_AT_ONCE", "8"))

# One line each: what the next test's names say. The last is the first number of a TCP connection, as seen on the wire.
FACTS = """
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' '
cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id /etc/machine-id
hostname
python3 -c '
import socket, struct
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("lo", 0))
there = socket.create_server(("127.0.0.1", 7))
socket.create_connection(("127.0.0.1", 7))
while True:
    packet = wire.recv(2048)[14:]
    if packet[9] == 6 and packet[33] == 2: break
print(struct.unpack(">I", packet[24:28])[0])
'
"""
FACT_NAMES = ("urandom", "uuid", "boot_id", "machine_id", "hostname", "tcp_sequence")


class Templates(GuestTest):
    def setUp(self):
        super().setUp()
        self.environment["XDG_CACHE_HOME"] = self.path("cache")

    def templates(self):
        return glob.glob(self.path("cache/kiln/template/[0-9a-f]*"))

    def result(self, *words):
        """(the CompletedProcess, its --json result)"""
        done = self.run_kiln("--json", *words)
        return done, json.loads(done.stderr.splitlines()[-1])

    def kiln(self, *words):
        return self.run_kiln(command=[self.command()[0], *words])

    def outputs(self):
        return [open(path).read().split() for path in glob.glob(self.path("state/kiln/runs/*/stdout"))]


class Clones(Templates):
    def test_no_two_are_alike(self):
        done, summary = self.result("--repeat", str(CLONES), "--user", "root", "--", "sh", "-c", FACTS)
        self.assert_passes(done)
        self.assertEqual((summary["done"], summary["passed"], summary["cloned"]), (CLONES, CLONES, CLONES - 1))
        outputs = self.outputs()
        self.assertEqual([len(output) for output in outputs], [len(FACT_NAMES)] * CLONES, outputs[0])
        for number, name in enumerate(FACT_NAMES):
            with self.subTest(name):
                self.assertEqual(len({output[number] for output in outputs}), CLONES, [o[number] for o in outputs])
        self.assert_nothing_runs()

    def test_has_its_own_mac_name_and_disk(self):
        with open(self.path("disk"), "wb") as disk:
            disk.truncate(1 << 20)
        script = "cat /sys/class/net/eth0/address; hostname; cat /sys/block/vda/size; printf %s >/dev/vda"
        words = []
        for number in range(3):
            done, result = self.result("--net", "user", "--disk", "disk", "--hostname", f"h{number}", "--user", "root",
                                       "--", "sh", "-c", script % number)
            self.assert_passes(done)
            self.assertEqual(result["cloned"], number > 0)
            words.append(done.stdout.decode().split())
        self.assertEqual([word[1:] for word in words], [[f"h{number}", "2048"] for number in range(3)])
        self.assertEqual(len({word[0] for word in words}), 3, words)
        with open(self.path("disk"), "rb") as disk:
            self.assertEqual(disk.read(1), b"2")

    def test_the_clock_is_that_of_now(self):
        self.assert_passes(self.run_kiln("--", "true"))
        time.sleep(2)
        before = time.time()
        done, result = self.result("--", "date", "+%s.%N")
        self.assert_passes(done)
        self.assertTrue(result["cloned"])
        self.assertTrue(before <= float(done.stdout) <= time.time(), (before, done.stdout, time.time()))

    def test_many_at_once_on_an_empty_cache(self):
        started = [self.start(self.command("--json", "--", "echo", str(number))) for number in range(AT_ONCE)]
        for number, process in enumerate(started):
            self.assert_passes(self.finish(process), f"{number}\n")
        self.assertEqual(len(self.templates()), 1)
        self.assertTrue(self.result("--", "true")[1]["cloned"])
        self.assert_nothing_runs()

    def test_cold_neither_makes_nor_uses_one(self):
        done, result = self.result("--cold", "--", "true")
        self.assert_passes(done)
        self.assertEqual((self.templates(), result["cloned"]), ([], False))
        self.assert_passes(self.run_kiln("--", "true"))
        self.assertTrue(self.result("--", "true")[1]["cloned"])
        self.assertFalse(self.result("--cold", "--", "true")[1]["cloned"])


class Damage(Templates):
    def damaged(self, harm):
        self.assert_passes(self.run_kiln("--", "true"))
        folder, = self.templates()
        harm(folder)
        done, result = self.result("--", "echo", "ok")
        self.assert_passes(done, "ok\n")
        self.assertFalse(result["cloned"])
        words = [line for line in done.stderr.decode().splitlines()[:-1] if line.strip()]
        self.assertEqual(len(words), 1, words)
        self.assertRegex(words[0], "made again")
        done, result = self.result("--", "echo", "ok")
        self.assert_passes(done, "ok\n")
        self.assertTrue(result["cloned"])
        self.assertEqual(len(done.stderr.splitlines()), 1, self.words(done))

    def test_truncated_ram(self):
        self.damaged(lambda folder: os.truncate(folder + "/ram", 12345))

    def test_a_flipped_byte_in_the_state(self):
        def flip(folder):
            with open(folder + "/state", "r+b") as state:
                state.seek(-1000, os.SEEK_END)
                byte = state.read(1)[0]
                state.seek(-1, os.SEEK_CUR)
                state.write(bytes([byte ^ 0xff]))
        self.damaged(flip)


    def test_another_qemu_is_another_machine(self):
        qemu = self.own_qemu()
        for cloned in (False, True):
            self.assertEqual(self.result("--", "true")[1]["cloned"], cloned)
        os.utime(qemu, (1, 1))
        for cloned in (False, True):
            self.assertEqual(self.result("--", "true")[1]["cloned"], cloned)
        self.assertEqual(len(self.templates()), 2)


class FrozenRoot(Templates):
    """The host's files are the root of what is frozen; clones see those of now."""

    def root(self):
        folder, = self.templates()
        with open(folder + "/template.json") as facts:
            return json.load(facts)["root"]

    def test_nothing_of_the_hosts_is_looked_at_before_the_freeze(self):
        self.wrapped_qemu(f'exec "$QEMU" "$@" -trace "v9fs_*" -trace runstate_set -D {self.path("trace")}-$$')
        self.assert_passes(self.run_kiln("--", "true"))
        self.assertEqual(self.root(), "mounted")
        boot, = [text for text in (open(path).read() for path in glob.glob(self.path("trace-*"))) if "v9fs_attach" in text]
        before, paused, after = boot.partition("new_state 4 (paused)")
        self.assertTrue(paused, boot[-2000:])
        seen = {line.split()[0] for line in before.splitlines() if line.startswith("v9fs_")}
        self.assertLessEqual({"v9fs_version", "v9fs_attach"}, seen)
        self.assertFalse(seen & {"v9fs_walk", "v9fs_open", "v9fs_readdir", "v9fs_readlink", "v9fs_read"}, seen)
        self.assertIn("v9fs_walk", after)

    def test_the_c_library_is_not_asked_for(self):
        self.wrapped_qemu(f'exec "$QEMU" "$@" -trace "v9fs_*" -D {self.path("trace")}-$$')
        with open("/proc/self/maps") as maps:
            library = re.search(r"/\S*/(libc\.so\.6|libc-2\.\d+\.so)$", maps.read(), re.MULTILINE)
        if not library:
            self.skipTest("this Python runs without glibc")
        library = library[0]
        paths = " ".join([library, os.path.dirname(library), "/bin/sh", "/usr", "/etc/ld.so.cache"])
        script = f"sha256sum {library} /bin/sh; stat -c '%n %F %a %u %g %y' {paths}; readlink -f /bin/sh; ls -A {os.path.dirname(library)} | sha256sum"
        host = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=True).stdout.decode()
        for cloned in (False, True, True):
            done, result = self.result("--", "sh", "-c", script)
            self.assert_passes(done, host)
            self.assertEqual(result["cloned"], cloned)
        for path in glob.glob(self.path("trace-*")):
            os.unlink(path)
        self.assert_passes(self.result("--", "/bin/sh", "-c", "exit")[0])
        trace, = [open(path).read() for path in glob.glob(self.path("trace-*"))]
        self.assertIn("v9fs_walk", trace)
        self.assertNotRegex(trace, "v9fs_(open|lopen|read) ")

    def test_clones_see_the_files_of_now(self):
        os.makedirs(self.path("a"))
        for name in ("a/kept", "a/changed", "a/gone"):
            with open(self.path(name), "w") as file:
                file.write("old")
        script = f"cd {self.folder}; cat a/*; ls a; ls -A / | grep -cx -e etc -e usr; stat -c %s /etc/machine-id; ls /proc/self /sys/kernel /dev/null >/dev/null"
        self.assert_passes(self.run_kiln("--", "sh", "-c", script), "oldoldold" + "changed\ngone\nkept\n2\n33\n")
        os.rename(self.path("a"), self.path("was"))
        os.makedirs(self.path("a"))
        for name in ("a/changed", "a/made"):
            with open(self.path(name), "w") as file:
                file.write("new")
        for _ in range(2):
            done, result = self.result("--", "sh", "-c", script)
            self.assert_passes(done, "newnew" + "changed\nmade\n2\n33\n")
            self.assertTrue(result["cloned"])
        self.assertEqual(self.root(), "mounted")

    def test_shares_disks_and_users_come_to_it(self):
        os.makedirs(self.path("in"))
        os.makedirs(self.path("out"))
        os.chmod(self.path("out"), 0o777)
        with open(self.path("in/file"), "w") as file:
            file.write("shared\n")
        with open(self.path("disk"), "wb") as disk:
            disk.write(b"disk\n" + bytes(1 << 20))
        words = ("--share", f"{self.path('in')}:/mnt/in", "--rw", self.path("out"), "--disk", "disk", "--net", "user", "--user", "root", "--",
                 "sh", "-c", f"cat /mnt/in/file; head -n1 /dev/vda; grep -c ^eth0 /proc/net/route; id -u; echo w >{self.path('out')}/w")
        for cloned in (False, True, True):
            done, result = self.result(*words)
            self.assert_passes(done, "shared\ndisk\n2\n0\n")
            self.assertEqual(result["cloned"], cloned)
            with open(self.path("out/w")) as written:
                self.assertEqual(written.read(), "w\n")
            os.unlink(self.path("out/w"))
        self.assertEqual(self.root(), "mounted")

    def test_what_cant_be_attached_to_is_mounted_by_each_clone(self):
        """A QEMU that does not do as its features say: one boot, and it is not tried again."""
        self.wrapped_qemu('for word; do shift; case $word in qtest,*) word=$word,nonsense=1;; esac; set -- "$@" "$word"; done\n'
                          'exec "$QEMU" "$@"')
        self.assert_passes(self.run_kiln("--", "true"))
        done, result = self.result("--", "echo", "ok")
        self.assert_passes(done, "ok\n")
        self.assertFalse(result["cloned"])
        self.assertRegex(self.words(done), "the machine's template did not wake: QEMU ended.*nonsense.*; booting from scratch")
        listed = self.kiln("template", "list")
        self.assertIn("nonsense", listed.stdout.decode())
        for cloned in (False, True):
            done, result = self.result("--", "echo", "ok")
            self.assert_passes(done, "ok\n")
            self.assertEqual(result["cloned"], cloned)
            self.assertEqual(len(done.stderr.splitlines()), 1, self.words(done))

    def test_what_cant_be_saved_is_frozen_without_its_root(self):
        """A QEMU that can't write down its devices along with a mounted root, each time."""
        self.wrapped_qemu(f'if [ -e {self.path("tight")} ]; then trap "" XFSZ; ulimit -f 1; fi; exec "$QEMU" "$@"')
        open(self.path("tight"), "w").close()
        done = self.run_kiln("--", "echo", "ok")
        self.assert_passes(done, "ok\n")
        self.assertIn("no template was made: freezing the machine", self.words(done))
        self.assertIn("can't be frozen with its root", self.kiln("template", "list").stdout.decode())
        os.unlink(self.path("tight"))
        for cloned in (False, True):
            done, result = self.result("--", "echo", "ok")
            self.assert_passes(done, "ok\n")
            self.assertEqual(result["cloned"], cloned)

    def test_a_command_that_is_not_there_is_not_the_roots_fault(self):
        self.assert_passes(self.run_kiln("--", "true"))
        done, result = self.result("--", "not-a-command")
        self.assertEqual((done.returncode, result["cloned"]), (127, True), self.words(done))
        self.assertTrue(self.result("--", "true")[1]["cloned"])


class Killed(Templates):
    """At moments spread over what takes place, from the first to the last."""

    def test_the_maker_of_a_template(self):
        begun = time.monotonic()
        self.assert_passes(self.run_kiln("--", "true"))
        whole = time.monotonic() - begun
        for number in range(KILLS):
            self.kiln("template", "prune", "--all")
            process = self.start(self.command("--", "true"))
            time.sleep(whole * (number + 0.5) / KILLS)
            process.kill()
            self.finish(process)
            self.assert_nothing_runs()
            done, result = self.result("--", "echo", str(number))
            self.assert_passes(done, f"{number}\n")
            self.assertEqual(len(done.stderr.splitlines()), 1, self.words(done))
        self.kiln("template", "prune", "--all")
        self.assertEqual(os.listdir(self.path("cache/kiln/template")) and self.templates(), [])

    def test_the_qemu_of_a_clone(self):
        self.assert_passes(self.run_kiln("--", "true"))
        begun = time.monotonic()
        self.assert_passes(self.run_kiln("--", "true"))
        whole = time.monotonic() - begun
        for number in range(KILLS):
            process = self.start(self.command("--", "sh", "-c", "echo begun; exec sleep 1000"))
            while not self.qemus() and process.poll() is None:
                pass
            time.sleep(whole * number / KILLS)
            for pid in self.qemus():
                os.kill(pid, signal.SIGKILL)
            # Before its command began, a boot takes the clone's place; after, the run is over.
            while process.poll() is None and not self.qemus():
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            done = self.finish(process)
            self.assertIn(done.returncode, (130, 253), self.words(done))
            self.assert_nothing_runs()
        done, result = self.result("--", "echo", "well")
        self.assert_passes(done, "well\n")
        self.assertTrue(result["cloned"], "what was killed says nothing of the template")

    def test_the_qemu_of_the_first_clone(self):
        self.assert_passes(self.run_kiln("--", "true"))
        process = self.start(self.command("--", "echo", "ok"))
        while not self.qemus() and process.poll() is None:
            pass
        for pid in self.qemus():
            os.kill(pid, signal.SIGKILL)
        done = self.finish(process, 60)
        self.assert_passes(done, "ok\n")
        self.assertIn("did not wake", self.words(done))
        done, result = self.result("--", "echo", "well")
        self.assert_passes(done, "well\n")
        self.assertTrue(result["cloned"])
        self.assertNotIn("frozen", self.kiln("template", "list").stdout.decode())

    def test_the_qemu_of_a_clone_while_kiln_is_told_to_end(self):
        """Both are there to be heard at once: the boot that takes the clone's place must not begin."""
        self.assert_passes(self.run_kiln("--", "true"))
        process = self.start(self.command("--", "sleep", "1000"))
        while not self.qemus() and process.poll() is None:
            pass
        process.send_signal(signal.SIGSTOP)
        for pid in self.qemus():
            os.kill(pid, signal.SIGKILL)
        while self.qemus():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        done = self.finish(process, 60)
        self.assertEqual(done.returncode, 130, self.words(done))
        self.assert_nothing_runs()


class Repeat(Templates):
    def test_failures_are_counted_and_told_apart(self):
        script = self.write("count.sh", "n=$(ls out | wc -l); : >out/$n.$$; [ $n -lt 3 ] || { echo broke after $n; exit 7; }\n")
        os.mkdir(self.path("out"))
        done, summary = self.result("--rw", "out", "--repeat", "5", "--jobs", "1", "--", "sh", script)
        self.assertEqual(done.returncode, 7, self.words(done))
        self.assertEqual((summary["passed"], summary["failed"]), (3, 2))
        kind, = summary["failures"]
        self.assertEqual((kind["count"], kind["verdict"], kind["exit_code"]), (2, "fail", 7))
        self.assertTrue(os.path.isdir(kind["first_bundle"]))
        self.assertIn(b"broke after 3", done.stderr)

    def test_an_interrupt_leaves_nothing(self):
        self.assert_passes(self.run_kiln("--", "true"))
        process = self.start(self.command("--repeat", "50", "--jobs", "2", "--", "sleep", "1000"))
        while not self.qemus() and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual(done.returncode, 130, self.words(done))
        self.assert_nothing_runs()

    def test_pruning_leaves_what_is_in_use(self):
        self.assert_passes(self.run_kiln("--", "true"))
        process = self.start(self.command("--", "sh", "-c", "echo ready; cat"), stdin=-1)
        self.wait_for(process, process.stdout, b"ready\n")
        report = json.loads(self.kiln("template", "prune", "--all", "--json").stdout)
        self.assertEqual((report["removed"], report["in_use"]), ([], 1))
        self.assertEqual(self.finish(process).returncode, 0)
        listed = json.loads(self.kiln("template", "list", "--json").stdout)["templates"]
        self.assertEqual([entry["release"] for entry in listed], [self.kernel])
        report = json.loads(self.kiln("template", "prune", "--all", "--json").stdout)
        self.assertEqual(report["removed"], [listed[0]["key"]])
        self.assertEqual(self.templates(), [])


if __name__ == "__main__":
    main()
