#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What documents and comments refer to exists: references.py FILE... Prints file:line and what is missing, and then
ends with 1.

Checked in documents are links within the repository with their anchors, paths in back quotes that begin with a folder
of the repository or of the document (`tests/run.sh`, `proto/frame*.c`), and the targets of each `make` in back quotes
or in a code block. Checked in the comments of C sources (*.c, *.h) are names of files (ledger.c, xpro/record.h): one
with that name, or that ends with that path, is in the repository. Names in <> and paths that begin with no folder of
the repository (linux/bpf.h) are the system's.
"""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

TRACKED = subprocess.check_output(["git", "ls-files"], text=True).split("\n")
NAMES = {name[start:] for name in TRACKED for start in [0] + [m.end() for m in re.finditer("/", name)]}
FOLDERS = {folder for name in TRACKED for folder in name.split("/")[:-1]}
FILE_NAME = re.compile(r"(?<![\w./<-])((?:[\w-]+/)*\w[\w-]+(?:\.bpf)?\.(?:c|h|py|sh|md))(?![\w/-])")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", Path("Makefile").read_text(), re.M))


def is_there(path):
    path = path.rstrip("/")
    return any(fnmatch.fnmatchcase(name, path) or name.startswith(path + "/") for name in TRACKED)


def anchors(path):
    headings = re.findall(r"^#+\s+(.*)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document, line):
    for target in re.findall(r"\]\(([^)\s]+)\)", line):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path) if path else document
        if not file.exists():
            yield f"{path} does not exist"
        elif anchor and anchor not in anchors(file):
            yield f"{file} has no heading #{anchor}"


def paths(document, line):
    for code in re.findall(r"`([^`\s]+/[^`\s]*)`", line):
        first = code.split("/")[0]
        bases = [base for base in ("", f"{document.parent}/") if is_there((base + first).removeprefix("./"))]
        if bases and not any(is_there((base + code).removeprefix("./")) for base in bases):
            yield f"{code} does not exist"


def targets(line):
    commands = re.findall(r"`([^`]+)`", line) + ([line] if line.startswith(("    ", "\t")) else [])
    for command in commands:
        words = re.match(r"\s*(?:\w+=\S+ )*make( [^#;|&`]*)?$", command.split("#")[0].rstrip())
        for word in (words[1] or "").split() if words else []:
            if re.fullmatch(r"[a-z][a-z-]*", word) and word not in TARGETS:
                yield f"the Makefile has no target {word}"


def comments(source):
    for comment in re.finditer(r"/\*.*?\*/|//[^\n]*", source, re.S):
        for file in FILE_NAME.finditer(comment[0]):
            path = file[1]
            if path not in NAMES and ("/" not in path or path.split("/")[0] in FOLDERS):
                yield source.count("\n", 0, comment.start() + file.start()) + 1, f"{path} does not exist"


def main():
    found = 0
    for name in sys.argv[1:]:
        document = Path(name)
        if document.suffix in (".c", ".h"):
            for number, reason in comments(document.read_text(encoding="utf-8")):
                print(f"{name}:{number}: {reason}")
                found = 1
            continue
        for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
            for reason in [*links(document, line), *paths(document, line), *targets(line)]:
                print(f"{name}:{number}: {reason}")
                found = 1
    return found


if __name__ == "__main__":
    sys.exit(main())
