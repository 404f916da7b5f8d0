#!/usr/bin/env python3
"""Runs one case of a .test file (README.md says what those are). Exit 77: skipped."""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SKIPPED = 77
TESTS = pathlib.Path(__file__).resolve().parent.parent


class Case:
    def __init__(self, name):
        self.name = name
        self.steps = []  # (command, [(kind, text)])
        self.requires = []
        self.timeout = 20


def read_cases(path):
    cases = []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if line.startswith((" ", "\t")) and cases and cases[-1].steps:
            command, expectations = cases[-1].steps[-1]
            cases[-1].steps[-1] = (command + "\n" + line[4:], expectations)
            continue
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "NAME":
            cases.append(Case(rest))
            continue
        if not cases:
            sys.exit(f"{path}:{number}: a case begins with NAME")
        case = cases[-1]
        if word == "RUN":
            case.steps.append((rest, []))
        elif word == "EXPECT" and case.steps:
            kind, _, text = rest.partition(" ")
            case.steps[-1][1].append((kind, text))
        elif word == "REQUIRES":
            case.requires += rest.split()
        elif word == "TIMEOUT":
            case.timeout = int(rest)
        else:
            sys.exit(f"{path}:{number}: no such word: {line}")
    return cases


def missing(requirement):
    if requirement == "root":
        return os.geteuid() != 0
    if requirement == "not-root":
        return os.geteuid() == 0
    if requirement == "unsanitized":  # A sanitizer's own memory drowns what a case measures.
        return "KILN_SANITIZED" in os.environ
    if requirement == "namespaces":
        return subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True).returncode != 0
    return shutil.which(requirement) is None


def lead_into(value, path):
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def complaint(kind, text, out, err, code):
    """None when the expectation holds, else what is wrong."""
    contained = {"out": out, "err": err, "no-out": out, "no-err": err}
    if kind == "exit":
        return None if code == int(text) else f"exit code {code}, not {text}"
    if kind in contained:
        found = text in contained[kind]
        return None if found != kind.startswith("no-") else f"{kind} {text!r}"
    if kind == "out-is":
        return None if out.removesuffix("\n") == text else f"stdout is not {text!r}"
    if kind in ("out-matches", "err-matches"):
        stream = out if kind == "out-matches" else err
        return None if re.search(text, stream, re.M) else f"{kind} {text!r}"
    if kind == "json":
        path, _, wanted = text.partition(" ")
        try:
            value = lead_into(json.loads(out), path)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return f"json {path}: {error!r}"
        return None if value == json.loads(wanted) else f"json {path} is {value!r}, not {wanted}"
    return f"no such expectation: {kind}"


def run_case(case, kiln, folder):
    for name in ("home", "work", "run"):
        (folder / name).mkdir(mode=0o700)
    environment = {
        "HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder / "run"), "LANG": "C.UTF-8", "TERM": "xterm",
        "PATH": f"{kiln.parent}:{os.environ['PATH']}", "TMPDIR": str(folder),
    }
    for command, expectations in case.steps:
        command = command.replace("@DIR@", str(folder)).replace("@TESTS@", str(TESTS))
        done = subprocess.Popen(["sh", "-c", command], cwd=folder / "work", env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            streams = done.communicate(timeout=case.timeout)
        except BaseException as error:
            os.killpg(done.pid, signal.SIGKILL)
            done.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            print(f"$ {command}\ndid not end within {case.timeout} s")
            return False
        out, err = (stream.decode("utf-8", "backslashreplace") for stream in streams)
        if not any(kind == "exit" for kind, _ in expectations):
            expectations = [("exit", "0"), *expectations]
        wrong = [complaint(kind, text.replace("@DIR@", str(folder)), out, err, done.returncode) for kind, text in expectations]
        wrong = [text for text in wrong if text]
        if wrong:
            print(f"$ {command}\n--- stdout\n{out}--- stderr\n{err}--- exit {done.returncode}\nEXPECTED: " + "; ".join(wrong))
            return False
    return True


def unless_gone(_, __, error):
    """What a killed case left running may take away its own files in the same moment."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    parser = argparse.ArgumentParser()
    parser.add_argument("--kiln", required=True, type=pathlib.Path)
    parser.add_argument("file")
    parser.add_argument("name", nargs="?", help="one case; all without it")
    arguments = parser.parse_args()
    cases = [case for case in read_cases(arguments.file) if arguments.name in (None, case.name)]
    if not cases:
        sys.exit(f"{arguments.file} has no case {arguments.name!r}")
    result = 0
    for case in cases:
        lacking = [requirement for requirement in case.requires if missing(requirement)]
        if lacking:
            print(f"SKIP: {case.name}: needs {', '.join(lacking)}")
            result = result or SKIPPED
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-case."))
        try:
            passed = run_case(case, arguments.kiln.resolve(), folder)
        except BaseException:  # Interrupted: there is nothing to look at.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if passed:
            shutil.rmtree(folder, onerror=unless_gone)
            continue
        print(f"FAILED: {case.name}\nits folder is kept: {folder}\nagain: {sys.argv[0]} --kiln {arguments.kiln} {arguments.file} '{case.name}'")
        result = 1
    sys.exit(result)


if __name__ == "__main__":
    main()
