"""A scratch copy of the tree, to plant violations in."""
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True


class Planted(unittest.TestCase):
    """self.root is a copy of the parts of the tree that the checks read, fresh for each test."""

    before = {}                      # what each check finds in the tree as it is

    PARTS = ("CMakeLists.txt", "src", "apps", "include", "docs")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        for part in self.PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, self.root / part, ignore=shutil.ignore_patterns("corpus", "*.safetensors", "*.json"))
            elif (ROOT / part).exists():
                shutil.copy(ROOT / part, self.root / part)

    def plant(self, path, text):
        """Writes a new file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def append(self, path, text):
        self.plant(path, (self.root / path).read_text() + text)

    def replace(self, path, old, new):
        before = (self.root / path).read_text()
        self.assertIn(old, before, path)
        self.plant(path, before.replace(old, new, 1))

    def new(self, check):
        if check not in self.before:
            self.before[check] = set(check(ROOT))
        return set(check(self.root)) - self.before[check]

    def expect_new(self, check, *words):
        """What was planted is found: an offender, not there before, with all these words."""
        new = self.new(check)
        self.assertTrue(any(all(word in line for word in words) for line in new), f"want {words} in one of {sorted(new)}")

    def expect_nothing_new(self, check):
        self.assertEqual(self.new(check), set())
