"""check_floors finds each kind of forbidden include and link, once planted, and lets pass what is allowed."""
import unittest

from planted import Planted

import check_floors
from check_floors import offenders


class Floors(Planted):
    def test_a_copy_has_no_more_offenders_than_the_tree(self):
        self.expect_nothing_new(offenders)
        self.assertGreater(len(check_floors.sources(self.root / "src")), 200)

    def test_the_runtime_tower_may_not_include_the_compiler_tower(self):
        self.append("src/runtime/device.h", '#include "ir/graph.h"\n')
        self.expect_new(offenders, "src/runtime/device.h", "ir/graph.h")

    def test_a_lower_floor_may_not_include_a_higher_one(self):
        self.append("src/base/json.h", '  #  include "artifact/artifact.h"\n')
        self.expect_new(offenders, "src/base/json.h", "'artifact'")

    def test_neighbours_on_one_floor_may_not_include_each_other(self):
        self.plant("src/quant/planted.cpp", '#include "weights/gguf.h"\n')
        self.expect_new(offenders, "src/quant/planted.cpp:1", "'weights'")

    def test_angles_and_roundabout_paths_are_seen_through(self):
        self.plant("src/text/angles.cpp", "#include <ops/op.h>\n")
        self.plant("src/text/around.cpp", '#include "../ops/op.h"\n')
        self.plant("src/text/root.cpp", '#include "src/ops/op.h"\n')
        for name in ("angles", "around", "root"):
            self.expect_new(offenders, f"src/text/{name}.cpp:1", "'ops'")

    def test_a_missing_file_of_a_forbidden_folder_is_an_offender(self):
        self.plant("src/engine/planted.cpp", '#include "codegen/not_there.h"\n')
        self.expect_new(offenders, "src/engine/planted.cpp:1", "'codegen'")

    def test_llvm_belongs_to_codegen(self):
        self.plant("src/passes/planted.cpp", "#include <llvm/IR/Module.h>\n")
        self.expect_new(offenders, "src/passes/planted.cpp:1", "llvm/IR/Module.h")
        self.plant("src/codegen/planted.cpp", "#include <llvm/IR/Module.h>\n")
        self.assertFalse([line for line in offenders(self.root) if line.startswith("src/codegen/planted.cpp")])

    def test_a_folder_unknown_to_the_design_is_an_offender(self):
        self.plant("src/helpers/planted.h", "\n")
        self.expect_new(offenders, "src/helpers/planted.h", "no folder of the design")

    def test_comments_do_not_include(self):
        self.plant("src/text/planted.cpp", '// #include "ops/op.h"\n/*\n#include "ops/op.h"\n*/\n#include "base/json.h"\n')
        self.expect_nothing_new(offenders)

    def test_apps_see_the_public_headers_only(self):
        self.plant("apps/cli/planted.cpp", '#include "hearth.hpp"\n#include "cli.h"\n')
        self.expect_nothing_new(offenders)
        self.append("apps/cli/planted.cpp", '#include "engine/engine.h"\n')
        self.expect_new(offenders, "apps/cli/planted.cpp:3", "engine/engine.h")

    def test_the_player_sees_the_runtime_tower_only(self):
        self.append("apps/player/main.cpp", '#include "engine/engine.h"\n')
        self.expect_nothing_new(offenders)
        self.append("apps/player/main.cpp", '#include "bake/bake.h"\n')
        self.expect_new(offenders, "apps/player/main.cpp", "bake/bake.h")

    def test_a_public_header_shows_nothing_of_src(self):
        self.append("include/hearth.h", '#include "base/json.h"\n')
        self.expect_new(offenders, "include/hearth.h", "base/json.h")

    def test_links_keep_to_the_floors(self):
        self.replace("CMakeLists.txt", "hearth_folder(text LINK hearth_artifact", "hearth_folder(text LINK hearth_artifact hearth_ops")
        self.expect_new(offenders, "CMakeLists.txt", "'text' links hearth_ops")

    def test_links_added_afterwards_keep_to_the_floors(self):
        self.append("CMakeLists.txt", "target_link_libraries(hearth_runtime\n  PUBLIC hearth_codegen)\n")
        self.expect_new(offenders, "CMakeLists.txt", "'runtime' links hearth_codegen")

    def test_apps_link_the_api_only(self):
        self.append("apps/cli/CMakeLists.txt", "target_link_libraries(hearth PRIVATE hearth_bake)\n")
        self.append("apps/player/CMakeLists.txt", "target_link_libraries(hearth-player PRIVATE hearth_api hearth_ir)\n")
        self.expect_new(offenders, "apps/cli/CMakeLists.txt", "hearth_bake")
        self.expect_new(offenders, "apps/player/CMakeLists.txt", "hearth_ir")

    def test_a_folder_without_a_library_is_an_offender(self):
        self.replace("CMakeLists.txt", "hearth_folder(targets ", "# hearth_folder(targets ")
        self.expect_new(offenders, "src/targets", "hearth_folder")


class Table(unittest.TestCase):
    def test_the_towers_meet_in_the_artifact_only(self):
        self.assertEqual(list(check_floors.of_table()), [])
        towers, sees = check_floors.read_floors("both base: -\ncompiler ir: base\nruntime text: base ir\n")
        self.assertEqual((towers["text"], sees["text"]), ("runtime", {"base", "ir"}))
        before = check_floors.TOWERS, check_floors.SEES
        try:
            check_floors.TOWERS, check_floors.SEES = towers, sees
            self.assertIn("compiler tower", "\n".join(check_floors.of_table()))
        finally:
            check_floors.TOWERS, check_floors.SEES = before


if __name__ == "__main__":
    unittest.main()
