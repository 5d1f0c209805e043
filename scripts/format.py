#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Formats C with clang-format-14 and .clang-format: format.py [--check] [FILE...], without files all that git
knows.

Some things stay as their author laid them out, for clang-format 14 has no option for them: line breaks, blanks
that align (tables of initialisers, comments behind code), and blanks at & * ~ ++ --, which it takes for parts
of casts and pointers where they are none. What it decides is indentation, the other blanks and empty lines.
--check changes nothing, prints file:line of each line that would change, and ends with 1 if there is one.
"""

import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOOL = "clang-format-14"


def squeezed(*lines):
    text = re.sub(r"\s+", " ", " ".join(line.rstrip("\\ \t") for line in lines))
    return re.sub(r" ?(&+|\*|~|\+\+|--) ?", r"\1", text).strip()


def indentation(line):
    return line[: len(line) - len(line.lstrip())]


def settled(old, new):
    """What differing lines become."""
    if len(old) != len(new):
        return old if squeezed(*old) == squeezed(*new) and all(map(str.strip, old)) else new
    return [a if squeezed(a) == squeezed(b) and indentation(a) == indentation(b) else b for a, b in zip(old, new)]


def hunks(old, new):
    """Yields (first line, old lines, lines they become) for all of the file."""
    for kind, a, a_end, b, b_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        lines = old[a:a_end]
        yield a + 1, lines, lines if kind == "equal" else settled(lines, new[b:b_end])


def main():
    check = "--check" in sys.argv
    files = [name for name in sys.argv[1:] if name != "--check"]
    files = files or subprocess.check_output(["git", "ls-files", "*.c", "*.h"], text=True).split()
    changes = 0
    with tempfile.TemporaryDirectory() as copies:
        shutil.copy(".clang-format", copies)
        for name in files:
            (Path(copies) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, Path(copies) / name)
        subprocess.run([TOOL, "-i", *files], cwd=copies, check=True)
        for name in files:
            old, new = Path(name).read_text().split("\n"), (Path(copies) / name).read_text().split("\n")
            found = list(hunks(old, new))
            for line, before, after in found:
                if before != after:
                    changes += 1
                    if check:
                        print(f"{name}:{line}: format: {after[0] if after else 'one empty line is enough'}")
            if not check:
                Path(name).write_text("\n".join(line for _, _, lines in found for line in lines))
    return 1 if check and changes else 0


if __name__ == "__main__":
    sys.exit(main())
