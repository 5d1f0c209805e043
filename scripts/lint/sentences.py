#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Words per sentence: sentences.py [--counts] FILE... Prints file:line of each sentence that is too long.

Ends with 1 if there is one, or if the mean of a file is too high. Reads Markdown (*.md), manual pages (roff:
*.1 to *.8, *.in) and the comments of C sources (*.c, *.h). Code blocks, tables, headings and tables of contents
are left out. A piece of code inside a sentence counts as one word. --counts prints a line per file instead:
sentences, mean, too long.
"""

import re
import sys
from pathlib import Path

WORDS_MAX = 40
MEAN_MAX = 22  # of a document; the aim is 20

ABBREVIATIONS = r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bcf\.)(?<!\bvs\.)(?<!\bno\.)"
SENTENCE_END = re.compile(ABBREVIATIONS + r"(?<=[.!?])[\"')*_]*\s+")


def markdown(lines):
    """Yields blocks: lists of (line number, text)."""
    block, fenced = [], False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        code = fenced or line.lstrip().startswith("```") or (re.match(r"(    |\t)", line) and not block)
        item = re.match(r"\s*([-*+]|\d+[.)])\s+", line)
        if code or item or not line.strip() or re.match(r"\s*([|#<>]|-{3,}|={3,})", line):
            yield block
            block = []
        if item:
            line = line[item.end():]
        elif code or line.count("](#") > 2 or re.match(r"\s*([|#<]|-{3,}|={3,})", line):
            continue
        if line.strip():
            block.append((number, line.lstrip("> ")))
    yield block


def roff(lines):
    block, literal, tag = [], False, False
    for number, line in enumerate(lines, 1):
        macro = re.match(r"\.\s*([A-Za-z]+)\s*", line)
        if line.startswith((".nf", ".EX")):
            literal = True
        elif line.startswith((".fi", ".EE")):
            literal = False
        inline = not macro or macro[1] in ("B", "I", "BR", "BI", "IR", "IB", "RB", "RI")
        if tag or not inline or literal or re.match(r"@\w+@", line) or not line.strip():
            yield block
            block = []
        elif not line.startswith((".\\\"", "'\\\"")):
            text = line[macro.end():].replace('" "', "").replace('"', "") if macro else line
            block.append((number, re.sub(r"\\(f.|\(..|&)", "", text).replace("\\-", "-")))
        tag = bool(macro) and macro[1] in ("TP", "TQ")
    yield block


def comments(lines):
    text = "\n".join(lines)
    for match in re.finditer(r"/\*(.*?)\*/|\"(?:\\.|[^\"\\\n])*\"", text, re.S):
        if match[1] is None or "SPDX-License-Identifier" in match[1]:
            continue
        first, block = text.count("\n", 0, match.start()) + 1, []
        for number, line in enumerate(match[1].split("\n"), first):
            line = re.sub(r"^\s*\* ?", "", line)
            if not line.strip() or re.match(r"(\s{4}|\t)", line):
                yield block
                block = []
            else:
                block.append((number, line))
        yield block


def sentences(block):
    """Yields (line number, words) for each sentence of a block."""
    text = "\n".join(line for _, line in block)
    text = re.sub(r"`[^`]*`", lambda code: "x" + "\n" * code[0].count("\n"), text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    begin = 0
    for end in [match.end() for match in SENTENCE_END.finditer(text)] + [len(text)]:
        words = [word for word in text[begin:end].split() if re.search(r"\w", word)]
        if len(words) > 2:
            yield block[0][0] + text.count("\n", 0, begin), words
        begin = end


def blocks(name):
    lines = Path(name).read_text(encoding="utf-8").splitlines()
    reader = markdown if name.endswith(".md") else comments if name.endswith((".c", ".h")) else roff
    return [block for block in reader(lines) if block]


def main():
    counts = "--counts" in sys.argv
    found = False
    for name in [argument for argument in sys.argv[1:] if argument != "--counts"]:
        lengths = []
        for line, words in (sentence for block in blocks(name) for sentence in sentences(block)):
            lengths.append(len(words))
            if len(words) > WORDS_MAX and not counts:
                print(f"{name}:{line}: {len(words)} words, at most {WORDS_MAX}: {' '.join(words[:8])} …")
        mean, long = sum(lengths) / max(len(lengths), 1), sum(length > WORDS_MAX for length in lengths)
        if counts:
            print(f"{name}: {len(lengths)} sentences, mean {mean:.1f} words, {long} over {WORDS_MAX}")
        elif mean > MEAN_MAX:
            print(f"{name}:1: {mean:.1f} words a sentence on average, at most {MEAN_MAX}")
        found = found or long > 0 or mean > MEAN_MAX
    return 1 if found and not counts else 0


if __name__ == "__main__":
    sys.exit(main())
