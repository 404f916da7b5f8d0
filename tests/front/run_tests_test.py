"""scripts/run-tests counts what really happened, on a small CMake project made up for it."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from scripts_under_test import ROOT

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(made_up LANGUAGES NONE)
enable_testing()
"""
TRUE = "add_test(NAME good COMMAND true)\n"
FALSE = "add_test(NAME bad COMMAND false)\n"
MISSING = "add_test(NAME gone COMMAND ${CMAKE_BINARY_DIR}/not-built)\n"
OFF = "add_test(NAME off COMMAND true)\nset_tests_properties(off PROPERTIES DISABLED TRUE)\n"
SKIP = r"""add_test(NAME skips COMMAND printf "a.cc:1: Skipped\\nno kernel here\\n\\n[  SKIPPED ] a.b (0 ms)\\n")
set_tests_properties(skips PROPERTIES SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
add_test(NAME skips_by_code COMMAND sh -c "echo 'SKIP: no QEMU here'; exit 77")
set_tests_properties(skips_by_code PROPERTIES SKIP_RETURN_CODE 77)
"""


class RunTests(unittest.TestCase):
    def run_project(self, tests):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = pathlib.Path(folder.name)
        (root / "CMakeLists.txt").write_text(PROJECT + tests)
        subprocess.run(["cmake", "-S", root, "-B", root / "build"], check=True, stdout=subprocess.DEVNULL)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CTEST_")}
        done = subprocess.run([sys.executable, ROOT / "scripts/run-tests", root / "build"], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout.splitlines()

    def test_all_good(self):
        code, lines = self.run_project(TRUE)
        self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed, 0 skipped"))

    def test_a_failure_is_named_and_counted(self):
        code, lines = self.run_project(TRUE + FALSE)
        self.assertEqual((code, lines[-2:]), (1, ["FAILED: bad", "1 passed, 1 failed, 0 skipped"]))

    def test_a_skip_says_why(self):
        code, lines = self.run_project(TRUE + SKIP)
        self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed, 2 skipped"))
        self.assertIn("skipped: skips: no kernel here", lines)
        self.assertIn("skipped: skips_by_code: no QEMU here", lines)

    def test_a_program_that_was_not_built_is_a_failure(self):
        code, lines = self.run_project(TRUE + MISSING)
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_disabled_test_is_a_skip(self):
        code, lines = self.run_project(TRUE + OFF)
        self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed, 1 skipped"))

    def test_nothing_ran(self):
        code, lines = self.run_project("")
        self.assertEqual((code, lines[-1]), (1, "0 passed, 0 failed, 0 skipped"))

    def test_only_skips_is_nothing_ran(self):
        code, lines = self.run_project(SKIP)
        self.assertEqual((code, lines[-1]), (1, "0 passed, 0 failed, 2 skipped"))


if __name__ == "__main__":
    if shutil.which("cmake") is None:
        print("SKIP: cmake is not here")
        sys.exit(77)
    unittest.main()
