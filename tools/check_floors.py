#!/usr/bin/env python3
"""Which folder may include and link which: the floors of the design, enforced. check_floors.py [ROOT]"""
import re
import sys
from pathlib import Path

# A folder of src/ may include its own files and those of the folders after the colon; nothing else.
FLOORS = """
both        base:       -
both        artifact:   base

compiler    ir:         base
compiler    ops:        base ir
compiler    quant:      base ir
compiler    weights:    base
compiler    models:     base ir ops
compiler    targets:    base
compiler    passes:     base ir ops quant targets
compiler    codegen:    base ir targets
compiler    bake:       base artifact ir ops quant weights models targets passes codegen

runtime     runtime:    base artifact
runtime     text:       base artifact
runtime     engine:     base artifact runtime text
runtime     hybrid:     base artifact runtime text engine
runtime     server:     base artifact runtime text engine hybrid

top         api:        base artifact ir ops quant weights models targets passes codegen bake
                        runtime text engine hybrid server
"""

# Apps and bindings see include/hearth.h (and hearth.hpp) and their own files.
PUBLIC_HEADERS = {"hearth.h", "hearth.hpp"}
PUBLIC_LIBRARY = "hearth_api"
# Apps that exist to show the runtime tower alone.
RUNTIME_APPS = {"player"}

# Only these folders may include the headers of a compiler library, whatever its spelling.
COMPILER_LIBRARIES = {"llvm": {"codegen"}, "llvm-c": {"codegen"}, "lld": {"codegen"}}

