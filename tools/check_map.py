#!/usr/bin/env python3
"""docs/MAP.md names exactly the folders of src/, in an order in which nothing comes before what it includes. check_map.py [ROOT]"""
import re
import sys
from pathlib import Path

from check_floors import SEES

# A row of the map: | `src/ir/` | what it is | `dim.h`, `graph.h` |
ROW = re.compile(r"^\|\s*`src/(\w+)/?`\s*\|[^|]+\|([^|]*)\|\s*$", re.M)


def offenders(root):
    root = Path(root)
    rows = ROW.findall((root / "docs/MAP.md").read_text())
    listed = [folder for folder, _ in rows]
    there = {path.name for path in (root / "src").iterdir() if path.is_dir() and any(path.rglob("*.*"))}
    found = [f"docs/MAP.md: src/{folder} is not listed" for folder in sorted(there - set(listed))]
    found += [f"docs/MAP.md: lists src/{folder}, which is not there" for folder in listed if folder not in there]
    found += [f"docs/MAP.md: lists src/{folder} twice" for folder in sorted({f for f in listed if listed.count(f) > 1})]
    for at, folder in enumerate(listed):
        found += [f"docs/MAP.md: src/{folder} comes before src/{below}, which it includes"
                  for below in listed[at + 1:] if below in SEES.get(folder, set())]
    for folder, headers in rows:
        for header in re.findall(r"`([^`]+)`", headers):
            if not (root / "src" / folder / header).is_file():
                found.append(f"docs/MAP.md: src/{folder}/{header} is not there")
    return found


def main(arguments):
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent
    found = offenders(root)
    for line in found:
        print(line)
    print(f"check_map: {len(found)} offenders" if found else "check_map: the map is the tree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
