#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Starts gossipd again and again, each time with another call of one kind failing (failing.c), and says what
was wrong with how it took it.

    fail_starts.py CALL CALLS TIMES PREFIX_COMMAND -- COMMAND...

Of CALLS calls, TIMES are tried: the first half one by one, the others spread evenly. PREFIX_COMMAND runs before
each start (true: nothing). A start must either end with status 1 and a line that names something, or become
ready and end with 0 when told to. Prints how many did which.
"""
import os
import select
import signal
import subprocess
import sys
import time

START_S = 120  # it starts in less than one: no start is called a hang because the machine is slow


def chosen(calls, times):
    if calls <= times:
        return list(range(1, calls + 1))
    near = list(range(1, times // 2 + 1))
    far = [times // 2 + (i + 1) * (calls - times // 2) // (times - times // 2) for i in range(times - times // 2)]
    return near + far


def start(command, call, number):
    """(ready, status, what it said)"""
    environment = dict(os.environ, LD_PRELOAD=os.environ["FAILING"], FAIL_CALL=call, FAIL_AT=str(number))
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, deadline, ready = b"", time.monotonic() + START_S, False
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], 0.2)[0]:
            continue
        got = os.read(process.stdout.fileno(), 65536)
        said += got
        if not got:
            break
        if not ready and b"gossipd: ready:" in said:
            ready = True
            process.send_signal(signal.SIGTERM)
    else:
        process.kill()
    try:
        status = process.wait(START_S)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    return ready, status, said.decode(errors="replace")


def verdict(ready, status, said):
    if ready:
        return None if status == 0 else f"was ready and ended with {status}"
    if status != 1:
        return f"ended with {status} before it was ready"
    lines = [line for line in said.splitlines() if line.startswith("gossipd: ")]
    if not lines or ":" not in lines[-1][len("gossipd: ") :]:
        return "ended without naming anything"
    return None


def main():
    call, calls, times, prefix = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    command = sys.argv[6:]
    refused = survived = wrong = 0
    for number in chosen(calls, times):
        subprocess.run(prefix, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ready, status, said = start(command, call, number)
        problem = verdict(ready, status, said)
        refused += not ready
        survived += ready
        if problem:
            wrong += 1
            print(f"{call} {number} of {calls}: {problem}:\n{said}")
    print(f"{call}: {refused} refused, {survived} survived, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
