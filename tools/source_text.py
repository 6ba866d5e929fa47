"""Reads C++ and TypeScript as far as the checks of this folder need: without comments and literals, and functions by their braces."""
import functools
import re

# One alternative a thing whose inside is no code. Newlines inside are kept, so that line numbers stay true.
_CPP_SKIP = re.compile(
    r"""
    (?P<raw>\b(?:u8|[uUL])?R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)")
  | (?P<line>//(?:\\\n|[^\n])*)
  | (?P<block>/\*.*?\*/)
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<digits>\b[0-9][0-9a-fA-FxX.]*(?:'[0-9a-fA-F]+)+)
  | (?P<char>'(?:\\.|[^'\\\n])+')
    """,
    re.X | re.S,
)
_TS_SKIP = re.compile(
    r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*.*?\*/)
  | (?P<string>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
  | (?P<template>`(?:\\.|[^`\\])*`)
  | (?P<regex>(?<=[(,=:[!&|?{};\n])[ \t]*/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+/[a-z]*)
    """,
    re.X | re.S,
)
_DIRECTIVE = re.compile(r"^[ \t]*\#(?:\\\n|[^\n])*", re.M)
_MARK = re.compile(r"^[A-Z][A-Z0-9_]*\([^()\n]*\)[ \t]*$", re.M)          # a macro on a line of its own
_CONDITION = re.compile(r"^[ \t]*\#[ \t]*(if|el|endif)", re.M)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def first_branches(text):
    """Of #if A #else B #endif only A."""
    lines, taken = [], []                        # taken: of each open #if, whether we are in its first branch
    for line in text.split("\n"):
        condition = _CONDITION.match(line)
        if condition and condition.group(1) == "if":
            taken.append(True)
        elif condition and taken:
            taken[-1] = False
            if condition.group(1) == "endif":
                taken.pop()
        lines.append(line if all(taken) else "")
    return "\n".join(lines)


def without_literals(text, suffix=".cpp"):
    """The text with comments, literals, directives and marks blanked; lines stay where they were."""
    skip = _TS_SKIP if suffix == ".ts" else _CPP_SKIP

    def blank(match):
        kind = match.lastgroup if match.lastgroup != "mark" else "raw"
        if kind == "digits":
            return match.group().replace("'", "0")
        quoted = kind in ("string", "char", "raw", "template")
        inside = _blank(match.group())
        return '"' + inside[1:-1] + '"' if quoted and len(inside) > 1 else inside

    text = skip.sub(blank, text)
    if suffix != ".ts":
        text = _DIRECTIVE.sub(lambda match: _blank(match.group()), text)
        text = _MARK.sub(lambda match: _blank(match.group()), text)
    return text


_TYPE = re.compile(r"^(?:export\s+)?(?:template\s*<.*>\s*)?(?:typedef\s+|abstract\s+)?(?:inline\s+)?"
                   r"(?:class|struct|union|enum|namespace|extern|interface)\b[^()]*$", re.S)
_NAME = re.compile(r"([A-Za-z_~][\w:~]*|operator\s*\S+?)\s*(?:<[^()]*>)?\s*\(")


def _is_function(head):
    """Whether the text before a brace at namespace or class level begins a function's body."""
    if "(" not in head or _TYPE.match(head) or head.rstrip().endswith(("=", ",", "(", "return")):
        return False
    return head.count("(") == head.count(")") or "[" in head


@functools.cache
def functions(text, suffix=".cpp"):
    """(name, first line, last line, body) of each outermost function; ValueError where braces do not pair."""
    try:
        return _functions(without_literals(text, suffix))
    except ValueError:                           # a function may begin in each branch of an #if and end once
        return _functions(without_literals(first_branches(text), suffix))


def _functions(code):
    found = []
    stack = []                   # of each open brace: the place where its function's text began, or None
    inside = 0                   # open braces of a function
    start = 0                    # where the text before the next brace begins
    for match in re.finditer(r"[{};]", code):
        at, sign = match.start(), match.group()
        if sign == "{":
            head = code[start:at]
            if inside or _is_function(head.strip()):
                stack.append(start + len(head) - len(head.lstrip()) if inside == 0 else None)
                inside += 1
            else:
                stack.append(-1)
        elif sign == "}":
            if not stack:
                raise ValueError(f"line {code.count(chr(10), 0, at) + 1}: a brace closes nothing")
            begin = stack.pop()
            if begin != -1:
                inside -= 1
            if begin is not None and begin != -1:
                head = code[begin:code.index("{", begin)]
                name = _NAME.search(head)
                first = code.count("\n", 0, begin) + 1
                last = code.count("\n", 0, at) + 1
                found.append((name.group(1) if name else "function", first, last, code[begin:at + 1]))
        if inside == 0:
            start = at + 1
    if stack:
        raise ValueError(f"{len(stack)} braces stay open")
    return found
