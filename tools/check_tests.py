#!/usr/bin/env python3
"""Every folder and every set member of src/ has its tests, and every test asserts something. check_tests.py [ROOT]"""
import re
import sys
from pathlib import Path

from source_text import functions

# Folders of tests/ that mirror no folder of src/.
BESIDE = {"cli", "fixtures", "fuzz", "support", "tools"}
# Sets: each HEARTH_SET_MEMBER of the folder is named by a test of the folder, or by a golden in its fixtures.
SETS = ("ops", "quant", "models", "targets")
MEMBER = re.compile(r"^HEARTH_SET_MEMBER\((\w+),\s*(\w+)\)", re.M)
# The list: each line is a file of its own and named by a test.
PASSES = re.compile(r"^(?:GRAPH|LOOP)_PASS\((\w+)\)", re.M)

TEST_SOURCES = {".cpp", ".h"}
TEST_TEXTS = TEST_SOURCES | {".txt", ".py", ".sh", ".ts"}
TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\s*\(")
ASSERTION = re.compile(r"\b(?:(?:EXPECT|ASSERT)_\w+|FAIL|ADD_FAILURE|ADD_FAILURE_AT|GTEST_FAIL)\s*\(")
PYTHON_TEST = re.compile(r"^( *)def (test_\w+)\(.*?(?=^\1\S|\Z)", re.M | re.S)


def folders(root):
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def of_mirror(root):
    of_src = {path.name for path in folders(root / "src") if any(path.rglob("*.cpp"))}
    for path in folders(root / "tests"):
        if path.name not in of_src | BESIDE and any(path.iterdir()):
            yield f"tests/{path.name}: mirrors no folder of src/"
    for folder in sorted(of_src):
        if not any(re.search(r"^(?:TEST|TYPED_TEST)", path.read_text(), re.M)
                   for path in (root / "tests" / folder).rglob("*.cpp")):
            yield f"src/{folder}: has no test in tests/{folder}/"


def words_of_tests(root, folder):
    """All a folder's tests say, without comments; a golden's name says what it is of."""
    said = []
    for path in sorted((root / "tests" / folder).rglob("*")):
        if path.suffix in TEST_SOURCES:
            said.append(re.sub(r"//[^\n]*", "", path.read_text()))
        elif path.suffix in TEST_TEXTS:
            said.append(path.read_text())
    said += [path.name for path in sorted((root / "tests/fixtures" / folder).rglob("*")) if path.is_file()]
    return "\n".join(said)


def names(name, text):
    """x86_64_v3 is written x86-64-v3 in flags and files."""
    spelled = re.escape(name).replace("_", "[_-]")
    return re.search(rf"(?<![A-Za-z0-9_]){spelled}(?![A-Za-z0-9_])", text) is not None


def of_sets(root):
    for folder in SETS:
        text = words_of_tests(root, folder)
        for path in sorted((root / "src" / folder).glob("*.cpp")):
            for _, member in MEMBER.findall(path.read_text()):
                if member != path.stem:
                    yield f"{path.relative_to(root)}: holds '{member}', want src/{folder}/{member}.cpp"
                if not names(member, text):
                    yield f"{path.relative_to(root)}: no test in tests/{folder}/ names '{member}'"


def of_passes(root):
    path = root / "src/passes/pass_list.h"
    text = words_of_tests(root, "passes")
    for name in PASSES.findall(path.read_text()) if path.is_file() else []:
        if not (root / f"src/passes/{name}.cpp").is_file():
            yield f"src/passes/pass_list.h: '{name}' has no file src/passes/{name}.cpp"
        if not names(name, text):
            yield f"src/passes/{name}.cpp: no test in tests/passes/ names '{name}'"


def asserting(bodies):
    """Names of the functions that assert, themselves or through others."""
    found = {name for name, body in bodies if ASSERTION.search(body)}
    calls = [(name, set(re.findall(r"\b([A-Za-z_]\w*)\s*(?:<[^<>;]*>)?\s*\(", body))) for name, body in bodies]
    while True:
        more = {name for name, called in calls if called & found} - found
        if not more:
            return found
        found |= more


def of_assertions(root):
    tests, helpers = [], []
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix in TEST_SOURCES and "fixtures" not in path.parts:
            try:
                found = functions(path.read_text())
            except ValueError as problem:
                yield f"{path.relative_to(root)}: {problem}; tests cannot be read"
                continue
            for name, first, _, body in found:
                if TEST.match(body):
                    title = re.sub(r"\s+", "", re.search(r"\(([^()]*)\)", body).group(1)).replace(",", ".")
                    tests.append((f"{path.relative_to(root)}:{first}: {title}", body))
                else:
                    helpers.append((name.split("::")[-1], body))
    able = asserting(helpers)
    for title, body in tests:
        rest = body[body.index("{"):]
        if not ASSERTION.search(rest) and not able & set(re.findall(r"\b([A-Za-z_]\w*)\s*(?:<[^<>;]*>)?\s*\(", rest)):
            yield f"{title} asserts nothing"
    for path in sorted((root / "tests").rglob("*_test.py")):
        for match in PYTHON_TEST.finditer(path.read_text()):
            if not re.search(r"\bself\.(?:assert|expect_|fail)", match.group(0)):
                yield f"{path.relative_to(root)}: {match.group(2)} asserts nothing"


def offenders(root):
    root = Path(root)
    return [*of_mirror(root), *of_sets(root), *of_passes(root), *of_assertions(root)]


def main(arguments):
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent
    found = offenders(root)
    for line in found:
        print(line)
    print(f"check_tests: {len(found)} offenders" if found else "check_tests: everything is tested, and every test asserts")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
