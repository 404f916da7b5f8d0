"""Symbols of kernels of other machines than this one, with the cross compilers that are here."""
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from widget import BANNER, Widget

KILN = os.environ["KILN_UNDER_TEST"]


def clang(target):
    return (["clang-19", f"--target={target}", "-fuse-ld=lld"], ["clang-19", "ld.lld-19"])


def gcc(target):
    return ([f"{target}-gcc"], [f"{target}-gcc"])


# Name: compilers, where the CPU was, a caller, what the third instruction is as far as capstone knows the machine.
MACHINES = {
    "arm64": ([gcc("aarch64-linux-gnu"), clang("aarch64-linux-gnu")], "pc : {}", " {}", True),
    "riscv64": ([gcc("riscv64-linux-gnu"), clang("riscv64-linux-gnu")], "epc : {}", " {}", False),
    "arm": ([clang("arm-linux-gnueabi")], "PC is at {}", " widget_spin from {}", True),
    "powerpc64le": ([clang("powerpc64le-linux-gnu")], "NIP [c0000000004e8b40] {}",
                    "[c00000000f4b3ba0] [c0000000007a1d30] {}", True),
    "mips": ([clang("mips-linux-gnu")], "epc   : 80412af0 {}", "[<80412af0>] {}", True),
    "s390x": ([clang("s390x-linux-gnu")], "Krnl PSW : 0704c00180000000 00000000001c8a52 ({})",
              " [<00000000001c8a52>] {}", False),
    "loongarch64": ([clang("loongarch64-linux-gnu")], "ERA: 9000000000412af0 {}", "[<9000000000412af0>] {}", False),
}


class Foreign(unittest.TestCase):
    def check(self, name):
        compilers, pc, caller, has_instructions = MACHINES[name]
        usable = [cc for cc, needs in compilers if all(shutil.which(program) for program in needs)]
        if not usable:
            self.skipTest(f"no compiler for {name} is installed")
        with tempfile.TemporaryDirectory() as folder:
            widget = Widget(os.path.join(folder, "widget"), usable[0])
            code = widget.code("widget_spin")
            words = struct.unpack((">" if name == "mips" else "<") + f"{len(code) // 4}I", code[:len(code) // 4 * 4])
            shown = [f"{word:08x}" for word in words[:5]]
            shown[2] = f"<{shown[2]}>" if name in ("powerpc64le", "mips") else f"({shown[2]})"
            log = [BANNER, "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000",
                   pc.format(widget.place("widget_spin")), "Call trace:", caller.format(widget.place("widget_turn"))]
            if has_instructions:
                log.append("Code: " + " ".join(shown))
            done = subprocess.run([KILN, "crash", "--full", "--vmlinux", widget.path], input="\n".join(log) + "\n",
                                  capture_output=True, text=True,
                                  env=dict(os.environ, XDG_CACHE_HOME=os.path.join(folder, "cache")))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("in widget_spin", done.stdout)
        self.assertRegex(done.stdout, r"widget_spin\+0x8/0x[0-9a-f]+ .*widget.c:3")
        self.assertRegex(done.stdout, r"widget_turn\+0x8/0x[0-9a-f]+ .*widget.c:4")
        if has_instructions:
            self.assertRegex(done.stdout, r"\n +> [0-9a-f ]+ +[a-z]+ .*widget.c:3")


for machine in MACHINES:
    setattr(Foreign, f"test_{machine}", lambda self, name=machine: self.check(name))

if __name__ == "__main__":
    unittest.main()
