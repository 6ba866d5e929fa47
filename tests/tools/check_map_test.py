"""check_map finds a folder that the map lacks, one that is gone, a wrong order and a header that is not there."""
import unittest

from planted import Planted

from check_map import offenders


class Map(Planted):
    def test_a_copy_has_no_more_offenders_than_the_tree(self):
        self.expect_nothing_new(offenders)

    def test_a_folder_that_is_not_listed(self):
        self.plant("src/hybrid2/router.cpp", "\n")
        self.expect_new(offenders, "src/hybrid2 is not listed")

    def test_a_row_of_nothing(self):
        self.append("docs/MAP.md", "\n| `src/gone/` | nothing | `gone.h` |\n")
        self.expect_new(offenders, "src/gone, which is not there")
        self.expect_new(offenders, "src/gone/gone.h is not there")

    def test_an_order_that_does_not_follow_the_data(self):
        text = (self.root / "docs/MAP.md").read_text()
        row = next(line for line in text.splitlines() if line.startswith("| `src/base/`"))
        self.plant("docs/MAP.md", text.replace(row + "\n", "") + "\n" + row + "\n")
        self.expect_new(offenders, "src/artifact comes before src/base")


if __name__ == "__main__":
    unittest.main()
