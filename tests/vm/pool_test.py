"""The warm pool: clones lent to runs, and what is left when anybody involved is killed."""
import fcntl
import glob
import json
import os
import random
import signal
import socket
import subprocess
import time

from guest_tests import GuestTest, main


KILLS = int(os.environ.get("KILN_TEST_KILLS", "6"))
LOANS = int(os.environ.get("KILN_TEST_LOANS", "20"))


class Pool(GuestTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.end_pool)

    def end_pool(self):
        self.kiln("pool", "stop", "--now")
        self.assert_nothing_runs()

    def kiln(self, *words):
        return self.run_kiln(command=[self.command()[0], *words])

    def start_pool(self, *words):
        done = self.kiln("pool", "start", "--kernel", self.kernel, "--json", *words)
        self.assert_passes(done)
        return json.loads(done.stdout)

    def status(self):
        return json.loads(self.kiln("pool", "status", "--json").stdout)

    def wait_until(self, holds):
        deadline = time.monotonic() + 120
        while not holds():
            self.assertLess(time.monotonic(), deadline, self.status())
            time.sleep(0.05)

    def wait_for_clone(self):
        self.wait_until(lambda: any(machine["waiting"] for machine in self.status()["machines"]))

    def result(self, *words):
        done = self.run_kiln("--json", *words)
        return done, json.loads(done.stderr.splitlines()[-1])

    def borrow_for_cat(self, *words):
        """A run that holds a machine of the pool until its input ends."""
        process = self.start(self.command("--json", *words, "--", "sh", "-c", "echo ready; cat"), stdin=-1)
        self.wait_for(process, process.stdout, b"ready\n")
        return process


