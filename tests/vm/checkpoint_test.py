"""Checkpoints of `kiln run`: what a command left is there each time, what a run changes is not, and disks stand still too."""
import json
import os
import shutil
import subprocess

from guest_tests import GuestTest, main


class Checkpoints(GuestTest):
    def kiln(self, *words):
        return self.run_kiln(command=[self.command()[0], *words])

    def make(self, name, *words):
        done = self.run_kiln("--checkpoint", name, *words)
        self.assert_passes(done)
        return done

    def start_from(self, name, *words):
        return self.run_kiln(command=[self.command()[0], "run", "--from", name, *words])

    def names(self):
        return [entry["name"] for entry in json.loads(self.kiln("checkpoint", "list", "--json").stdout)["checkpoints"]]


class HostRoot(Checkpoints):
    def test_each_run_starts_where_the_command_ended(self):
        self.make("set-up", "--", "sh", "-c", "echo kept >/tmp/kept && hostname")
        script = "cat /tmp/kept; ls /tmp/mine 2>/dev/null; touch /tmp/mine; hostname; cat /etc/machine-id"
        first = self.start_from("set-up", "--", "sh", "-c", script)
        second = self.start_from("set-up", "--", "sh", "-c", script)
        self.assert_passes(first)
        self.assert_passes(second)
        a, b = first.stdout.decode().split(), second.stdout.decode().split()
        self.assertEqual((a[0], b[0], len(a), len(b)), ("kept", "kept", 3, 3), (a, b))
        self.assertNotEqual(a[1:], b[1:])
        self.assertEqual(self.names(), ["set-up"])
        self.assert_nothing_runs()

    def test_files_of_the_host_are_those_of_now(self):
        os.mkdir(self.path("out"))
        self.write("word", "before\n")
        self.make("c", "--rw", "out", "--", "sh", "-c", "cat word; echo 1 >>out/log")
        self.write("word", "after\n")
        self.assert_passes(self.start_from("c", "--", "sh", "-c", "cat word; echo 2 >>out/log"), "after\n")
        with open(self.path("out/log")) as log:
            self.assertEqual(log.read(), "1\n2\n")

    def test_what_still_runs_is_named(self):
        done = self.run_kiln("--checkpoint", "c", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 &")
        self.assert_refused(done, (253,), r"while these run: sleep \(\d+\)", "--root initramfs")
        self.assertEqual(self.names(), [])

    def test_a_failed_command_makes_none(self):
        done = self.run_kiln("--checkpoint", "c", "--", "false")
        self.assert_refused(done, (1,), "no checkpoint was made")
        self.assertEqual(self.names(), [])


class OwnRoot(Checkpoints):
    def test_a_service_goes_on(self):
        self.make("svc", "--root", "initramfs", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 &")
        for _ in range(2):
            done = self.start_from("svc", "--", "ps")
            self.assert_passes(done)
            self.assertIn(b"sleep 1000", done.stdout)

    def test_a_checkpoint_of_a_checkpoint(self):
        self.make("one", "--root", "initramfs", "--", "touch", "/one")
        self.assert_passes(self.start_from("one", "--checkpoint", "two", "--", "touch", "/two"))
        self.assert_passes(self.kiln("checkpoint", "rm", "one"))
        self.assert_passes(self.start_from("two", "--", "ls", "/one", "/two"), "/one\n/two\n")


class Disks(Checkpoints):
    def setUp(self):
        super().setUp()
        if shutil.which("qemu-img") is None:
            self.skipTest("qemu-img is not installed")
        with open(self.path("disk"), "wb") as disk:
            disk.truncate(1 << 20)

    def test_stand_still_with_the_machine(self):
        write = "printf checkpoint | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null"
        self.make("disk", "--user", "root", "--disk", "disk", "--", "sh", "-c", write)
        with open(self.path("disk"), "rb") as disk:
            self.assertEqual(disk.read(10), bytes(10), "the named file was written to")
        script = ("head -c 10 /dev/vda; echo; printf changed!!! | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null;"
                  "head -c 10 /dev/vda")
        for _ in range(2):
            self.assert_passes(self.start_from("disk", "--user", "root", "--", "sh", "-c", script),
                               "checkpoint\nchanged!!!")
        os.utime(self.path("disk"), (1, 1))
        self.assert_refused(self.start_from("disk", "--", "true"), (2,), "was changed since")


class Refusals(Checkpoints):
    def test_each_has_its_words(self):
        self.make("c", "--root", "initramfs", "--", "true")
        self.assert_refused(self.run_kiln("--checkpoint", "c", "--", "true"), (2,), "there already", "checkpoint rm c")
        self.assert_refused(self.run_kiln("--checkpoint", "Not/One", "--", "true"), (2,), "can't be the name")
        self.assert_refused(self.start_from("none", "--", "true"), (2,), "there is no checkpoint none")
        self.assert_refused(self.start_from("c", "--memory", "2G", "--", "true"), (2,), "leave --memory out")
        done = self.run_kiln("--checkpoint", "d", "--qemu-arg=-device", "--qemu-arg=edu", "--", "true")
        self.assert_refused(done, (253,), "can't be frozen: it has --qemu-arg")
        self.assertEqual(self.names(), ["c"])

    def test_one_in_use_stays(self):
        self.make("c", "--root", "initramfs", "--", "true")
        command = [self.command()[0], "run", "--from", "c", "--", "sh", "-c", "echo ready; cat"]
        process = self.start(command, stdin=subprocess.PIPE)
        self.wait_for(process, process.stdout, b"ready\n")
        self.assertEqual(self.kiln("checkpoint", "rm", "c").returncode, 1)
        self.assertEqual(self.finish(process).returncode, 0)
        self.assert_passes(self.kiln("checkpoint", "rm", "c"))
        self.assertEqual(self.names(), [])

    def test_a_changed_qemu_is_noticed(self):
        """The same program in another file: nobody can know that it is the same."""
        qemu = self.own_qemu()
        self.make("c", "--root", "initramfs", "--", "true")
        self.assert_passes(self.start_from("c", "--", "true"))
        os.utime(qemu, (1, 1))
        self.assert_refused(self.start_from("c", "--", "true"), (2,), "QEMU or kiln itself has changed")


if __name__ == "__main__":
    main()
