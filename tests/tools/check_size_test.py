"""check_size measures headers, sources and functions, and is not misled by comments, literals and branches."""
import unittest

from planted import Planted

from check_size import offenders
from source_text import functions


def spans(text, suffix=".cpp"):
    return [(name, first, last) for name, first, last, _ in functions(text, suffix)]


class Sizes(Planted):
    def test_a_copy_has_no_more_offenders_than_the_tree(self):
        self.expect_nothing_new(offenders)

    def test_a_long_header(self):
        self.plant("src/base/planted.h", "// It is long.\n" * 250)
        self.expect_nothing_new(offenders)
        self.append("src/base/planted.h", "\n")
        self.expect_new(offenders, "src/base/planted.h: 251 lines")

    def test_a_long_source(self):
        self.plant("src/base/planted.cpp", "// It is long.\n" * 600)
        self.expect_nothing_new(offenders)
        self.append("src/base/planted.cpp", "\n")
        self.expect_new(offenders, "src/base/planted.cpp: 601 lines")

    def test_a_long_function(self):
        text = "namespace hearth {\n\nint planted(int a) {\n" + "  a += 1;\n" * 57 + "  return a;\n}\n\n}  // namespace hearth\n"
        self.plant("src/base/planted.cpp", text)
        self.expect_nothing_new(offenders)
        self.replace("src/base/planted.cpp", "  return a;\n", "  a = 0;\n  return a;\n")
        self.expect_new(offenders, "src/base/planted.cpp:3: planted() has 61 lines")

    def test_a_long_test_is_a_function_too(self):
        self.plant("tests/base/planted_test.cpp", "TEST(Planted, Long) {\n" + "  EXPECT_TRUE(true);\n" * 60 + "}\n")
        self.expect_new(offenders, "tests/base/planted_test.cpp:1: TEST() has 62 lines")

    def test_a_long_function_of_typescript(self):
        body = "  count += 1; // {\n" * 60
        self.plant("apps/web/planted.ts", "const quote = /[{\"']/g;\nexport function planted(count: number): number {\n" + body + "}\n")
        self.expect_new(offenders, "apps/web/planted.ts:2: planted() has 62 lines")

    def test_braces_that_do_not_pair_are_told(self):
        self.plant("src/base/planted.cpp", "int planted() {\n  {\n}\n")
        self.expect_new(offenders, "src/base/planted.cpp", "stay open")


class Functions(unittest.TestCase):
    def test_namespaces_and_types_are_no_functions(self):
        text = "namespace a {\nstruct B {\n  int c() const { return 1; }\n  int d = 2;\n};\nenum class E { f };\n}\n"
        self.assertEqual(spans(text), [("c", 3, 3)])

    def test_braces_in_literals_and_comments_do_not_count(self):
        text = 'int f() {\n  const char* a = "{{" /* { */;  // {\n  return R"x({"{)x"[0] == \'{\' ? 1\'000 : 2;\n}\nint g() {\n}\n'
        self.assertEqual(spans(text), [("f", 1, 4), ("g", 5, 6)])

    def test_a_mark_before_a_namespace_is_no_function(self):
        self.assertEqual(spans("HEARTH_SET_MEMBER(op, a)\n\nnamespace hearth {\nOp a() {\n}\n}\n"), [("a", 4, 5)])

    def test_a_head_of_several_lines_counts(self):
        self.assertEqual(spans("Result<int> f(int a,\n              int b) {\n}\n"), [("f", 1, 3)])

    def test_lambdas_in_a_table_are_functions(self):
        text = "const Table kTable = {\n    {1, [](int a) {\n       return a;\n     }},\n};\n"
        self.assertEqual([(first, last) for _, first, last in spans(text)], [(2, 4)])

    def test_a_function_that_begins_in_two_branches(self):
        text = "#if A\nint f() {\n#else\nint g() {\n#endif\n}\n"
        self.assertEqual(spans(text), [("f", 2, 6)])


if __name__ == "__main__":
    unittest.main()
