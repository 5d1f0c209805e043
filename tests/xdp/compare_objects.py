#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""compare_objects.py OLD.bpf.o NEW.bpf.o: are two builds of the XDP program the same to the kernel? Prints one
line per section that is loaded (instructions, data, license), per table of relocations, and per map: equal or
different. Debug information, line numbers and types' names are left out. Ends with 1 when anything is
different. A build's object is build/gen/xpro.bpf.o."""
import ctypes
import hashlib
import os
import re
import subprocess
import sys
import tempfile

LEFT_OUT = re.compile(r"^(\.rel)?\.(debug|BTF|symtab|strtab|shstrtab|llvm)")


def tool(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def sections(path):
    """Name: size and digest of what is loaded; for relocations their offsets, types and targets."""
    headers = re.findall(r"^ *\d+ (\S+) +([0-9a-f]{8}) [0-9a-f]{16} *(.*)", tool("llvm-objdump", "-h", path), re.M)
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        for number, (name, size, kind) in enumerate(headers):
            if LEFT_OUT.match(name) or name.startswith(".rel") or int(size, 16) == 0:
                continue
            found[name] = f"{int(size, 16)} bytes"
            if "BSS" in kind:  # zeros, of which there is nothing in the file
                continue
            out = os.path.join(directory, str(number))
            tool("llvm-objcopy", f"--dump-section={name}={out}", path, os.path.join(directory, "copy"))
            with open(out, "rb") as content:
                found[name] += f" {hashlib.sha256(content.read()).hexdigest()[:16]}"
    for name, rows in re.findall(
        r"^RELOCATION RECORDS FOR \[(\S+)\]:\n(.*?)(?=\n\n|\Z)", tool("llvm-objdump", "-r", path), re.M | re.S
    ):
        if not LEFT_OUT.match(name):
            found[f"relocations of {name}"] = f"{rows.count(chr(10))} {hashlib.sha256(rows.encode()).hexdigest()[:16]}"
    return found


def maps(path):
    """Name: type, sizes and flags, which stand in the types of the object alone."""
    libbpf = ctypes.CDLL("libbpf.so.1")
    for name, result in (
        ("bpf_object__open", ctypes.c_void_p),
        ("bpf_object__next_map", ctypes.c_void_p),
        ("bpf_map__name", ctypes.c_char_p),
    ):
        getattr(libbpf, name).restype = result
    opened = libbpf.bpf_object__open(path.encode())
    if not opened:
        sys.exit(f"{path}: no BPF object")
    found, at = {}, None
    while at := libbpf.bpf_object__next_map(ctypes.c_void_p(opened), ctypes.c_void_p(at)):
        numbers = [
            getattr(libbpf, f"bpf_map__{word}")(ctypes.c_void_p(at))
            for word in ("type", "key_size", "value_size", "max_entries", "map_flags")
        ]
        name = libbpf.bpf_map__name(ctypes.c_void_p(at)).decode()
        found[
            f"map {re.sub('^.*[.](?=rodata|data|bss)', '.', name)}"
        ] = "type {}, key {}, value {}, entries {}, flags {:#x}".format(*numbers)
    return found


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: compare_objects.py OLD.bpf.o NEW.bpf.o")
    old, new = ({**sections(path), **maps(path)} for path in sys.argv[1:3])
    different = 0
    for name in sorted(old.keys() | new.keys()):
        equal = old.get(name) == new.get(name)
        different += not equal
        print(
            f"{'equal' if equal else 'different':9} {name}: {old.get(name, 'none')}"
            + ("" if equal else f", now {new.get(name, 'none')}")
        )
    print(f"{len(old.keys() | new.keys())} compared, {different} different")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
