#!/usr/bin/env python3
"""One type of a name: two files of a program that define a type of one name are one type to the linker. check_names.py [ROOT]"""
import re
import sys
from pathlib import Path

from source_text import first_branches, without_literals

SOURCES = {".h", ".hpp", ".c", ".cpp", ".cc", ".inc"}
# What each program holds: all of src/ and include/, beside it the folders of one app, or of one test.
SHARED = ("include", "src")
PROGRAMS = ("apps", "tests", "bindings")
OF_EVERY_TEST = "tests/support"
SKIPPED = {"node_modules", "dist", "fixtures", "corpus"}

_NAMESPACE = re.compile(r"\bnamespace\b\s*([\w:]*)\s*$")
_TYPE = re.compile(r"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+(?:(?:alignas\s*\([^()]*\)|\[\[[^\]]*\]\])\s*)*"
                   r"([A-Za-z_][\w:]*(?:\s*<[^(){};]*>)?)\s*(?:final\s*)?(?::(?!:).*)?$", re.S)


def types(text):
    """(qualified name, line) of each type defined in a named namespace or in none, itself in no type and no function."""
    try:
        return _types(without_literals(text))
    except ValueError:                           # a type may begin in each branch of an #if and end once
        return _types(without_literals(first_branches(text)))


def _types(code):
    found = []
    stack = []                   # of each open brace the namespace it opens, "" where it opens none of a name, or None: no namespace
    start = 0                    # where the text before the next brace begins
    for match in re.finditer(r"[{};]", code):
        at, sign = match.start(), match.group()
        if sign == "{":
            head = code[start:at].strip()
            space = _NAMESPACE.search(head)
            if space:
                stack.append(space.group(1) or None)
            elif re.fullmatch(r'extern\s*"\s*"', head):
                stack.append("")
            else:
                name = _TYPE.search(head)
                if name and None not in stack:
                    spelled = re.sub(r"\s+", "", name.group(1))
                    line = code.count("\n", 0, start + code[start:at].rindex(name.group(1))) + 1
                    found.append(("::".join([*filter(None, stack), spelled]), line))
                stack.append(None)
        elif sign == "}":
            if not stack:
                raise ValueError(f"line {code.count(chr(10), 0, at) + 1}: a brace closes nothing")
            stack.pop()
        start = at + 1
    if stack:
        raise ValueError(f"{len(stack)} braces stay open")
    return found


def files(root, area):
    for path in sorted((root / area).rglob("*")) if (root / area).is_dir() else []:
        if path.suffix in SOURCES and path.is_file() and not SKIPPED & set(path.relative_to(root).parts):
            yield path


def offenders(root):
    root = Path(root)
    homes = {}                   # of each name the (program, path, line) that define it; program "": every one
    found = []
    for area in (*SHARED, *PROGRAMS):
        for path in files(root, area):
            name = path.relative_to(root)
            program = "" if area in SHARED else "/".join(name.parts[:2])
            try:
                for spelled, line in types(path.read_text(errors="replace")):
                    homes.setdefault(spelled, []).append((program, str(name), line))
            except ValueError as problem:
                found.append(f"{name}: {problem}; types cannot be read")
    for spelled, places in sorted(homes.items()):
        for i, (program, path, line) in enumerate(places):
            for other, first, first_line in places[:i]:
                if path != first and meet(program, other):
                    found.append(f"{path}:{line}: defines {spelled}, as does {first}:{first_line}, want a name of its own, "
                                 "or an unnamed namespace")
                    break
    return found


def meet(one, other):
    """Whether a binary can hold files of both."""
    if one == other or not one or not other:
        return True
    return OF_EVERY_TEST in (one, other) and one.split("/")[0] == other.split("/")[0]


def main(arguments):
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent
    found = offenders(root)
    for line in found:
        print(line)
    count = sum(1 for area in (*SHARED, *PROGRAMS) for _ in files(root, area))
    print(f"check_names: {len(found)} offenders in {count} files" if found else f"check_names: {count} files define each type once")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
