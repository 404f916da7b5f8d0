"""A program small enough to stand for a kernel: some functions, a banner, a build-id, debug information."""
import re
import subprocess

SOURCE = """static volatile int turns;
static inline __attribute__((always_inline)) int widget_inner(int *p) { return *p + turns; }
__attribute__((noinline)) int widget_spin(int *p) { turns += 1; return widget_inner(p); }
__attribute__((noinline)) int widget_turn(int *p) { return widget_spin(p) + 1; }
void _start(void) { for (;;) widget_turn(0); }
const char linux_banner[] = "Linux version 6.1.0-widget (a@b) (cc) #1 SMP";
"""
BANNER = "Linux version 6.1.0-widget (a@b) (cc) #1 SMP"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Widget:
    """Built at `path` by `compiler`, an argument vector."""

    def __init__(self, path, compiler=("cc",)):
        self.path = path
        with open(path + ".c", "w") as file:
            file.write(SOURCE)
        run(*compiler, "-g", "-O1", "-fno-pic", "-nostdlib", "-static", "-Wl,--build-id=sha1", "-o", path, path + ".c")
        notes = run("readelf", "-n", path)
        self.build_id = re.search(r"Build ID: ([0-9a-f]{40})", notes).group(1)
        self.symbols = {}
        for row in run("readelf", "-sW", path).splitlines():
            words = row.split()
            if len(words) >= 8 and words[3] == "FUNC":
                self.symbols[words[-1]] = (int(words[1], 16), int(words[2]))

    def place(self, name, offset=8):
        """As the kernel prints it."""
        return f"{name}+{offset:#x}/{self.symbols[name][1]:#x}"

    def code(self, name):
        """The bytes of a function."""
        address, size = self.symbols[name]
        row = next(row for row in run("readelf", "-SW", self.path).splitlines() if " .text " in row)
        base, offset = (int(word, 16) for word in row.split("PROGBITS")[1].split()[:2])
        with open(self.path, "rb") as file:
            file.seek(offset + address - base)
            return file.read(size)
