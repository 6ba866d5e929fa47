#!/usr/bin/env python3
"""Lists headers, sources and functions larger than a reader takes in at once. check_size.py [ROOT]"""
import sys
from pathlib import Path

from source_text import functions

# What        lines
HEADER_LINES = 250
SOURCE_LINES = 600
FUNCTION_LINES = 60

AREAS = ("src", "apps", "include", "tests", "bench", "bindings")
HEADERS = {".h", ".hpp"}
SOURCES = {".cpp", ".c", ".cc", ".ts", ".tsx"}
SKIPPED = {"node_modules", "dist", "fixtures", "corpus"}


def sources(root):
    for area in AREAS:
        for path in sorted((root / area).rglob("*")) if (root / area).is_dir() else []:
            if path.is_file() and path.suffix in HEADERS | SOURCES and not SKIPPED & set(path.relative_to(root).parts):
                yield path


def of_file(path, name):
    text = path.read_text(errors="replace")
    lines = text.count("\n")
    most = HEADER_LINES if path.suffix in HEADERS else SOURCE_LINES
    if lines > most:
        yield f"{name}: {lines} lines, want at most {most}"
    suffix = ".ts" if path.suffix in (".ts", ".tsx") else ".cpp"
    try:
        for function, first, last, _ in functions(text, suffix):
            if last - first + 1 > FUNCTION_LINES:
                yield f"{name}:{first}: {function}() has {last - first + 1} lines, want at most {FUNCTION_LINES}"
    except ValueError as problem:
        yield f"{name}: {problem}; functions cannot be measured"


def offenders(root):
    root = Path(root)
    return [line for path in sources(root) for line in of_file(path, path.relative_to(root))]


def main(arguments):
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent
    found = offenders(root)
    for line in found:
        print(line)
    count = sum(1 for _ in sources(root))
    print(f"check_size: {len(found)} offenders in {count} files" if found else f"check_size: {count} files are small enough")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
