"""One real kernel: the profile `base` of the distribution's source, built, booted, found again."""
import glob
import json
import os
import pathlib
import shutil
import subprocess

from guest_tests import CACHE, GuestTest, main

BUILD_PATIENCE_SECONDS = 1800
MODULE = """
#include <linux/module.h>
static int __init begin(void)
{
	pr_info("hello from a module\\n");
	return 0;
}
static void __exit end(void)
{
}
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
"""


def packed_source():
    """The newest /usr/src/linux-source-*.tar.*, or None."""
    return max((path for path in glob.glob("/usr/src/linux-source-*.tar.*") if os.path.isfile(path)), default=None)


def source_tree():
    """The source, unpacked once into the build folder."""
    packed = packed_source()
    place = pathlib.Path(CACHE).parent / "kernel-source"
    stamp = place / (os.path.basename(packed) + ".unpacked")
    if not stamp.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        subprocess.run(["tar", "-xf", packed, "-C", place], check=True, timeout=BUILD_PATIENCE_SECONDS)
        stamp.touch()
    return str(next(path for path in place.iterdir() if path.is_dir()))


class Base(GuestTest):
    def build(self, *words):
        done = subprocess.run([self.command()[0], "build", "--json", *words], cwd=self.tree, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=BUILD_PATIENCE_SECONDS)
        self.assertEqual(done.returncode, 0, self.words(done))
        return json.loads(done.stdout)

    def test_builds_boots_and_is_found_again(self):
        if packed_source() is None:
            self.skipTest("no kernel source: /usr/src/linux-source-*.tar.* (install linux-source)")
        missing = [name for name in ("make", "gcc", "flex", "bison", "bc") if shutil.which(name) is None]
        if missing:
            self.skipTest(f"not installed: {', '.join(missing)}")
        # The compiler cache of whoever runs the tests, when there is one; the home of a test is its own.
        if shutil.which("ccache"):
            self.environment.setdefault("CCACHE_DIR", str(pathlib.Path(CACHE).parent / "ccache"))
        self.tree = source_tree()
        before = sorted(os.listdir(self.tree))
        built = self.build()
        self.assertEqual(built["unmet"], [])
        print(f"\ncached: {built['cached']}, {built['cpu_s'] / 60:.1f} CPU minutes, {built['steps']} steps")
        self.assertEqual(sorted(os.listdir(self.tree)), before, "the source stays as it is")
        self.assertTrue(os.path.isfile(built["image"]))
        self.assertTrue(self.build()["cached"])
        # The tree's newest build is what runs in it.
        done = self.run_kiln(command=[self.command()[0], "run", "--", "uname", "-r"], cwd=self.tree)
        self.assert_passes(done, built["release"] + "\n")
        done = self.run_kiln(command=[self.command()[0], "run", "--build", "--", "cat", os.path.join(self.tree, "Kbuild")],
                             cwd=self.tree)
        self.assert_passes(done, pathlib.Path(self.tree, "Kbuild").read_text())
        self.module_holds_without_the_source(built["folder"])
        self.modules_of_the_build_are_where_modprobe_looks(built)
        self.assert_nothing_runs()

    def modules_of_the_build_are_where_modprobe_looks(self, built):
        """The root has none of this release; what changed is built in the same folder."""
        loose = self.build("-s", "BLK_DEV_LOOP=m")
        self.assertNotEqual(loose["key"], built["key"])
        self.assertFalse(os.path.exists(f"/lib/modules/{loose['release']}"), "the host has modules of this release")
        done = self.run_kiln(command=[self.command()[0], "run", "--user", "root", "--", "sh", "-c",
                                      "modprobe loop && test -e /dev/loop-control && modinfo -F filename loop"],
                             cwd=self.tree)
        self.assert_passes(done, f"/lib/modules/{loose['release']}/kernel/drivers/block/loop.ko\n")

    def module_holds_without_the_source(self, folder):
        """A module is built against the kept build alone, and loaded into the kernel that it is for."""
        module = pathlib.Path(self.folder, "kiln_hello")
        module.mkdir()
        (module / "Makefile").write_text("obj-m := kiln_hello.o\n")
        (module / "kiln_hello.c").write_text(MODULE)
        made = subprocess.run(["make", "-C", folder, f"M={module}"], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD_PATIENCE_SECONDS)
        self.assertEqual(made.returncode, 0, made.stdout.decode(errors="replace"))
        read = (module / ".kiln_hello.o.cmd").read_text()
        self.assertIn("/headers/include/linux/module.h", read)
        self.assertNotIn(self.tree, read)
        done = self.run_kiln(command=[self.command()[0], "run", "--user", "root", "--", "sh", "-c",
                                      f"insmod {module}/kiln_hello.ko && dmesg | grep -o 'hello from a module'"],
                             cwd=self.tree)
        self.assert_passes(done, "hello from a module\n")


if __name__ == "__main__":
    main()
