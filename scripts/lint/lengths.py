#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bounds on lengths: lengths.py columns|files|functions FILE... Prints file:line and a reason; ends with 1 if
there is one.

columns: 120, a tab reaches to the next multiple of 8. files: 500 lines. functions (C): 80 lines between two
braces in the first column.
"""

import sys

COLUMNS_MAX, FILE_MAX, FUNCTION_MAX = 120, 500, 80


def columns(name, lines):
    for number, line in enumerate(lines, 1):
        if (width := len(line.expandtabs(8))) > COLUMNS_MAX:
            yield number, f"{width} columns, at most {COLUMNS_MAX}"


def files(name, lines):
    if len(lines) > FILE_MAX:
        yield FILE_MAX + 1, f"{len(lines)} lines, at most {FILE_MAX}"


def functions(name, lines):
    opened = 0
    for number, line in enumerate(lines, 1) if name.endswith((".c", ".h")) else []:
        if line == "{":
            opened = number
        elif line == "}" and opened:
            if number - opened - 1 > FUNCTION_MAX:
                yield opened, f"a function of {number - opened - 1} lines, at most {FUNCTION_MAX}"
            opened = 0


def main():
    check = {"columns": columns, "files": files, "functions": functions}[sys.argv[1]]
    found = 0
    for name in sys.argv[2:]:
        with open(name, encoding="utf-8") as file:
            for number, reason in check(name, file.read().splitlines()):
                print(f"{name}:{number}: {reason}")
                found = 1
    return found


if __name__ == "__main__":
    sys.exit(main())
