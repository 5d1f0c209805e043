#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Command lines at random, terminals that are tiny, outputs that are closed, names that would command a terminal:
# gossipctl, gossipd and xpro-sim end with the status they document and never by a signal. Needs root for a daemon to
# ask. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin

# ---- arguments at random ----

cat >"$dir/arguments.py" <<'PYTHON'
"""Runs PROGRAM with N random command lines from a seed; a status that is not in ALLOWED, or a signal, is told with
the line that repeats it."""
import random
import subprocess
import sys

program, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
allowed = {int(s) for s in sys.argv[4].split(",")}
words = sys.argv[5:]
odd = ["", "-", "--", "---", "=", "--=", "-h", "-x", "0", "-1", "1e9", "18446744073709551616", "9" * 400, "a" * 5000,
       "\x01\x1b[2J", "\u202e", "%s%n%s", "../../etc/passwd", "/dev/null", "/", ".", "10.0.0.1", "10.0.0.1/33",
       "::/129", "::ffff:10.0.0.1", "10.0.0.256", "[::1]:0", "1.2.3.4:65536", "::1%lo", "\xff\xfe", "--json=",
       "--json=yes", "-" * 300]
rng = random.Random(seed)
bad = 0
for _ in range(count):
    line = [rng.choice(words if rng.random() < 0.7 else odd) for _ in range(rng.randrange(0, 7))]
    try:
        got = subprocess.run([program, *line], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    except (subprocess.TimeoutExpired, ValueError) as problem:
        print(f"{line}: {problem}")
        bad += 1
        continue
    output = got.stdout + got.stderr
    if got.returncode not in allowed or b"\x1b" in output or b"Sanitizer" in output:
        print(f"{line}: ended with {got.returncode}: {output[-300:]!r}")
        bad += 1
    if got.returncode and not got.stderr:
        print(f"{line}: ended with {got.returncode} without a word")
        bad += 1
print(f"{count} lines, {bad} bad")
sys.exit(bad > 0)
PYTHON
mkdir "$dir/elsewhere"
at_random() ( cd "$dir/elsewhere" && inside python3 "$dir/arguments.py" "$@" )
ok "gossipd_starts" start
# shellcheck disable=SC2046
ok "600_command_lines_of_gossipctl" at_random "$ctl" 7 600 0,1,2,3,4 mesh init issue status members pairs \
	destinations clients networks explain events detach a \
	--socket "$dir/a.sock" --socket "$dir/none" --config "$conf" --json --help --version --over --client \
	--destination --digest --directory "$dir/mesh" \
	--address --region --line-rate --pair-rate --client-rate --network-rate --tick-ms --decay \
	--again 10.0.0.1 198.51.100.1 2001:db8::1 10.0.0.0/8
ok "gossipd_is_still_there" answers
ok "200_command_lines_of_gossipd" at_random "$bin/gossipd" 8 200 0,1,2 --config "$conf" --check-config --check-config \
	--foreground --version --help "$dir/mesh"
ok "100_command_lines_of_xpro-sim" at_random "$bin/xpro-sim" 9 100 0,1,2 run swarm help experiment list --seed --seeds \
	--json --quick "$dir/none.cfg" 1..1 2..1 x..y
ok "nothing_was_written_where_they_ran" sh -c "! find '$dir/elsewhere' -type f -size +64k | grep ."

# ---- outputs ----

ends() {
	wanted=$1
	shift
	"$@" 2>"$dir/err"
	got=$?
	[ "$got" -eq "$wanted" ] || { echo "ended with $got, not $wanted"; cat "$dir/err"; return 1; }
}
closed() { "$@" >&-; }
full() { "$@" >/dev/full; }
ok "there_is_something_to_tell" outside "$root/tests/e2e/throw.py" clients 02:00:00:00:01:01 198.51.100.1 198.18.0.1 \
	1 4000 0
over() { ask events | grep -q 198.18.0.1; }
ok "a_pair_over_its_rate" wait_for 10 over
for command in status members pairs destinations "explain 10.0.0.1 198.51.100.1" events; do
	verb=$(echo "$command" | cut -d' ' -f1)
	# shellcheck disable=SC2086
	ok "${verb}_fails_when_nobody_can_read_it" ends 1 closed "$ctl" --socket "$dir/a.sock" $command
	# shellcheck disable=SC2086
	ok "${verb}_as_JSON_fails_on_a_full_disk" ends 1 full "$ctl" --socket "$dir/a.sock" --json $command
done
ok "gossipd_help_fails_on_a_full_disk" ends 1 full "$bin/gossipd" --help
leaves_early() { ask status | head -c 1 >/dev/null; ask members >/dev/null; }
ok "a_reader_that_leaves_early_harms_nothing" leaves_early
closed_errors() { "$bin/gossipd" --nonsense 2>&-; [ $? -eq 2 ]; }
ok "a_closed_standard_error_changes_no_status" closed_errors

# ---- terminals ----

# on_terminal ROWS COLUMNS COMMAND...: its output, as a terminal of that size gets it
on_terminal() {
	python3 - "$@" <<'PYTHON'
import fcntl, os, pty, struct, sys, termios
rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execv(command[0], command)
out = b""
while True:
    try:
        got = os.read(fd, 65536)
    except OSError:
        break
    if not got:
        break
    out += got
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(out)
sys.exit(0 if status in (0, 4) and out else 1)
PYTHON
}
for size in "5 20" "1 1" "24 80" "0 0"; do
	# shellcheck disable=SC2086
	ok "status_on_a_terminal_of_$(echo "$size" | tr ' ' x)" on_terminal $size "$ctl" --socket "$dir/a.sock" status
	# shellcheck disable=SC2086
	ok "members_on_a_terminal_of_$(echo "$size" | tr ' ' x)" on_terminal $size "$ctl" --socket "$dir/a.sock" members
done

# ---- a daemon that is none ----

cat >"$dir/impostor.py" <<'PYTHON'
"""Answers every request with hostile bytes: names that command a terminal, records cut short, sizes beyond
everything, no end."""
import os, socket, struct, sys
END, MEMBER = 1, 6
def member(name):
    return struct.pack("=36s20s64s72sIIII6Q3d", name, b"\x1b]0;x\x07", b"\x1b[2J\x9b", b"k\n\r\x08",
                       1, 1, 0, 0, *([0] * 6), float("nan"), float("inf"), -1.0)
def record(kind, body):
    return struct.pack("=II", kind, len(body)) + body
end = record(END, struct.pack("=iI", 0, 0))
answers = [record(MEMBER, member(b"\x1b[31m\x00")) + end, record(MEMBER, b"\xff" * len(member(b""))) + end,
           record(MEMBER, member(b"x")[:-9]) + end, struct.pack("=II", MEMBER, 0xFFFFFFFF), record(99, b"abc") + end,
           record(MEMBER, member(b"a")), b"", os.urandom(3000), record(END, struct.pack("=iI", -2147483648, 0)),
           record(END, b""), record(MEMBER, member(b"b")) * 2000 + end]
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(8)
print(len(answers), flush=True)
for answer in answers:
    client = listener.accept()[0]
    client.recv(56)
    try:
        client.sendall(answer)
    except OSError:
        pass
    client.close()
PYTHON
harmless() {
	for way in "" --json; do
		rm -f "$dir/impostor" "$dir/impostor.log" # or the last number of answers is read
		python3 "$dir/impostor.py" "$dir/impostor" >"$dir/impostor.log" 2>&1 &
		echo $! >"$dir/pid.impostor"
		wait_for 10 test -s "$dir/impostor.log" || return 1
		for answer in $(seq 1 "$(cat "$dir/impostor.log")"); do
			# shellcheck disable=SC2086
			timeout 60 "$ctl" --socket "$dir/impostor" $way members >"$dir/got" 2>"$dir/err"
			status=$?
			[ "$status" -le 4 ] ||
				{ echo "answer $answer $way: ended with $status"; cat "$dir/err"; return 1; }
			if LC_ALL=C grep -q "$(printf '[\033\233\007\010\015]')" "$dir/got" "$dir/err"; then
				echo "answer $answer $way: control characters came through"
				return 1
			fi
			[ -z "$way" ] || jq -e . "$dir/got" >/dev/null ||
				{ echo "answer $answer: no JSON"; cat "$dir/got"; return 1; }
		done
		wait "$(cat "$dir/pid.impostor")"
		rm "$dir/pid.impostor"
	done
}
ok "what_an_impostor_answers_cannot_command_a_terminal_nor_crash_gossipctl" harmless
ok "the_true_one_ends" stop TERM
done_testing
