"""check_names finds two types of one name wherever they would meet in a binary, and lets pass those that never do."""
import unittest

from planted import Planted

from check_names import offenders, types


class Names(Planted):
    def test_a_copy_has_no_more_offenders_than_the_tree(self):
        self.expect_nothing_new(offenders)

    def test_two_headers_may_not_define_one_type(self):
        self.plant("src/engine/planted_one.h", "namespace hearth {\nstruct Planted {\n  int a = 0;\n};\n}\n")
        self.expect_nothing_new(offenders)
        self.plant("src/weights/planted_two.h", "namespace hearth {\n\nclass Planted final : public Base<int> {\n  int b;\n};\n}\n")
        self.expect_new(offenders, "src/weights/planted_two.h:3", "hearth::Planted", "src/engine/planted_one.h:2")

    def test_the_names_that_once_clashed_are_told_apart(self):
        self.replace("src/api/model.h", "struct OpenModel", "struct Model")
        self.expect_new(offenders, "hearth::Model", "src/api/model.h")

    def test_a_source_may_not_repeat_a_header_nor_another_source(self):
        self.plant("src/text/planted.cpp", "namespace hearth {\nenum class Finish : int { x };\nstruct Planted { int x; };\n}\n")
        self.plant("src/server/planted.cpp", "namespace hearth {\ntemplate <class T>\nstruct Planted { T x; };\n}\n")
        self.expect_new(offenders, "hearth::Finish", "src/text/planted.cpp:2")
        self.expect_new(offenders, "hearth::Planted", "src/text/planted.cpp:3", "src/server/planted.cpp:3")

    def test_one_inner_namespace_in_two_files_is_one(self):
        self.plant("src/text/planted_a.cpp", "namespace hearth::planted {\nstruct Same {};\n}\n")
        self.plant("src/text/planted_b.cpp", "namespace hearth {\nnamespace planted {\nstruct Same {};\n}\n}\n")
        self.expect_new(offenders, "hearth::planted::Same")

    def test_what_the_linker_never_joins_is_allowed(self):
        self.plant("src/text/planted.h", "namespace hearth {\nstruct Planted { struct Inner {}; };\n}\n")
        self.plant("src/text/forward.h", "namespace hearth {\nstruct Planted;\nclass Planted;\nenum class Planted2 : int;\n}\n")
        self.plant("src/text/unnamed.cpp", "namespace hearth {\nnamespace {\nstruct Planted {};\n}\n}\n")
        self.plant("src/text/inner.cpp", "namespace hearth::other {\nstruct Planted {};\n}\n")
        self.plant("src/text/nested.cpp", "namespace hearth {\nstruct Around { struct Planted {}; };\n}\n")
        self.plant("src/text/local.cpp", "namespace hearth {\nint f(struct Planted* p) {\n  struct Planted {};\n  return 1;\n}\n}\n")
        self.plant("src/text/said.cpp", "// namespace hearth { struct Planted {}; }\nconst char* x = \"struct Planted {\";\n")
        self.expect_nothing_new(offenders)

    def test_programs_of_their_own_may_share_names(self):
        planted = "namespace hearth {\nstruct Planted {};\n}\n"
        self.plant("tests/text/planted_test.cpp", planted)
        self.plant("tests/server/planted_test.cpp", planted)
        self.expect_nothing_new(offenders)
        self.plant("tests/support/planted.h", planted)
        self.expect_new(offenders, "tests/text/planted_test.cpp", "tests/support/planted.h")
        self.plant("src/text/planted.h", planted)
        self.expect_new(offenders, "tests/server/planted_test.cpp", "src/text/planted.h")


class Types(unittest.TestCase):
    def test_definitions_are_told_from_uses(self):
        text = """
        template <typename T, class U = std::less<T>> class A final : public B<T>, private C {};
        template <> struct std::hash<A> { size_t operator()() const { return 1; } };
        struct alignas(64) D {} d;
        union [[nodiscard]] E { int x; };
        struct F f() { return {}; }
        static const struct G table[] = {{1}};
        struct { int x; } unnamed;
        enum { kOne };
        extern "C" { struct H { int x; }; }
        """
        self.assertEqual([name for name, _ in types(text)], ["A", "std::hash<A>", "D", "E", "H"])

    def test_branches_of_the_preprocessor(self):
        text = "#if X\nstruct A {\n#else\nstruct A : B {\n#endif\n};\n"
        self.assertEqual(types(text), [("A", 2)])


if __name__ == "__main__":
    unittest.main()
