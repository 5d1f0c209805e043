#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""corpus.py GOSSIPCTL FIXED_SO: what gossipctl asks, prints and ends with, compared with the files in
tests/ctl/golden, one per case. A stand-in for gossipd gives the answers of answers.py; the clock and the
randomness of the commands that sign are fixed (tests/host/fixed.c). REWRITE=1 writes the files anew: a change
of wording is then a change of these files. Speaks TAP."""
import ctypes
import difflib
import hashlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

import answers
import cases
import records

GOLDEN = pathlib.Path(__file__).parent / "golden"
REWRITE = os.environ.get("REWRITE") == "1"
UTC = 1_800_000_000


class StandIn(threading.Thread):
    """Takes connections, of each one request and its payload, and gives the same answer to all."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.path, self.answer, self.asked, self.ended = path, answer, [], False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)

    def run(self):
        while True:
            with self.listener.accept()[0] as client:
                if self.ended:
                    return
                client.settimeout(20)
                self.asked.append(self.take(client))
                try:
                    client.sendall(self.answer)
                except OSError:
                    pass

    @staticmethod
    def take(client):
        asked = client.recv(ctypes.sizeof(records.Request), socket.MSG_WAITALL)
        if len(asked) < ctypes.sizeof(records.Request):
            return asked
        return asked + client.recv(records.Request.from_buffer_copy(asked).payload_bytes, socket.MSG_WAITALL)

    def end(self):
        self.ended = True
        with socket.socket(socket.AF_UNIX) as waking:
            waking.connect(self.path)
            self.join()
        self.listener.close()


def request_text(asked):
    request = records.Request.from_buffer_copy(asked)
    payload = asked[ctypes.sizeof(request) :]
    words = [f"magic {request.magic:#x} version {request.version} verb {request.verb} flags {request.flags:#x}"]
    client, destination = bytes(request.client).hex(), bytes(request.destination).hex()
    words.append(f"client {client}/{request.client_bits} destination {destination}/{request.destination_bits}")
    words.append(f"seconds {request.seconds} count {request.count} payload_bytes {request.payload_bytes}")
    if payload:
        words.append(f"payload sha256 {hashlib.sha256(payload).hexdigest()}")
    return "".join(f"request: {word}\n" for word in words)


def stream_text(name, content):
    """Text as it is; anything else as hexadecimal digits."""
    try:
        text = content.decode()
        if re.search(r"[^\n\t\x20-\x7e\u00a0-\U0010ffff]", text):
            raise ValueError
    except ValueError:
        digits = content.hex()
        return f"--- {name}, in hexadecimal\n" + "".join(digits[i : i + 64] + "\n" for i in range(0, len(digits), 64))
    return f"--- {name}\n{text}" + ("" if text == "" or text.endswith("\n") else "\n(no newline at the end)\n")


def tree(directory):
    """What stands in a folder: mode and digest of every file, and the text of configurations and lists."""
    return {
        str(path.relative_to(directory)): (path.stat().st_mode & 0o7777, path.read_bytes() if path.is_file() else None)
        for path in sorted(pathlib.Path(directory).rglob("*"))
        if not path.is_socket()
    }


def changes_text(before, after):
    text = "".join(f"--- gone: {name}\n" for name in sorted(before.keys() - after.keys()))
    for name, (mode, content) in after.items():
        if before.get(name) == (mode, content):
            continue
        if content is None:
            text += f"--- directory {name}, mode {mode:o}\n"
            continue
        text += f"--- file {name}, mode {mode:o}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}\n"
        if name.endswith((".conf", "issued", "revoked")):
            text += "".join(f"| {line}\n" for line in content.decode().splitlines())
    return text


def run(case, program, preload, directory):
    environment = {
        "PATH": "/usr/bin:/bin",
        "TZ": "UTC",
        "LC_ALL": "C",
        "COLUMNS": "80",
        "LINES": "24",
        "HOME": "/nonexistent",
        "LD_PRELOAD": preload,
        "FIXED_UTC": str(UTC + case.get("later_s", 0)),
        "FIXED_SEED": str(case.get("seed", 1)),
    }
    stand_in = None
    if case.get("answer"):
        stand_in = StandIn("gossipd.sock", answers.ANSWERS[case["answer"]])
        stand_in.start()
    for name, content in case.get("files", {}).items():
        pathlib.Path(name).write_bytes(content)
    before = tree(directory)
    got = subprocess.run(
        ["gossipctl", *case["line"]],
        executable=program,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    if stand_in:
        stand_in.end()
        os.unlink("gossipd.sock")
    quoted = (word if re.fullmatch(r"[-\w./:,=@|\[\]]+", word) else repr(word) for word in case["line"])
    text = f"$ gossipctl {' '.join(quoted)}\n"
    if stand_in:
        text += f"answer: {case['answer']}\n" + ("".join(map(request_text, stand_in.asked)) or "request: none\n")
    text += f"status: {got.returncode}\n"
    text += stream_text("standard output", got.stdout) + stream_text("standard error", got.stderr)
    return text + changes_text(before, tree(directory))


def verdict(name, text):
    """None, or what differs."""
    path = GOLDEN / f"{name}.txt"
    if REWRITE:
        path.write_text(text)
        return None
    if not path.exists():
        return ["no such file; REWRITE=1 makes it"]
    wanted = path.read_text()
    if wanted == text:
        return None
    return list(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "golden", "got", lineterm=""))


def main():
    program, preload = (os.path.realpath(word) for word in sys.argv[1:3])
    names, failed = [case["name"] for case in cases.CASES], 0
    GOLDEN.mkdir(exist_ok=True)
    assert len(set(names)) == len(names), "two cases have one name"
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for number, case in enumerate(cases.CASES, 1):
            differs = verdict(case["name"], run(case, program, preload, directory))
            failed += differs is not None
            print(f"{'ok' if differs is None else 'not ok'} {number} - {case['name']}", flush=True)
            for line in differs or []:
                print(f"# {line}")
        os.chdir("/")
    strangers = sorted(path.stem for path in GOLDEN.glob("*.txt") if path.stem not in names)
    for name in strangers if REWRITE else []:
        (GOLDEN / f"{name}.txt").unlink()
    failed += bool(strangers) and not REWRITE
    print(f"{'not ok' if strangers and not REWRITE else 'ok'} {len(names) + 1} - every_golden_file_has_its_case")
    print(f"1..{len(names) + 1}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
