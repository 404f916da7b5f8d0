"""scripts/check-layers finds what it is there to find, on trees made up for it."""
import pathlib
import tempfile
import unittest

from scripts_under_test import load

check_layers = load("check-layers")


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)
        self.write("docs/layers.toml", '[rooms]\nbase = []\nsys = ["base"]\nrun = ["base", "sys"]\n')
        for room in ("base", "sys", "run"):
            self.write(f"src/{room}/README.md", f"# {room}\n")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def findings(self):
        found, _ = check_layers.check(self.root)
        return [f"{path.relative_to(self.root)}:{line}: {what}" for path, line, what in found]

    def assert_one(self, *words):
        found = self.findings()
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_good_tree_has_no_findings(self):
        self.write("src/run/run.cc", '#include "base/error.h"\n#include "run/run.h"\n#include "sys/fd.h"\n#include <vector>\n')
        self.assertEqual(self.findings(), [])

    def test_reaching_up(self):
        self.write("src/base/error.h", '#pragma once\n#include "run/run.h"\n')
        self.assert_one("src/base/error.h:2:", "base may not lean on run", "only on nothing")

    def test_a_room_that_is_not_there(self):
        self.write("src/run/run.cc", '#include "moon/base.h"\n')
        self.assert_one('no room "moon"')

    def test_an_include_without_its_room(self):
        self.write("src/run/run.cc", '#include "run.h"\n')
        self.assert_one('write it as "room/file.h"')

    def test_climbing_out(self):
        self.write("src/run/run.cc", '#include "../cli/cli.h"\n')
        self.assert_one('no room ".."')

    def test_an_include_in_a_comment_or_a_literal_is_none(self):
        self.write("src/base/a.cc", '/*\n#include "run/run.h"\n*/\nauto x = R"(\n#include "run/run.h"\n)";\n')
        self.assertEqual(self.findings(), [])

    def test_support_of_tests_is_for_tests(self):
        self.write("tests/support/elf_writer.h", "#pragma once\n")
        self.write("src/run/run_test.cc", '#include "elf_writer.h"\n')
        self.assertEqual(self.findings(), [])
        self.write("src/run/run.cc", '#include "elf_writer.h"\n')
        self.assert_one("src/run/run.cc:1:")

    def test_a_ring(self):
        self.write("docs/layers.toml", '[rooms]\nbase = ["run"]\nsys = ["base"]\nrun = ["sys"]\n')
        self.assert_one("ring: base -> run -> sys -> base")

    def test_leaning_on_a_room_that_is_not_listed(self):
        self.write("docs/layers.toml", '[rooms]\nbase = []\nsys = ["bas"]\nrun = []\n')
        self.assert_one('sys leans on "bas"')

    def test_a_folder_that_is_no_room(self):
        self.write("src/misc/README.md", "# misc\n")
        self.assert_one("misc is not in docs/layers.toml")

    def test_a_room_without_a_readme(self):
        (self.root / "src/sys/README.md").unlink()
        self.assert_one("sys has no README.md")

    def test_a_readme_that_is_too_long(self):
        self.write("src/sys/README.md", "# sys\n" + "word\n" * 15)
        self.assert_one("16 lines", "at most 15")

    def test_forbidden_headers(self):
        self.write("src/run/run.cc", "#include <regex>\n")
        self.assert_one("<regex> is not used here")
        self.write("src/run/run.cc", "#include <iostream>\n")
        self.assert_one("<iostream> is not used here")

    def test_forbidden_calls(self):
        for code in ("int x = system(\"ls\");", "auto f = ::popen(a, b);", "using  namespace std;", "std::system(c);"):
            self.write("src/run/run.cc", "\n" + code + "\n")
            self.assert_one("src/run/run.cc:2:")

    def test_calls_of_other_things_with_the_same_name(self):
        self.write("src/run/run.cc", '// system("x")\nint file_system(int);\nauto s = "popen(";\nint b = host.system();\n')
        self.assertEqual(self.findings(), [])

    def test_a_variable_of_that_name_is_no_call(self):
        self.write("src/run/run.cc", "void F() {\n  Apt system(fetch, false);\n}\n")
        self.assertEqual(self.findings(), [])

    def test_the_agent_looks_in_its_own_folder(self):
        self.write("docs/layers.toml", '[rooms]\nbase = []\nsys = []\nrun = []\nagent = []\n')
        self.write("guest/agent/README.md", "# agent\n")
        self.write("guest/agent/link.h", "#pragma once\n")
        self.write("guest/agent/main.cc", '#include "link.h"\n#include "base/error.h"\n')
        self.assert_one("guest/agent/main.cc:2:", "agent may not lean on base")

    def test_a_long_file_is_a_warning(self):
        self.write("src/run/run.cc", "\n" * 501)
        findings, warnings = check_layers.check(self.root)
        self.assertEqual(findings, [])
        self.assertEqual(len(warnings), 1)


if __name__ == "__main__":
    unittest.main()
