"""`kiln run` with a real kernel: streams, exit codes, files, verdicts."""
import hashlib
import os
import signal
import subprocess
import time

from guest_tests import CACHE, GuestTest, installed_kernel, main

MEGABYTE = 1 << 20
# KILN_TEST_MEGABYTES=1024 pushes a GiB each way.
BIG = int(os.environ.get("KILN_TEST_MEGABYTES", "64")) * MEGABYTE


class Kernels(GuestTest):
    def test_generic(self):
        self.assert_passes(self.run_kiln("--", "uname", "-r"), self.kernel + "\n")

    def test_cloud(self):
        cloud = installed_kernel("cloud")
        if cloud is None:
            self.skipTest("no cloud kernel in /boot (install linux-image-cloud-amd64)")
        self.assert_passes(self.run_kiln("--root", "initramfs", "--", "uname", "-r", kernel=cloud), cloud + "\n")

    def test_image_file(self):
        done = self.run_kiln("--root", "initramfs", "--", "uname", "-r", kernel=f"/boot/vmlinuz-{self.kernel}")
        self.assert_passes(done, self.kernel + "\n")

    def test_folder_with_boot_and_modules(self):
        for name in ("boot", "lib/modules"):
            os.makedirs(self.path("tree", name))
        for name in (f"boot/vmlinuz-{self.kernel}", f"boot/config-{self.kernel}", f"lib/modules/{self.kernel}"):
            os.symlink("/" + name, self.path("tree", name))
        self.assert_passes(self.run_kiln("--", "uname", "-r", kernel=self.path("tree")), self.kernel + "\n")

    def test_two_cpus_and_more_memory(self):
        done = self.run_kiln("--cpus", "2", "--memory", "1536M", "--", "sh", "-c",
                             "nproc; awk '/MemTotal/ { print ($2 > 1300000) }' /proc/meminfo")
        self.assert_passes(done, "2\n1\n")

    def test_one_cpu_of_the_host(self):
        """QEMU's threads stay on one CPU of the host, unless there is more than one CPU for them to be, or it was forbidden."""
        host = os.sched_getaffinity(0)
        if len(host) < 2:
            self.skipTest("this host has one CPU")
        for words, kept in (((), True), (("--pin", "never"), False), (("--cpus", "2"), False)):
            with self.subTest(words=words):
                process = self.start(self.command("--accel", "tcg", "--root", "initramfs", *words, "--", "sh", "-c", "echo up; exec cat"),
                                     stdin=subprocess.PIPE)
                self.wait_for(process, process.stdout, b"up\n")
                qemu = self.qemus()[0]
                places = {frozenset(os.sched_getaffinity(int(thread))) for thread in os.listdir(f"/proc/{qemu}/task")}
                done = self.finish(process)
                self.assert_passes(done, "")
                self.assertEqual(len(places), 1)
                self.assertEqual(len(*places), 1 if kept else len(host))

    def test_words_for_the_kernel(self):
        done = self.run_kiln("--append", "kiln_test_word=1", "--", "grep", "-o", "kiln_test_word=1", "/proc/cmdline")
        self.assert_passes(done, "kiln_test_word=1\n")