SOURCES = {".h", ".hpp", ".c", ".cpp", ".inc", ".mm", ".cu"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*(?:include|import)[ \t]*([<"])([^>"]+)[>"]', re.M)


def read_floors(text):
    """The table above as {folder: tower} and {folder: folders it may see}."""
    towers, sees = {}, {}
    folder = None
    for line in text.splitlines():
        head = re.match(r"(\w+)\s+(\w+):(.*)", line)
        if head:
            tower, folder, rest = head.groups()
            towers[folder], sees[folder] = tower, set()
        else:
            rest = line
        sees.get(folder, set()).update(word for word in rest.split() if word != "-")
    return towers, sees


TOWERS, SEES = read_floors(FLOORS)


def of_table():
    """The table itself: floors go up only, and the runtime tower never sees the compiler tower."""
    seen = set()
    for folder, below in SEES.items():
        for other in sorted(below - seen):
            yield f"tools/check_floors.py: '{folder}' sees '{other}', want a folder above it in the table"
        if TOWERS[folder] == "runtime":
            for other in sorted(below):
                if TOWERS.get(other) not in ("both", "runtime"):
                    yield f"tools/check_floors.py: '{folder}' sees '{other}' of the compiler tower"
        seen.add(folder)


def sources(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in SOURCES and path.is_file())


def includes(path):
    """(line, spelling between quotes or angles, "<" or '"') of each include."""
    text = path.read_text(errors="replace")
    text = re.sub(r"/\*.*?\*/", lambda comment: "\n" * comment.group().count("\n"), text, flags=re.S)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(2), match.group(1)


def folder_of(root, path, spelled, quote):
    """The folder of src/ an include leads to, "include" for the public headers, or None: not of this project."""
    candidates = [root / "src" / spelled, root / "include" / spelled, root / spelled]
    if quote == '"':
        candidates.insert(0, path.parent / spelled)
    for candidate in candidates:
        if candidate.is_file():
            parts = candidate.resolve().relative_to(root.resolve()).parts
            return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]
    return None


def of_includes(root):
    for path in sources(root / "src"):
        parts = path.relative_to(root / "src").parts
        here = parts[0]
        if len(parts) < 2 or here not in SEES:
            yield f"{path.relative_to(root)}: lies in no folder of the design"
            continue
        allowed = SEES[here] | {here} | ({"include"} if here == "api" else set())
        for line, spelled, quote in includes(path):
            at = f"{path.relative_to(root)}:{line}"
            there = folder_of(root, path, spelled, quote)
            # What is missing is judged by its name: a planted include need not exist to be wrong.
            there = there or (spelled.split("/")[0] if spelled.split("/")[0] in SEES and "/" in spelled else None)
            if there is not None and there not in allowed:
                yield f"{at}: '{here}' includes \"{spelled}\" of '{there}', want one of {', '.join(sorted(allowed))}"
            homes = COMPILER_LIBRARIES.get(spelled.split("/")[0])
            if there is None and homes is not None and here not in homes:
                yield f"{at}: '{here}' includes <{spelled}>, want it in {', '.join(sorted(homes))} only"


def of_apps(root):
    runtime = {folder for folder, tower in TOWERS.items() if tower in ("both", "runtime")}
    for area in ("apps", "bindings"):
        for path in sources(root / area) if (root / area).is_dir() else []:
            app = path.relative_to(root / area).parts[0]
            for line, spelled, quote in includes(path):
                there = folder_of(root, path, spelled, quote)
                there = there or (spelled.split("/")[0] if spelled.split("/")[0] in SEES and "/" in spelled else None)
                own = there == area and (path.parent / spelled).resolve().is_relative_to((root / area / app).resolve())
                if there is None or own or there == "include" and spelled in PUBLIC_HEADERS:
                    continue
                if app in RUNTIME_APPS and there in runtime:
                    continue
                want = "the runtime tower" if app in RUNTIME_APPS else "hearth.h, hearth.hpp and its own files"
                yield f"{path.relative_to(root)}:{line}: {area}/{app} includes \"{spelled}\", want {want}"
    for path in sources(root / "include"):
        for line, spelled, quote in includes(path):
            there = folder_of(root, path, spelled, quote)
            if there not in (None, "include"):
                yield f"{path.relative_to(root)}:{line}: a public header includes \"{spelled}\" of '{there}'"


def commands(path):
    """(line, name, words) of each command in a CMake file."""
    text = re.sub(r"#[^\n]*", "", path.read_text())
    for match in re.finditer(r"^[ \t]*(\w+)\s*\(([^()]*)\)", text, re.M):
        yield text.count("\n", 0, match.start(1)) + 1, match.group(1).lower(), match.group(2).split()


def folders_linked(words):
    return [word[len("hearth_"):] for word in words if re.fullmatch(r"hearth_\w+", word)]


def of_links(root):
    """hearth_folder(ir LINK hearth_base) and target_link_libraries(hearth_ir ...) agree with the table."""
    declared = set()
    files = [root / "CMakeLists.txt"] + sorted((root / "apps").rglob("CMakeLists.txt"))
    for path in files:
        for line, command, words in commands(path):
            at = f"{path.relative_to(root)}:{line}"
            if command == "hearth_folder" and words:
                declared.add(words[0])
                yield from of_link(at, words[0], folders_linked(words[1:]))
            elif command == "target_link_libraries" and words:
                if words[0].startswith("hearth_") and words[0][len("hearth_"):] in SEES:
                    yield from of_link(at, words[0][len("hearth_"):], folders_linked(words[1:]))
                elif path.parent.parent == root / "apps":
                    yield from of_app_link(at, path.parent.name, words)
    for folder in sorted(path.name for path in (root / "src").iterdir() if path.is_dir()):
        if folder in SEES and folder not in declared:
            yield f"CMakeLists.txt: src/{folder} has no hearth_folder({folder} ...)"


def of_link(at, folder, linked):
    if folder not in SEES:
        yield f"{at}: hearth_folder({folder}) is no folder of the design"
        return
    for other in linked:
        if other not in SEES[folder]:
            yield f"{at}: '{folder}' links hearth_{other}, want one of {', '.join(sorted(SEES[folder])) or 'none'}"


def of_app_link(at, app, words):
    for other in folders_linked(words[1:]):
        runtime = app in RUNTIME_APPS and TOWERS.get(other) in ("both", "runtime")
        if f"hearth_{other}" != PUBLIC_LIBRARY and not runtime:
            want = "the runtime tower" if app in RUNTIME_APPS else PUBLIC_LIBRARY
            yield f"{at}: apps/{app} links hearth_{other}, want {want}"


def offenders(root):
    root = Path(root)
    return [*of_table(), *of_includes(root), *of_apps(root), *of_links(root)]


def main(arguments):
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent
    found = offenders(root)
    for line in found:
        print(line)
    count = len(sources(root / "src"))
    print(f"check_floors: {len(found)} offenders in {count} files of src/" if found else f"check_floors: {count} files keep to their floors")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
