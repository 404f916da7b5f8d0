"""Templates and clones of `kiln run`: each clone a machine of its own, no stale or damaged one used, many at once."""
import glob
import json
import os
import signal

from guest_tests import GuestTest, main

FACTS = ("head -c 16 /dev/urandom | od -An -tx1 | tr -d ' '; cat /proc/sys/kernel/random/uuid; "
         "cat /proc/sys/kernel/random/boot_id")


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
        done, summary = self.result("--repeat", "20", "--", "sh", "-c", FACTS)
        self.assert_passes(done)
        self.assertEqual((summary["done"], summary["passed"], summary["cloned"]), (20, 20, 19))
        outputs = self.outputs()
        self.assertEqual(len(outputs), 20)
        for number, name in enumerate(("urandom", "uuid", "boot_id")):
            with self.subTest(name):
                self.assertEqual(len({output[number] for output in outputs}), 20, [o[number] for o in outputs])
        self.assert_nothing_runs()

    def test_eight_at_once_on_an_empty_cache(self):
        started = [self.start(self.command("--json", "--", "echo", str(number))) for number in range(8)]
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
