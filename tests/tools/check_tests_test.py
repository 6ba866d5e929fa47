"""check_tests finds what has no test and what asserts nothing."""
import unittest

from planted import Planted

from check_tests import offenders


class Tests(Planted):
    PARTS = ("src", "tests")

    def test_a_copy_has_no_more_offenders_than_the_tree(self):
        self.expect_nothing_new(offenders)

    def test_a_scheme_without_a_test(self):
        self.plant("src/quant/q2_z.cpp", "HEARTH_SET_MEMBER(scheme, q2_z)\n")
        self.plant("tests/quant/other_test.cpp", "// q2_z and q2_zz\nTEST(Q, Q) { EXPECT_EQ(q2_zz, 1); }\n")
        self.expect_new(offenders, "src/quant/q2_z.cpp", "no test")
        self.plant("tests/quant/q2_z_test.cpp", 'TEST(Q9, Runs) { EXPECT_TRUE(find_scheme("q2_z")); }\n')
        self.expect_nothing_new(offenders)

    def test_a_golden_is_a_test(self):
        self.plant("src/quant/q2_z.cpp", "HEARTH_SET_MEMBER(scheme, q2_z)\n")
        self.plant("tests/fixtures/quant/q2_z.bin", "")
        self.expect_nothing_new(offenders)

    def test_a_target_is_named_as_in_flags(self):
        self.plant("src/targets/riscv_v.cpp", "HEARTH_SET_MEMBER(target, riscv_v)\n")
        self.expect_new(offenders, "src/targets/riscv_v.cpp", "no test")
        self.plant("tests/targets/riscv_v_test.cpp", 'TEST(R, R) { EXPECT_TRUE(find_target("riscv-v").ok()); }\n')
        self.expect_nothing_new(offenders)

    def test_a_member_is_called_as_its_file(self):
        self.plant("src/models/gemma.cpp", "HEARTH_SET_MEMBER(model, gemma2)\n")
        self.expect_new(offenders, "src/models/gemma.cpp", "gemma2")

    def test_a_pass_without_a_file_or_a_test(self):
        self.append("src/passes/pass_list.h", "LOOP_PASS(planted_pass)   // nothing -> nothing\n")
        self.expect_new(offenders, "planted_pass", "no file")
        self.expect_new(offenders, "planted_pass", "no test")

    def test_a_folder_without_tests(self):
        self.plant("src/hybrid/router.cpp", "\n")
        self.expect_new(offenders, "src/hybrid", "no test")

    def test_tests_of_nothing(self):
        self.plant("tests/elsewhere/a_test.cpp", "TEST(A, B) { EXPECT_TRUE(true); }\n")
        self.expect_new(offenders, "tests/elsewhere", "mirrors no folder")

    def test_a_test_that_cannot_fail(self):
        self.plant("tests/base/idle_test.cpp", 'TEST(Idle, Prints) {\n  puts("EXPECT_EQ(1, 1)");  // EXPECT_EQ(1, 1)\n}\n')
        self.expect_new(offenders, "tests/base/idle_test.cpp:1: Idle.Prints")

    def test_a_test_that_only_skips_cannot_fail(self):
        self.plant("tests/base/idle_test.cpp", 'TEST(Idle, Skips) { GTEST_SKIP() << "always"; }\n')
        self.expect_new(offenders, "Idle.Skips asserts nothing")

    def test_assertions_of_helpers_count(self):
        self.plant("tests/base/busy_test.cpp", "void inner(int a) { EXPECT_EQ(a, 1); }\nvoid outer_one() { inner(1); }\n"
                   "TEST(Busy, Asks) { outer_one(); }\n")
        self.expect_nothing_new(offenders)

    def test_python_tests_assert_too(self):
        self.plant("tests/tools/idle_test.py", "class A:\n    def test_idle(self):\n        print()\n\n    def test_busy(self):\n"
                   "        self.assertTrue(1)\n")
        self.expect_new(offenders, "test_idle asserts nothing")
        self.assertFalse([line for line in offenders(self.root) if "test_busy" in line])


if __name__ == "__main__":
    unittest.main()
