"""kiln inside of kiln: KVM and vsock on hosts that have neither.

QEMU emulates AMD's virtualization (SVM), so in a guest with `-cpu qemu64,+svm,+npt` kvm_amd gives a /dev/kvm that works, slowly; and
vhost_vsock gives a /dev/vhost-vsock. Minutes each, so only with KILN_TEST_NESTED=1.
"""
import hashlib
import json
import os
import subprocess

from guest_tests import CACHE, KILN, GuestTest, main

NESTED_SECONDS = int(os.environ.get("KILN_TEST_NESTED_PATIENCE", "2400"))

# The inner kiln keeps what it writes in the outer guest's memory, but finds unpacked kernels where the tests of the host do. A CPU that
# has just begun to be emulated may be too slow for a working KVM, so it is measured until it is warm.
PROLOGUE = f"""
set -e
kiln={KILN}
export XDG_CACHE_HOME={CACHE} XDG_STATE_HOME=/run/state XDG_CONFIG_HOME=/run/config XDG_RUNTIME_DIR=/run/kiln
mkdir -p /run/kiln
inner() {{ timeout 1200 "$kiln" run --boot-timeout 6m --accel kvm --cpus 1 --kernel "$KERNEL" "$@" </dev/null; }}
modprobe kvm_amd
modprobe vhost_vsock
tries=0
until "$kiln" doctor | tee /run/doctor | grep -q 'kvm .*works'; do
  tries=$((tries + 1))
  if [ $tries = 20 ]; then cat /run/doctor; exit 9; fi
  rm -f {CACHE}/kiln/kvm-probe
done
"""


class Nested(GuestTest):
    def setUp(self):
        if os.environ.get("KILN_TEST_NESTED") != "1":
            self.skipTest("takes minutes: KILN_TEST_NESTED=1 runs it")
        super().setUp()

    def nested(self, script, kernel=None):
        """Runs the script as root in a guest that has KVM and vsock: what it printed on standard output."""
        self.run_kiln("--", "true")  # The kernel is unpacked by a CPU that is not emulated.
        command = self.command("--cold", "--user", "root", "--memory", "3G", "--cpus", "2", "--qemu-arg=-cpu", "--qemu-arg=qemu64,+svm,+npt",
                               "--env", f"KERNEL={kernel or self.kernel}", "--", "sh", "-c", PROLOGUE + script)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, env=self.environment, cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=NESTED_SECONDS)
        self.assertEqual(done.returncode, 0, self.words(done))
        return done.stdout.decode(errors="replace")


class Kvm(Nested):
    def test_boots_freezes_clones_and_plugs(self):
        output = self.nested("""
inner --json --root initramfs -- sh -c 'echo one; uname -r' 2>/run/one
inner --json --root initramfs -- sh -c 'echo two $(cat /proc/sys/kernel/random/uuid)' 2>/run/two
inner --json --root initramfs -- sh -c 'echo three $(cat /proc/sys/kernel/random/uuid); date +%s' 2>/run/three
date +%s
truncate -s 16M /run/disk.raw
inner --root initramfs --disk /run/disk.raw -- sh -c 'echo written >/dev/vda; sync'
head -c 8 /run/disk.raw
inner --root initramfs --checkpoint here -- sh -c 'echo kept >/tmp/kept'
timeout 1200 "$kiln" run --from here --boot-timeout 15m -- sh -c 'cat /tmp/kept' </dev/null
echo results; tail -qn1 /run/one /run/two /run/three
""")
        head, results = output.split("results\n")
        words = head.split()
        results = [json.loads(line) for line in results.splitlines()]
        self.assertEqual((words[0], words[1], words[2], words[4]), ("one", self.kernel, "two", "three"), output)
        self.assertNotEqual(words[3], words[5])
        self.assertLess(abs(int(words[6]) - int(words[7])), 120, "the clone's clock")
        self.assertEqual(words[8:], ["written", "kept"], output)
        self.assertEqual([result["cloned"] for result in results], [False, True, True], output)
        self.assertEqual([result["verdict"] for result in results], ["pass"] * 3, output)


    def test_freezes_the_hosts_root(self):
        output = self.nested("""
for name in one two three; do
  echo $name >/opt/name
  inner --json -- sh -c 'cat /opt/name; ls -d /etc | wc -l; sha256sum "$0"; id -u' "$kiln" 2>/run/$name
done
cd "$(ls -td "$XDG_CACHE_HOME"/kiln/template/*/ | head -n1)"
grep -c '"root": "mounted"' template.json
ls proven
echo results; tail -qn1 /run/one /run/two /run/three
""")
        head, results = output.split("results\n")
        results = [json.loads(line) for line in results.splitlines()]
        with open(KILN, "rb") as kiln:
            digest = hashlib.sha256(kiln.read()).hexdigest()
        self.assertEqual(head.split(), [word for name in ("one", "two", "three") for word in (name, "1", digest, KILN, "0")] + ["1", "proven"])
        self.assertEqual([result["cloned"] for result in results], [False, True, True], output)


class Vsock(Nested):
    def test_carries_a_run_and_is_refused_without_its_device(self):
        output = self.nested("""
inner --link vsock --root initramfs -- sh -c 'uname -r; cat /proc/cmdline; head -c 3000000 /dev/zero | sha256sum; exit 0'
set +e
rm /dev/vhost-vsock
inner --link vsock --root initramfs -- true 2>&1
echo "code $?"
""")
        release, command_line, digest, *refused = output.splitlines()
        self.assertEqual(release, self.kernel)
        self.assertRegex(command_line, r"kiln\.link=vsock:[1-9]\d*")
        self.assertEqual(digest.split()[0], hashlib.sha256(bytes(3000000)).hexdigest())
        self.assertEqual(refused[-1], "code 253", output)
        self.assertIn("modprobe vhost_vsock", output)


if __name__ == "__main__":
    main()
