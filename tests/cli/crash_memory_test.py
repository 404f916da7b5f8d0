"""How much memory `kiln crash` takes for logs of any size: from a pipe, and packed.

KILN_TEST_MEGABYTES=10240 reads 10 GiB each way; the default is small enough for every day.
"""
import bz2
import gzip
import lzma
import os
import select
import subprocess
import sys
import tempfile
import threading
import unittest

KILN = os.environ["KILN_UNDER_TEST"]
MEGABYTE = 1 << 20
SIZE = int(os.environ.get("KILN_TEST_MEGABYTES", "48")) * MEGABYTE
# The program itself, its libraries and its buffers; an xz dictionary comes on top.
LIMIT = 64 * MEGABYTE

LINE = b"[%5d.%06d] usb 1-1: new high-speed USB device number %d using xhci_hcd\n"
BLOCK = b"".join(LINE % (i // 1000, i % 1000000, i % 128) for i in range(16384))
CRASH = (b"[99999.000001] kernel BUG at fs/widget.c:12!\n[99999.000002] RIP: 0010:widget_spin+0x12/0x40\n"
         b"[99999.000003] Call Trace:\n[99999.000004]  widget_turn+0x1/0x2\n")


def pieces():
    for _ in range(SIZE // len(BLOCK) + 1):
        yield BLOCK
    yield CRASH


class Memory(unittest.TestCase):
    def read(self, feed=None, path=None):
        """Titles and the peak of resident memory in bytes."""
        command = [KILN, "crash", "--titles", "--no-symbols", *([path] if path else [])]
        child = subprocess.Popen(command, stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                                 stdout=subprocess.PIPE)
        peaks = [0]

        # ru_maxrss would count this interpreter, from before the exec: the child's own mark is sampled.
        def sample():
            try:
                with open(f"/proc/{child.pid}/status") as status:
                    mark = [line for line in status if line.startswith("VmHWM:")]
                if mark and os.readlink(f"/proc/{child.pid}/exe") == os.path.realpath(KILN):
                    peaks.append(int(mark[0].split()[1]) * 1024)
            except OSError:
                pass  # It has ended.

        def push():
            for piece in feed():
                child.stdin.write(piece)
            child.stdin.flush()
            sample()  # It is surely there until it is told the end.
            child.stdin.close()
        thread = threading.Thread(target=push) if feed else None
        if thread:
            thread.start()
        out = b""
        while True:
            ready, _, _ = select.select([child.stdout], [], [], 0.02)
            sample()
            if ready:
                part = os.read(child.stdout.fileno(), 65536)
                if not part:
                    break
                out += part
        if thread:
            thread.join()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stdout.close()
        self.assertEqual(child.returncode, 0)
        peak = max(peaks)
        self.assertGreater(peak, 0)
        seconds = usage.ru_utime + usage.ru_stime
        print(f"\n{self.id().rsplit('.', 1)[-1]}: {SIZE // MEGABYTE} MiB, peak {peak / MEGABYTE:.1f} MiB, {seconds:.1f} s of CPU")
        self.assertEqual(out, b"kernel BUG in widget_spin\n")
        self.assertLess(peak, LIMIT)

    def test_pipe(self):
        self.read(feed=pieces)

    def test_one_line(self):
        def feed():
            for _ in range(SIZE // MEGABYTE):
                yield b"x" * MEGABYTE
            yield b"\n" + CRASH
        self.read(feed=feed)

    def packed(self, name, opened):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            with opened(path) as file:
                for piece in pieces():
                    file.write(piece)
            self.read(path=path)

    def test_gzip(self):
        self.packed("log.gz", lambda path: gzip.open(path, "wb", compresslevel=1))

    def test_xz(self):
        self.packed("log.xz", lambda path: lzma.open(path, "wb", preset=0))

    def test_bzip2_of_repeated_streams(self):
        # Packing is slow; a stream in a row with itself is a log, too.
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log.bz2")
            block = BLOCK * 16
            packed = bz2.compress(block)
            with open(path, "wb") as file:
                for _ in range(SIZE // len(block) + 1):
                    file.write(packed)
                file.write(bz2.compress(CRASH))
            self.read(path=path)

    @unittest.skipUnless(subprocess.run(["which", "zstd"], capture_output=True).returncode == 0, "no zstd here")
    def test_zstd(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log.zst")
            packer = subprocess.Popen(["zstd", "-q", "-o", path], stdin=subprocess.PIPE)
            for piece in pieces():
                packer.stdin.write(piece)
            packer.stdin.close()
            self.assertEqual(packer.wait(), 0)
            self.read(path=path)


if __name__ == "__main__":
    if "KILN_SANITIZED" in os.environ:
        print("SKIP: a sanitizer's own memory drowns what is measured here")
        sys.exit(77)
    unittest.main()