class Streams(GuestTest):
    def test_exit_code(self):
        done = self.run_kiln("--", "sh", "-c", "exit 37")
        self.assertEqual(done.returncode, 37, self.words(done))
        self.assertEqual(self.bundles()[-1]["verdict"], "fail")

    def test_death_by_signal(self):
        done = self.run_kiln("--", "sh", "-c", "kill -TERM $$")
        self.assertEqual(done.returncode, 128 + signal.SIGTERM, self.words(done))

    def test_a_command_that_is_not_there(self):
        done = self.run_kiln("--", "no-such-command-here")
        self.assertEqual(done.returncode, 127, self.words(done))
        self.assertIn(b"no-such-command-here", done.stderr)

    def test_output_and_errors_stay_apart(self):
        done = self.run_kiln("--", "sh", "-c", "echo out; echo err >&2; echo out2")
        self.assert_passes(done, "out\nout2\n")
        self.assertEqual(done.stderr, b"err\n")

    def test_every_byte_goes_through_both_ways(self):
        every = bytes(range(256)) * 41
        done = self.run_kiln("--", "cat", data=every)
        self.assertEqual((done.returncode, done.stdout), (0, every), self.words(done))

    def test_no_input_is_an_empty_input(self):
        self.assert_passes(self.run_kiln("--", "wc", "-c"), "0\n")

    def test_much_in(self):
        data = os.urandom(MEGABYTE) * (BIG // MEGABYTE)
        done = self.run_kiln("--", "sha256sum", data=data)
        self.assert_passes(done, hashlib.sha256(data).hexdigest() + "  -\n")

    def test_much_out(self):
        done = self.run_kiln("--", "sh", "-c", f"head -c {BIG} /dev/zero | tr '\\0' k")
        self.assertEqual((done.returncode, len(done.stdout)), (0, BIG))
        self.assertEqual(done.stdout.count(b"k"), BIG)

    def test_much_through_without_growing(self):
        process = self.start(self.command("--", "cat"), stdin=subprocess.PIPE)
        if os.fork() == 0:
            try:
                chunk = b"\xa5" * MEGABYTE
                for _ in range(BIG // MEGABYTE):
                    process.stdin.write(chunk)
                process.stdin.close()
            finally:
                os._exit(0)
        process.stdin.close()
        count = peak = 0
        while data := os.read(process.stdout.fileno(), MEGABYTE):
            count += len(data)
            with open(f"/proc/{process.pid}/status") as status:
                peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("VmRSS:")])
        process.stdout.close()
        errors = process.stderr.read()
        self.assertEqual((process.wait(), count), (0, BIG), errors)
        self.assertLess(peak, 64 * 1024, "KiB in memory while passing bytes through")

    def test_a_pipe_of_two_kernels(self):
        first = self.start(self.command("--", "sh", "-c", "seq 1 1000"))
        second = self.start(self.command("--", "sh", "-c", "awk '{ sum += $1 } END { print sum }'"), stdin=first.stdout)
        first.stdout.close()
        self.assert_passes(self.finish(second), "500500\n")
        self.assertEqual(first.wait(), 0, first.stderr.read())
        first.stderr.close()

    def test_a_reader_that_leaves(self):
        process = self.start(self.command("--", "sh", "-c", "yes"))
        self.assertEqual(os.read(process.stdout.fileno(), 2), b"y\n")
        process.stdout.close()
        process.stderr.read()
        process.stderr.close()
        self.assertNotEqual(process.wait(), 0)
        self.assert_nothing_runs()

    def test_an_interrupt_of_what_a_reader_holds_up(self):
        os.mkdir(self.path("out"))
        process = self.start(self.command("--rw", "out", "--", "sh", "-c", "head -c 500000 /dev/zero; echo all >&2"))
        self.wait_for(process, process.stderr, b"all\n")
        while self.qemus():  # Gone before the rest of the output, as its share is to be whole.
            time.sleep(0.05)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 130)
        self.assertIn(b"waited for a reader (the command ended with exit code 0)", process.stderr.read())
        process.stdout.close()
        process.stderr.close()
        self.assert_nothing_runs()

    def test_one_interrupt_is_for_the_command(self):
        process = self.start(self.command("--", "sh", "-c", "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.1; done"))
        self.wait_for(process, process.stdout, b"ready\n")
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual((done.returncode, done.stdout), (5, b"caught\n"), self.words(done))

    def test_two_interrupts_are_for_the_machine(self):
        process = self.start(self.command("--", "sh", "-c", "trap 'echo caught' INT; echo ready; while :; do sleep 0.1; done"))
        self.wait_for(process, process.stdout, b"ready\n")
        process.send_signal(signal.SIGINT)
        self.wait_for(process, process.stdout, b"caught\n")
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual(done.returncode, 130, self.words(done))
        self.assert_nothing_runs()

    def test_an_interrupt_during_boot(self):
        process = self.start(self.command("--", "true"))
        while not self.qemus() and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual(done.returncode, 130, self.words(done))
        self.assert_nothing_runs()


