"""scripts/setup in a made-up machine: its PATH holds only what the test puts there."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from scripts_under_test import ROOT

TABLE = """# comment build
build  cmd:cmake         cmake       cmake-f      cmake-a
build  hdr:no/such_.h    libno-dev   no-devel     no
build  hdr:stdio.h       libc6-dev   glibc-devel  glibc
run    cmd:qemu          qemu        qemu-f       qemu-a
run    kernel            linux-img   kernel-f     linux-a
test   cmd:only-debian   thing       -            -
"""
# Says what it was called with; "installs" the programs whose packages are named.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$LOG"
case $1 in update) : >"$LISTS/x_Packages"; exit 0 ;; esac
[ -e "$LISTS/x_Packages" ] || { echo "E: Unable to locate package" >&2; exit 100; }
[ -z "${BROKEN-}" ] || exit 100
for word; do
  case $word in
    cmake|qemu) cp "$BIN/true" "$BIN/$word" ;;
    libno-dev) mkdir -p "$INCLUDE/no"; : >"$INCLUDE/no/such_.h" ;;
    linux-img) : >"$BOOT/vmlinuz-1" ;;
  esac
done
exit ${LATE-0}
"""


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("bin", "lists", "boot", "include"):
            (self.root / name).mkdir()
        self.log = self.root / "log"
        self.log.write_text("")
        (self.root / "table").write_text(TABLE)
        for tool in ("sh", "sed", "dirname", "grep", "ls", "uname", "env", "cp", "mkdir", "true"):
            (self.root / "bin" / tool).symlink_to(shutil.which(tool))
        compiler = shutil.which("c++")
        self.program("c++", f'#!/bin/sh\nexec {compiler} -I"$INCLUDE" "$@"\n')
        self.program("apt-get", APT_GET)
        self.user(0)

    def program(self, name, text):
        path = self.root / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def user(self, number):
        self.program("id", f"#!/bin/sh\necho {number}\n")

    def here(self, *names):
        for name in names:
            self.program(name, "#!/bin/sh\n")

    def setup(self, *words, **environment):
        root = self.root
        done = subprocess.run(
            ["/bin/sh", str(ROOT / "scripts/setup"), *words], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PATH": str(root / "bin"), "LOG": str(self.log), "LISTS": str(root / "lists"), "BIN": str(root / "bin"),
                 "BOOT": str(root / "boot"), "INCLUDE": str(root / "include"), "KILN_PACKAGES": str(root / "table"),
                 "KILN_BOOT_DIRS": str(root / "boot"), "KILN_APT_LISTS": str(root / "lists"), **environment})
        return done

    def calls(self):
        return self.log.read_text().splitlines()

    def test_root_installs_what_is_missing_and_only_that(self):
        done = self.setup("build", "run")
        self.assertEqual(done.returncode, 0, done.stderr)
        update, install = self.calls()
        self.assertTrue(update.startswith("apt-get update"))
        self.assertTrue(install.endswith("--no-install-recommends cmake libno-dev qemu linux-img"), install)
        self.assertIn("the header <no/such_.h> (package libno-dev)", done.stderr)
        self.assertNotIn("stdio.h", done.stderr)

    def test_with_nothing_missing_it_is_silent_and_calls_nothing(self):
        self.setup("build", "run")
        self.log.write_text("")
        done = self.setup("build", "run")
        self.assertEqual((done.returncode, done.stdout, done.stderr, self.calls()), (0, "", "", []))

    def test_package_lists_are_fetched_only_when_there_are_none(self):
        (self.root / "lists/x_Packages").write_text("")
        self.setup("build")
        self.assertEqual([call.split()[1] for call in self.calls()], ["install"])

    def test_no_root_and_no_sudo_prints_the_command_and_stops(self):
        self.user(1000)
        done = self.setup("build")
        self.assertEqual((done.returncode, self.calls()), (1, []))
        self.assertIn("apt-get install", done.stderr)
        self.assertIn("cmake libno-dev", done.stderr)

    def test_sudo_is_for_the_package_manager(self):
        self.user(1000)
        self.program("sudo", '#!/bin/sh\necho "sudo $*" >>"$LOG"\n[ "$1" = -n ] && shift\nexec "$@"\n')
        done = self.setup("build")
        self.assertEqual(done.returncode, 0, done.stderr)
        asked = [call.split()[1:] for call in self.calls() if call.startswith("sudo") and "-n" not in call.split()]
        self.assertEqual([words[0] for words in asked], ["apt-get", "env"])

    def test_sudo_that_wants_a_password_nobody_can_type(self):
        self.user(1000)
        self.program("sudo", "#!/bin/sh\nexit 1\n")
        done = self.setup("build")
        self.assertEqual((done.returncode, self.calls()), (1, []))
        self.assertIn("sudo cannot be used here", done.stderr)

    def test_without_root_a_kernel_is_left_to_kiln(self):
        self.user(1000)
        self.here("qemu")
        done = self.setup("run")
        self.assertEqual((done.returncode, self.calls()), (0, []))
        self.assertIn("kiln will fetch one", done.stderr)

    def test_a_failed_install_says_what_is_still_missing(self):
        (self.root / "lists/x_Packages").write_text("")
        done = self.setup("build", BROKEN="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("still missing after the install (exit code 100)", done.stderr)
        self.assertIn("the program cmake (package cmake)", done.stderr)
        self.assertEqual([call.split()[1] for call in self.calls()], ["install", "update", "install"])

    def test_a_package_script_that_fails_late_does_not_matter_when_all_is_there(self):
        (self.root / "lists/x_Packages").write_text("")
        done = self.setup("build", LATE="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("going on", done.stderr)

    def test_print_only_prints(self):
        done = self.setup("--print", "build")
        self.assertEqual((done.returncode, self.calls()), (0, []))
        self.assertIn("apt-get install", done.stdout)

    def test_without_a_compiler_every_header_counts_as_missing(self):
        (self.root / "bin/c++").unlink()
        done = self.setup("--print", "build")
        self.assertTrue(done.stdout.endswith("cmake libno-dev libc6-dev\n"), done.stdout)

    def test_fedora_and_arch_have_their_own_names(self):
        (self.root / "bin/apt-get").unlink()
        self.here("dnf")
        self.assertTrue(self.setup("--print", "build").stdout.endswith("cmake-f no-devel\n"))
        (self.root / "bin/dnf").unlink()
        self.here("pacman")
        self.assertTrue(self.setup("--print", "build").stdout.endswith("--noconfirm cmake-a no\n"))
        done = self.setup("test")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no package that is known", done.stderr)

    def test_no_known_package_manager(self):
        (self.root / "bin/apt-get").unlink()
        done = self.setup("build")
        self.assertEqual(done.returncode, 1)
        self.assertIn("install these by hand", done.stderr)

    def test_a_word_it_does_not_know(self):
        self.assertEqual(self.setup("biuld").returncode, 2)


if __name__ == "__main__":
    unittest.main()
