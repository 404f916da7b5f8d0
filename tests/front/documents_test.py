"""The documents hold together: links lead somewhere, make targets exist, every package is explained."""
import re
import unittest

from scripts_under_test import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def package_rows():
    for line in (ROOT / "scripts/packages.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split()


class Documents(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
                if not re.match(r"[a-z]+:", target):
                    self.assertTrue((page.parent / target).exists(), f"{page.name} links to {target}")

    def test_every_page_can_be_reached_from_the_readme(self):
        front = PAGES[0].read_text()
        for page in PAGES[1:]:
            self.assertIn(str(page.relative_to(ROOT)), front)

    def test_make_targets_exist(self):
        makefile = (ROOT / "Makefile").read_text()
        for page in PAGES:
            for target in re.findall(r"(?:^|`)make ([a-z-]+)(?=[\s`])", page.read_text(), re.M):
                self.assertRegex(makefile, rf"(?m)^{target}:", f"{page.name} speaks of make {target}")

    def test_the_package_table_is_whole(self):
        for row in package_rows():
            self.assertEqual(len(row), 5, row)

    def test_every_library_is_explained(self):
        text = (ROOT / "docs/dependencies.md").read_text()
        for sets, probe, debian, *_ in package_rows():
            if probe.startswith("hdr:") and debian.startswith(("lib", "nlohmann", "zlib")):
                self.assertIn(f"`{debian}`", text)


if __name__ == "__main__":
    unittest.main()
