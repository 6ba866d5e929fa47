"""The examples of CONTRIBUTING.md compile against the headers as they are, and the checks of the tree accept them."""
import os
import re
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from planted import ROOT, Planted

import check_floors
import check_size
import check_tests

# `path`: and then the file.
EXAMPLE = re.compile(r"^`([\w/.]+)`:\n\n```cpp\n(.*?)^```$", re.M | re.S)
LINE = re.compile(r"^```cpp\n((?:GRAPH|LOOP)_PASS\(.*)\n```$", re.M)


class Contributing(Planted):
    PARTS = ("CMakeLists.txt", "src", "apps", "include", "tests")

    def setUp(self):
        super().setUp()
        text = (ROOT / "CONTRIBUTING.md").read_text()
        self.examples = EXAMPLE.findall(text)
        for path, example in self.examples:
            self.assertFalse((ROOT / path).exists(), f"{path} is no longer an example, take another")
            self.plant(path, example)
        self.append("src/passes/pass_list.h", LINE.search(text).group(1) + "\n")

    def compile(self, path):
        command = [os.environ.get("CXX", "g++"), "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                   "-Wno-missing-field-initializers", f'-DHEARTH_ROOT="{ROOT}"', "-I", self.root / "src", "-I", self.root, path]
        return path, subprocess.run(command, cwd=self.root, capture_output=True, text=True)

    def test_they_compile(self):
        self.assertEqual(len(self.examples), 10)
        with ThreadPoolExecutor(2) as pool:
            for path, done in pool.map(self.compile, [path for path, _ in self.examples]):
                self.assertEqual(done.returncode, 0, f"{path}:\n{done.stderr[-4000:]}")

    def test_the_checks_accept_them(self):
        for check in (check_floors, check_size, check_tests):
            self.assertEqual(self.new(check.offenders), set())


if __name__ == "__main__":
    unittest.main()