class Files(GuestTest):
    def test_the_working_folder_is_the_same(self):
        self.write("here", "x")
        self.assert_passes(self.run_kiln("--", "sh", "-c", "pwd; cat here"), self.folder + "\nx")

    def test_what_the_guest_deletes_stays(self):
        kept = self.write("kept", "still here")
        done = self.run_kiln("--user", "root", "--", "sh", "-c", f"rm {kept} && touch new && test ! -e {kept} && ls {self.folder}")
        self.assertEqual(done.returncode, 0, self.words(done))
        self.assertIn(b"new", done.stdout)
        self.assertTrue(os.path.exists(kept))
        self.assertFalse(os.path.exists(self.path("new")))

    def test_rw_writes_for_real(self):
        os.mkdir(self.path("out"))
        self.assert_passes(self.run_kiln("--rw", "out", "--", "sh", "-c", "echo written >out/file; echo lost >lost"))
        with open(self.path("out/file")) as file:
            self.assertEqual(file.read(), "written\n")
        self.assertFalse(os.path.exists(self.path("lost")))

    def test_shares(self):
        os.mkdir(self.path("data"))
        self.write("data/word", "shared")
        done = self.run_kiln("--share", "data:/mnt/there:ro", "--", "sh", "-c",
                             "cat /mnt/there/word; echo x 2>/dev/null >/mnt/there/new || echo closed")
        self.assert_passes(done, "sharedclosed\n")
        self.assert_passes(self.run_kiln("--share", "data:/mnt/there:rw", "--", "sh", "-c", "echo x >/mnt/there/new"))
        self.assertTrue(os.path.exists(self.path("data/new")))

    def test_a_folder_as_root(self):
        os.makedirs(self.path("root/bin"))
        busybox = "/bin/busybox"
        if not os.path.exists(busybox):
            self.skipTest("no busybox here (install busybox-static)")
        with open(busybox, "rb") as source:
            self.write("root/bin/busybox", source.read())
        os.chmod(self.path("root/bin/busybox"), 0o755)
        self.write("root/word", "mine")
        done = self.run_kiln("--root", self.path("root"), "--cwd", "/", "--", "/bin/busybox", "cat", "/word")
        self.assert_passes(done, "mine")

    def test_user(self):
        self.assert_passes(self.run_kiln("--", "id", "-u"), f"{os.getuid()}\n")
        self.assert_passes(self.run_kiln("--user", "65534", "--cwd", "/", "--", "id", "-u"), "65534\n")

    def test_environment(self):
        done = self.run_kiln("--env", "PASSED", "--env", "SET=b c", "--", "sh", "-c", 'echo "$PASSED,$SET,$KEPT_OUT"',
                             environment={"PASSED": "a", "KEPT_OUT": "secret"})
        self.assert_passes(done, "a,b c,\n")

    def test_a_disk(self):
        self.write("disk", b"first bytes".ljust(MEGABYTE, b"\0"))
        done = self.run_kiln("--user", "root", "--disk", self.path("disk"), "--", "sh", "-c",
                             "head -c 11 /dev/vda; printf other | dd of=/dev/vda conv=notrunc 2>/dev/null")
        self.assert_passes(done, "first bytes")
        with open(self.path("disk"), "rb") as disk:
            self.assertEqual(disk.read(11), b"other bytes")
        done = self.run_kiln("--user", "root", "--disk", self.path("disk") + ",ro", "--", "sh", "-c",
                             "printf x 2>/dev/null >/dev/vda || echo closed")
        self.assert_passes(done, "closed\n")


class Verdicts(GuestTest):
    def test_panic(self):
        done = self.run_kiln("--user", "root", "--", "sh", "-c", "echo c >/proc/sysrq-trigger; sleep 1000")
        self.assertEqual(done.returncode, 251, self.words(done))
        self.assertIn(b"sysrq triggered crash", done.stderr)
        bundle = self.bundles()[-1]
        self.assertEqual(bundle["verdict"], "crash")

    def test_timeout(self):
        done = self.run_kiln("--timeout", "1s", "--", "sleep", "1000")
        self.assertEqual(done.returncode, 124, self.words(done))
        self.assertEqual(self.bundles()[-1]["verdict"], "timeout")

    def test_panic_before_the_agent(self):
        done = self.run_kiln("--append", "rdinit=/there/is/none", "--", "true")
        self.assertEqual(done.returncode, 251, self.words(done))
        self.assertIn(b"Unable to mount root fs", done.stderr)

    def test_no_boot(self):
        done = self.run_kiln("--cold", "--boot-timeout", "50ms", "--", "true")
        self.assertEqual(done.returncode, 252, self.words(done))
        self.assertEqual(self.bundles()[-1]["verdict"], "no-boot")

    def test_power_off_by_the_command(self):
        done = self.run_kiln("--user", "root", "--", "sh", "-c", "echo o >/proc/sysrq-trigger; sleep 1000")
        self.assertNotEqual(done.returncode, 0, self.words(done))
        self.assertNotEqual(self.bundles()[-1]["verdict"], "pass")

    def test_bundle(self):
        self.run_kiln("-v", "--", "sh", "-c", "echo out; echo err >&2")
        bundle = self.bundles()[-1]
        self.assertEqual(bundle["verdict"], "pass")
        folder = next(os.scandir(self.path("state/kiln/runs"))).path
        for name, words in (("stdout", b"out\n"), ("stderr", b"err\n")):  # -v's console is not the command's.
            with open(os.path.join(folder, name), "rb") as file:
                self.assertEqual(file.read(), words)
        with open(os.path.join(folder, "console.log"), "rb") as file:
            self.assertIn(b"Linux version " + self.kernel.encode(), file.read())

    def test_the_pasted_command_line_works(self):
        done = self.run_kiln("--dry-run", "--", "uname", "-r")
        self.assertEqual(done.returncode, 0, self.words(done))
        text = done.stdout.decode()
        start = text.index("qemu-system-x86_64")
        start = text.rfind("\n", 0, start) + 1
        pasted = subprocess.run(["sh", "-c", text[start:]], env=self.environment, cwd=self.folder, timeout=200,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertIn(self.kernel.encode(), pasted.stdout)


if __name__ == "__main__":
    os.makedirs(CACHE, exist_ok=True)
    main()