class Lending(Pool):
    def test_a_run_takes_one_and_it_is_replaced(self):
        before = self.start_pool("--size", "1")
        self.assertEqual(before["machines"][0]["waiting"], 1)
        done, result = self.result("--", "sh", "-c", "echo hello; exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, b"hello\n"), self.words(done))
        self.assertEqual((result["cloned"], result["pooled"], result["verdict"]), (True, True, "fail"))
        self.wait_for_clone()
        self.assertNotEqual(self.status()["machines"][0]["clones"][0]["pid"], before["machines"][0]["clones"][0]["pid"])
        self.assertFalse(self.result("--no-pool", "--", "true")[1]["pooled"])
        self.assertFalse(self.result("--cold", "--", "true")[1]["pooled"])
        self.assertFalse(self.result("--memory", "700M", "--", "true")[1]["pooled"])

    def test_no_trace_of_the_rehearsal(self):
        look = "sort /proc/mounts; find /run /etc -maxdepth 1 -newermt '2 minutes ago'; id; pwd; env | sort"
        alone, result = self.result("--no-pool", "--", "sh", "-c", look)
        alone, result = self.result("--no-pool", "--", "sh", "-c", look)
        self.assertTrue(result["cloned"])
        self.start_pool("--size", "1")
        pooled, result = self.result("--", "sh", "-c", look)
        self.assertTrue(result["pooled"])
        self.assertEqual(pooled.stdout.decode().splitlines(), alone.stdout.decode().splitlines())

    def test_files_are_those_of_now_and_the_clock_too(self):
        self.write("file", "before\n")
        self.start_pool("--size", "1")
        self.write("file", "after\n")
        done, result = self.result("--", "sh", "-c", "cat file; date +%s")
        self.assertTrue(result["pooled"])
        word, now = done.stdout.decode().split()
        self.assertEqual(word, "after")
        self.assertLess(abs(int(now) - time.time()), 5)

    def test_no_two_are_alike(self):
        self.start_pool("--size", "2")
        seen = set()
        for _ in range(6):
            self.wait_for_clone()
            done, result = self.result("--", "sh", "-c", "head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid")
            self.assertTrue(result["pooled"])
            seen.update(done.stdout.splitlines())
        self.assertEqual(len(seen), 12)

    def test_a_share_is_part_of_the_machine(self):
        os.mkdir(self.path("shared"))
        self.start_pool("--size", "1", "--rw", "shared")
        self.assertFalse(self.result("--", "true")[1]["pooled"])
        done, result = self.result("--rw", "shared", "--", "sh", "-c", "echo kept >shared/file")
        self.assert_passes(done)
        self.assertTrue(result["pooled"])
        self.assertEqual(open(self.path("shared/file")).read(), "kept\n")

    def test_a_panic_is_told_as_ever(self):
        self.start_pool("--size", "1")
        done, result = self.result("--user", "root", "--", "sh", "-c", "echo c >/proc/sysrq-trigger")
        self.assertEqual((result["verdict"], done.returncode, result["pooled"]), ("crash", 251, True))
        self.assertIn("sysrq triggered crash", result["cause"])

    def test_start_again_changes_the_size(self):
        self.start_pool("--size", "1")
        self.assertEqual(self.start_pool("--size", "2")["machines"][0]["waiting"], 2)
        status = self.start_pool("--size", "1", "--memory", "700M")
        self.assertEqual([machine["size"] for machine in status["machines"]], [2, 1])

    def test_two_starts_at_once(self):
        self.assert_passes(self.run_kiln("--", "true"))
        command = [self.command()[0], "pool", "start", "--kernel", self.kernel, "--size", "1", "--json"]
        for process in [self.start(command), self.start(command)]:
            self.assert_passes(self.finish(process))
        self.assertEqual(len(self.status()["machines"]), 1)

    def test_a_service_that_does_not_listen_yet(self):
        """Somebody has taken the lock and not made the socket yet: a start waits for it."""
        self.assert_passes(self.run_kiln("--", "true"))
        command = [self.command()[0], "pool", "start", "--kernel", self.kernel, "--size", "1", "--json"]
        os.makedirs(self.path("runtime/kiln"), mode=0o700, exist_ok=True)
        with open(self.path("runtime/kiln/pool.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            early = self.start(command)
            with self.assertRaises(subprocess.TimeoutExpired):
                early.wait(2)
        self.assert_passes(self.finish(self.start(command)))
        self.assert_passes(self.finish(early))
        self.assertEqual(len(self.status()["machines"]), 1)


class Faults(Pool):
    def test_a_killed_run_ends_its_machine(self):
        self.start_pool("--size", "1")
        process = self.borrow_for_cat()
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.wait_until(lambda: self.status()["machines"][0]["lent"] == 0)
        self.wait_for_clone()
        self.assertEqual(len(self.qemus()), 1)

    def test_a_killed_machine_is_infra(self):
        self.start_pool("--size", "1")
        process = self.borrow_for_cat()
        lent, = [clone["pid"] for clone in self.status()["machines"][0]["clones"] if clone["state"] == "lent"]
        os.kill(lent, signal.SIGKILL)
        done = self.finish(process)
        self.assertEqual(done.returncode, 253, self.words(done))
        self.assertIn("killed", json.loads(done.stderr.splitlines()[-1])["cause"])

    def test_a_killed_service_takes_all_with_it(self):
        service = self.start_pool("--size", "2")["pid"]
        process = self.borrow_for_cat()
        os.kill(service, signal.SIGKILL)
        done = self.finish(process)
        self.assertEqual(done.returncode, 253, self.words(done))
        self.assertIn("warm pool", json.loads(done.stderr.splitlines()[-1])["cause"])
        self.assert_nothing_runs()
        done, result = self.result("--", "echo", "ok")  # The socket is still there, and nobody listens.
        self.assert_passes(done, "ok\n")
        self.assertFalse(result["pooled"])
        self.start_pool("--size", "1")
        self.assertTrue(self.result("--", "true")[1]["pooled"])

    def test_a_killed_waiting_clone_is_replaced(self):
        clone, = self.start_pool("--size", "1")["machines"][0]["clones"]
        os.kill(clone["pid"], signal.SIGKILL)
        self.wait_until(lambda: [c["pid"] for c in self.status()["machines"][0]["clones"]
                                 if c["state"] == "waiting" and c["pid"] != clone["pid"]])
        self.assert_passes(self.run_kiln("--", "true"))

    def test_anybody_is_killed_at_any_moment(self):
        """The run, the machine that it borrows or a waiting one, while machines come and go."""
        self.start_pool("--size", "2")
        begun = time.monotonic()
        self.assert_passes(self.run_kiln("--", "true"))
        whole = time.monotonic() - begun
        chance = random.Random(KILLS)
        for number in range(KILLS):
            process = self.start(self.command("--", "sh", "-c", "echo begun; echo done"))
            time.sleep(chance.random() * 2 * whole)
            victims = self.qemus() + ([process.pid] if process.poll() is None else [])
            if victims:
                victim = chance.choice(victims)
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            done = self.finish(process)
            # Killed, ended well before, or told that its machine was.
            self.assertIn(done.returncode, (-signal.SIGKILL, 0, 253), self.words(done))
            if done.returncode == 0:
                self.assertEqual(done.stdout, b"begun\ndone\n")
            self.assert_passes(self.run_kiln("--", "echo", str(number)), f"{number}\n")
        self.wait_until(lambda: self.status()["machines"][0]["lent"] == 0 and len(self.qemus()) == 2)

    def test_many_loans_leave_the_service_as_it_was(self):
        service = self.start_pool("--size", "2")["pid"]

        def held():
            text = open(f"/proc/{service}/status").read()
            return len(os.listdir(f"/proc/{service}/fd")), int(text.split("VmRSS:")[1].split()[0])

        for _ in range(3):
            self.assert_passes(self.run_kiln("--", "true"))
        self.wait_until(lambda: self.status()["machines"][0]["waiting"] == 2)
        descriptors, memory = held()
        for number in range(LOANS):
            self.assert_passes(self.run_kiln("--", "echo", str(number)), f"{number}\n")
        self.wait_until(lambda: self.status()["machines"][0]["waiting"] == 2)
        after = held()
        self.assertLess(after[0], descriptors + 5)
        self.assertLess(after[1], memory + 4096, "KiB of the service")

    def test_a_stuck_service_costs_little_and_harms_nothing(self):
        service = self.start_pool("--size", "1")["pid"]
        os.kill(service, signal.SIGSTOP)
        try:
            done, result = self.result("--", "echo", "ok")
            self.assert_passes(done, "ok\n")
            self.assertFalse(result["pooled"])
        finally:
            os.kill(service, signal.SIGCONT)

    def test_stop_waits_for_what_is_lent(self):
        self.start_pool("--size", "2")
        process = self.borrow_for_cat()
        self.assertEqual(json.loads(self.kiln("pool", "stop", "--json").stdout)["lent"], 1)
        self.assert_passes(self.finish(process))
        self.assert_nothing_runs()
        self.assertFalse(self.status()["running"])
        self.assertEqual(glob.glob(self.path("runtime/kiln/pool.sock")), [])

    def test_garbage_does_not_hurt(self):
        path = self.start_pool("--size", "1")["socket"]
        for message in (b"\0" * 10, b"{" * 5000, os.urandom(60000), b'{"schema":1,"ask":"lend","key":[]}'):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
                peer.connect(path)
                peer.send(message)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertTrue(self.result("--", "true")[1]["pooled"])

    def test_another_user_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        path = self.start_pool("--size", "1")["socket"]
        os.chmod(path, 0o666)
        for folder in (self.folder, self.path("runtime"), os.path.dirname(path)):
            os.chmod(folder, 0o755)
        script = ("import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
                  f"s.connect({path!r}); s.settimeout(20)\n"
                  "try: s.send(b'{\"schema\":1,\"ask\":\"status\"}'); print(len(s.recv(9)))\n"
                  "except OSError: print(0)")
        done = subprocess.run(["python3", "-c", script], user=65534, stdout=subprocess.PIPE, timeout=60, env={})
        self.assertEqual(done.stdout, b"0\n")

    def test_what_has_no_template_is_refused(self):
        done = self.kiln("pool", "start", "--kernel", self.kernel, "--qemu-arg", "-no-user-config")
        self.assert_refused(done, (1, 2), "boots each time")
        done = self.kiln("pool", "start", "--kernel", self.kernel, "--net", "user", "--forward", "18022:22")
        self.assert_refused(done, (1, 2), "port")
        done = self.kiln("pool", "start", "--kernel", self.kernel, "--size", "99")
        self.assert_refused(done, (2,), "--size")


if __name__ == "__main__":
    main()
