#!/usr/bin/env python3
"""How long 60 frames take to get file and line: kiln, addr2line, the kernel's decode_stacktrace.sh.

    bench/symbols/symbols.py --kiln build/release/apps/kiln/kiln --vmlinux /usr/lib/debug/boot/vmlinux-RELEASE \
        [--scripts linux-source/scripts]

Makes a trace of 60 functions of that vmlinux, each with an offset in its middle, asks each tool for it, and prints
times, ratios and how many frames agree with addr2line. All from one run: times alone say little on a busy host.
"""
import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time


def symbols(vmlinux):
    """Functions as (address, size as the kernel prints it, name), by address; only names that occur once."""
    out = subprocess.run(["nm", "-n", vmlinux], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    text = [(int(row[0], 16), row[2]) for row in rows if len(row) == 3 and row[1] in "tTwW"]
    count = {}
    for _, name in text:
        count[name] = count.get(name, 0) + 1
    found = []
    for (address, name), (after, _) in zip(text, text[1:]):
        if count[name] == 1 and 64 < after - address < 4096 and re.fullmatch(r"[a-z_][a-z0-9_]*", name):
            found.append((address, after - address, name))
    return found


def make_trace(vmlinux, count):
    """Spread over the whole kernel, so that most frames are of units of their own."""
    all_of_them = symbols(vmlinux)
    step = len(all_of_them) // count
    return [(address, address + size // 2, size, name)
            for address, size, name in all_of_them[step // 2::step][:count]]


def run(command, stdin="", environment=None):
    start = time.monotonic()
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment)
    took = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: exit code {done.returncode}: {done.stderr[:400]}")
    return took, done.stdout


def median(times):
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kiln", required=True)
    parser.add_argument("--vmlinux", required=True)
    parser.add_argument("--scripts", help="the scripts/ folder of a kernel tree, for decode_stacktrace.sh")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()

    trace = make_trace(options.vmlinux, options.frames)
    lines = [f"[    1.{i:06}]  {name}+{at - start:#x}/{size:#x}" for i, (start, at, size, name) in enumerate(trace)]
    log = "\n".join(["[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000",
                     "[    1.000000] Call Trace:", "[    1.000000]  <TASK>", *lines, "[    1.000000]  </TASK>", ""])

    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, XDG_CACHE_HOME=folder)
        command = [options.kiln, "crash", "--full", "--vmlinux", options.vmlinux]
        run(["nm", "-n", options.vmlinux])  # All tools find the file in the page cache.
        first, text = run(command, log, environment)
        warm = median([run(command, log, environment)[0] for _ in range(options.times)])

        # A return address is behind its call: the line is that of the byte before.
        addresses = [f"{at - 1:#x}" for _, at, _, _ in trace]
        by_addr2line, said = None, ""
        times = []
        for _ in range(options.times):
            took, said = run(["addr2line", "-i", "-f", "-a", "-e", options.vmlinux, *addresses])
            times.append(took)
        by_addr2line = median(times)
        # One process a frame, as scripts do it: a sample of the frames stands for all.
        sample = addresses[:: max(1, len(addresses) // 6)]
        one_each = sum(run(["addr2line", "-i", "-e", options.vmlinux, address])[0] for address in sample)
        one_each *= len(addresses) / len(sample)

        by_script = None
        if options.scripts:
            script = os.path.join(options.scripts, "decode_stacktrace.sh")
            by_script, _ = run(["bash", script, options.vmlinux], log)

    # Agreement: the last line of each address is that of the function itself.
    wanted = {}
    for block in re.split(r"^0x", said, flags=re.M)[1:]:
        rows = block.splitlines()
        place = rows[-1].split(" (discriminator")[0]
        wanted[int(rows[0], 16) + 1] = ":".join(place.rsplit("/", 1)[-1].split(":")[:2])
    agree = 0
    for _, at, size, name in trace:
        found = re.search(rf"^  {re.escape(name)}\+0x[0-9a-f]+/{size:#x}  (\S+)", text, flags=re.M)
        if found and found.group(1).rsplit("/", 1)[-1] == wanted.get(at):
            agree += 1

    print(f"{len(trace)} frames of {options.vmlinux} ({os.path.getsize(options.vmlinux) >> 20} MiB)")
    print(f"{'':34}{'time':>9}{'to kiln warm':>14}")
    rows = [("kiln, the first time", first), ("kiln, warm", warm), ("addr2line -i, one process", by_addr2line),
            ("addr2line -i, one process a frame", one_each)]
    if by_script is not None:
        rows.append(("decode_stacktrace.sh", by_script))
    for name, seconds in rows:
        print(f"{name:34}{seconds:8.3f}s{seconds / warm:13.1f}x")
    print(f"the same file and line as addr2line: {agree} of {len(trace)}")


if __name__ == "__main__":
    main()
