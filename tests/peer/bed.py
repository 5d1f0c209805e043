# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of this folder stand on: TAP, waits with a deadline, and real proxies asked by gossipctl."""

import json
import os
import subprocess
import time

SLACK = 60  # seconds that a wait lasts longer than it should take: no test fails because the machine is slow

DEGRADED = 4  # exit status of gossipctl: it answered, and something is amiss


class Tap:
    """Tests that are told one by one."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def check(self, title, held, *notes):
        """One test. notes: shown when it failed."""
        self.count += 1
        self.failed += not held
        print(f"{'ok' if held else 'not ok'} {self.count} - {title}", flush=True)
        for note in notes if not held else ():
            print(f"# {note}", flush=True)
        return held

    def note(self, text):
        """What was measured."""
        print(f"# {text}", flush=True)

    def done(self):
        """The plan. Returns the exit status."""
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed else 0


def wait_for(seconds, condition, slack=SLACK):
    """Until it holds. seconds: what it may take on a machine with nothing else to do."""
    deadline = time.monotonic() + seconds + slack
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Proxy:
    """A running gossipd."""

    def __init__(self, state, number, address):
        self.name, self.address = f"proxy{number}", (address, 7946)
        self.socket, self.pid_file = f"{state}/{self.name}.sock", f"{state}/pid.{self.name}"
        self.ctl = os.environ["GOSSIPCTL"]

    def ask(self, *words):
        """The answer of gossipctl, as JSON."""
        return json.loads(self.text(*words))

    def text(self, *words):
        """The same as text."""
        command = [self.ctl, "--socket", self.socket, "--json", *words]
        answer = subprocess.run(command, capture_output=True, check=False, timeout=60)
        if answer.returncode not in (0, DEGRADED):
            raise subprocess.CalledProcessError(answer.returncode, command, answer.stdout, answer.stderr)
        return answer.stdout.decode()

    def events(self):
        """Its events, a line each."""
        return self.text("events").splitlines()

    def status(self):
        """The numbers of `status`."""
        return self.ask("status")["status"]

    def rejects(self):
        """Rejects by reason."""
        return {row["name"]: row["count"] for row in self.ask("status")["rejects"]}

    def member(self, name):
        """What it shows of a member."""
        return next((m for m in self.ask("members")["members"] if m["name"] == name), None)

    def lives(self):
        """Whether its process is there, and answers."""
        with open(self.pid_file, encoding="ascii") as file:
            pid = int(file.read())
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                running = file.read().split()[2] != "Z"
            return running and bool(self.status())
        except (OSError, subprocess.SubprocessError):
            return False


class Throwers:
    """Packets of clients at the proxies: tests/e2e/throw.py in the clients' namespace, ended with us."""

    def __init__(self, root, namespace):
        self.root, self.namespace, self.running = root, namespace, []

    def throw(self, proxy, destination, first_client, clients, rounds, pause_ms):
        """Rounds of one packet from each of so many clients, in the background."""
        command = ["nsenter", f"--net=/run/netns/{self.namespace}", "python3", f"{self.root}/tests/e2e/throw.py"]
        command += [f"to{proxy}", f"02:00:00:00:01:{proxy:02x}", destination, first_client]
        command += [str(n) for n in (clients, rounds, pause_ms)]
        self.running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))

    def wait(self):
        """Until all have ended well."""
        ended = [thrower.wait(timeout=120) for thrower in self.running]
        self.running = []
        return not any(ended)

    def stop(self):
        """Ends them."""
        for thrower in self.running:
            thrower.kill()
            thrower.wait()
        self.running = []
