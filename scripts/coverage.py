#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sums what gcov counted: coverage.py FOLDER, where objects compiled with --coverage lie.

Prints the lines and branches that were reached per folder of sources, then the files with the smallest share of
branches. Tests are left out.
"""

import collections
import json
import subprocess
import sys
from pathlib import Path

FOLDERS = ("include/xpro/", "proto/", "gossipd/", "sim/")
LEAST_SHOWN = 10


def gcov(notes):
    """Yields what gcov knows of each source file: a header's code comes once for each object."""
    command = ["gcov", "--branch-probabilities", "--json-format", "--stdout", *notes]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    for line in run.stdout.splitlines():
        yield from json.loads(line)["files"]


def row(name, lines, branches):
    def share(counts):
        reached = sum(count > 0 for count in counts)
        return f"{reached:6d} of {len(counts):6d} {100 * reached / max(len(counts), 1):5.1f} %"

    print(f"{name:28s} {share(lines.values())} {share(branches.values()):>26s}")


def main():
    lines = collections.defaultdict(collections.Counter)
    branches = collections.defaultdict(collections.Counter)
    for file in gcov(sorted(map(str, Path(sys.argv[1]).rglob("*.gcno")))):
        for line in file["lines"]:
            lines[file["file"]][line["line_number"]] += line["count"]
            for number, branch in enumerate(line["branches"]):
                branches[file["file"]][line["line_number"], number] += branch["count"]

    print(f"{'folder':28s} {'lines reached':>23s} {'branches reached':>26s}")
    for folder in sorted({str(Path(name).parent) for name in lines if name.startswith(FOLDERS)}):
        files = [name for name in lines if str(Path(name).parent) == folder]
        row(folder, {(name, at): n for name in files for at, n in lines[name].items()},
            {(name, at): n for name in files for at, n in branches[name].items()})

    def share(name):
        return sum(count > 0 for count in branches[name].values()) / len(branches[name])

    print("least:")
    with_branches = [name for name in branches if name.startswith(FOLDERS) and branches[name]]
    for name in sorted(with_branches, key=share)[:LEAST_SHOWN]:
        row(name, lines[name], branches[name])


if __name__ == "__main__":
    main()
