#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The simulator: every scenario runs, the same seed gives the same trace whoever compiled it, 200 random runs and all
# kept seeds pass, and every check can fail. TAP on stdout; what a failing command said follows it.
set -u
cd "$(dirname "$0")/../.." || exit 1
sim=${XPRO_SIM:-build/bin/xpro-sim}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
number=0

# ok SENTENCE COMMAND...: the command must succeed.
ok() {
	sentence=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/said" 2>&1; then
		echo "ok $number - $sentence"
	else
		echo "not ok $number - $sentence"
		tail -n 60 "$work/said" | sed 's/^/# /'
	fi
}

trace_of() {
	"$@" 2>/dev/null | sed -n 's/.*trace \([0-9a-f]\{64\}\)$/\1/p'
}

# Same command, same trace. $1 and $2: programs.
traces_equal() {
	for scenario in sim/scenarios/spread-attack.cfg sim/scenarios/partition.cfg; do
		a=$(trace_of $1 run "$scenario" --seed 7)
		b=$(trace_of $2 run "$scenario" --seed 7)
		echo "$scenario: '$a' '$b'"
		[ -n "$a" ] && [ "$a" = "$b" ] || return 1
	done
	a=$(trace_of $1 swarm --seeds 31..40)
	b=$(trace_of $2 swarm --seeds 31..40)
	[ -n "$a" ] && [ "$a" = "$b" ]
}

# compiled COMPILER OPTIMISATION: the path of a simulator built that way.
compiled() {
	make -s B="$work/$1$2" CC="$1" OPTIMISE="$2" "$work/$1$2/bin/xpro-sim" >"$work/make" 2>&1 || {
		cat "$work/make"
		return 1
	}
}

compiled_equal() {
	compiled "$1" "$2" && traces_equal "$sim" "$work/$1$2/bin/xpro-sim"
}

seeds_differ() {
	[ "$(trace_of "$sim" run sim/scenarios/spread-attack.cfg --seed 1)" != \
		"$(trace_of "$sim" run sim/scenarios/spread-attack.cfg --seed 2)" ]
}

# broken NAME SEED PUBLISH: a world broken that way ends with 1 and says how to repeat it.
broken() {
	"$sim" swarm --seeds "$2..$2" --publish "$3" --break "$1" >"$work/broken"
	status=$?
	cat "$work/broken"
	[ "$status" -eq 1 ] && grep -q 'FAILED' "$work/broken" &&
		grep -q -- "--seeds $2..$2 --publish $3 --break $1" "$work/broken"
}

# refuses LINE WORDS: the scenario on stdin ends with 2, names file:line and says the words.
refuses() {
	"$sim" run "$work/bad.cfg" >"$work/out" 2>"$work/bad"
	status=$?
	cat "$work/bad"
	[ "$status" -eq 2 ] && grep -q "bad.cfg:$1: .*$2" "$work/bad"
}

# passes_at_most SHARE SCENARIO GROUP [AGGREGATE [PUBLISH]]: of a group's packets
passes_at_most() {
	sed "s/aggregate = \"[a-z]*\"/aggregate = \"${4:-fair}\"/" "sim/scenarios/$2.cfg" >"$work/passes.cfg"
	"$sim" run "$work/passes.cfg" --publish "${5:-need}" --json 2>/dev/null |
		jq -e --arg group "$3" --argjson share "$1" \
		'.groups[] | select(.name == $group) | .delivered_share | ., . <= $share'
}

# every_address_passes_at_least SHARE SCENARIO GROUP: where every IPv6 address is a client
every_address_passes_at_least() {
	{ cat "sim/scenarios/$2.cfg" && echo 'client_hosts = true;'; } >"$work/hosts.cfg"
	"$sim" run "$work/hosts.cfg" --json 2>/dev/null | jq -e --arg group "$3" --argjson share "$1" \
		'.groups[] | select(.name == $group) | .delivered_share | ., . >= $share'
}

# passes_at_least SHARE SCENARIO GROUP
passes_at_least() {
	"$sim" run "sim/scenarios/$2.cfg" --json 2>/dev/null | jq -e --arg group "$3" --argjson share "$1" \
		'.groups[] | select(.name == $group) | .delivered_share | ., . >= $share'
}

# passes_whole SCENARIO GROUP: not one of its packets is dropped
passes_whole() {
	"$sim" run "sim/scenarios/$1.cfg" --json 2>/dev/null |
		jq -e --arg group "$2" '.groups[] | select(.name == $group) | .delivered_share | ., . == 1'
}

# drops_alike SHARE SCENARIO GROUP GROUP [SED]: two floods of one size; what passes of them differs by SHARE at most
drops_alike() {
	sed "${5:-}" "sim/scenarios/$2.cfg" >"$work/alike.cfg"
	"$sim" run "$work/alike.cfg" --json 2>/dev/null |
		jq -e --arg a "$3" --arg b "$4" --argjson share "$1" '
			(.groups | map({(.name): .delivered_share}) | add) as $passed |
			$passed, ($passed[$a] < 0.5 and ($passed[$a] - $passed[$b] | fabs) <= $share * $passed[$a])'
}

# rate_is_kept RATE FIRST_S SCENARIO [SED]: of the bots' packets; each member drops in time, and others lose nothing
rate_is_kept() {
	sed "${4:-}" "sim/scenarios/$3.cfg" >"$work/kept.cfg"
	"$sim" run "$work/kept.cfg" --json 2>/dev/null | jq -e --argjson rate "$1" --argjson first "$2" '
		(.groups | map({(.name): .}) | add) as $group | $group.bot.worst_10_s_per_s, $group.bot.detection,
		($group.bot | .worst_10_s_per_s <= 1.1 * $rate and .worst_10_s_per_s >= 0.5 * $rate and
			.detection.members_never == 0 and .detection.max <= $first) and
		($group.others | .delivered == .offered)'
}

# scan_named MEMBERS SECONDS [SED [SCENARIO]]: every member names the one scanner in time, and nobody else
scan_named() {
	sed "${3:-}" "sim/scenarios/${4:-slow-scan}.cfg" >"$work/scan.cfg"
	start=$(sed -n 's/.*scanner.*start = \([0-9.]*\);.*/\1/p' "$work/scan.cfg")
	"$sim" run "$work/scan.cfg" --json 2>/dev/null | jq -e --argjson members "$1" --argjson most "$2" \
		--argjson start "$start" '.scans | ., (.members == $members and .several_clients == false and
			.first_s > $start and .last_s <= $start + $most)'
}

# nobody_named SCENARIO [SED]: no member takes any client for a scanner
nobody_named() {
	sed "${2:-}" "sim/scenarios/$1.cfg" >"$work/unnamed.cfg"
	"$sim" run "$work/unnamed.cfg" --json 2>/dev/null | jq -e '.scans | ., .events == 0'
}

# known_clients_keep SCENARIO GROUP: all but one packet in 200 since the onset, beside a flood. The victim gets its rate
known_clients_keep() {
	rate=$(sed -n 's/.*destination_rate = \([0-9]*\).*/\1/p' "sim/scenarios/$1.cfg")
	"$sim" run "sim/scenarios/$1.cfg" --json 2>/dev/null |
		jq -e --arg group "$2" --argjson rate "$rate" '
		(.groups[] | select(.name == $group) | .delivered_since_onset_share) as $known | $known, .victim,
		$known >= 0.995 and (.victim | .mean >= 0.93 * $rate and .mean <= 1.03 * $rate and
			.worst_1_s <= 1.25 * $rate and .worst_10_s <= 1.05 * $rate)'
}

# tables_said SCENARIO CONDITION: on what the kernels' tables did
tables_said() {
	"$sim" run "sim/scenarios/$1.cfg" --json 2>/dev/null | jq -e ".tables | ., ($2)"
}

# 2,000, 160,000 and 1,600,000 packets, each of another client to another destination: the first fill nothing, the
# others the kernels' tables and the ledgers to the same bounds. The flood amid them drops alike.
spray_is_bounded() {
	for sed in 's/rate = 1600.0/rate = 20.0/' '' 's/rate = 1600.0/rate = 16000.0/; s/160000/1600000/'; do
		sed "$sed" sim/scenarios/sprayed.cfg >"$work/sprayed.cfg"
		"$sim" run "$work/sprayed.cfg" --json 2>/dev/null
	done | jq -es 'map({ packets: .groups[0].offered, flood: .groups[1].delivered_share, records: .tables.records,
		keys: .tables.keys }) as [$none, $few, $many] | $none, $few, $many,
		($many.packets > 1500000 and $many.records == $few.records and $many.keys <= 1.01 * $few.keys and
			$many.records > 4 * $none.records and $many.keys > 4 * $none.keys and
			$few.flood <= 0.49 and $many.flood <= 0.49)'
}

# agrees_within MS SCENARIO: of simulated time, from the last packet to equal ledgers
agrees_within() {
	"$sim" run "sim/scenarios/$2.cfg" --json 2>/dev/null |
		jq -e --argjson most "$1" '.spreading.last_packet_to_agreement_ms | ., (. != null and . <= $most)'
}

# sends_at_most BYTES SCENARIO: each honest member, per second; and no more than were all published
sends_at_most() {
	for publish in need all; do
		"$sim" run "sim/scenarios/$2.cfg" --publish $publish --json 2>/dev/null |
			jq .per_member.honest_most_bytes_per_s
	done | jq -es --argjson most "$1" '., (.[0] <= $most and .[0] <= .[1])'
}

# Seeds 1 and 2 of quiet-devices, published by need and whole, in $work/quiet-*; seed 1 at twice the rate, with five
# clients at 0.8 of it; and its attack once more alone
run_quiet_devices() {
	cp sim/scenarios/quiet-devices.cfg "$work/quiet-50.cfg"
	near='{ name = "near"; clients = 5; rate = 80.0; placement = "spread"; destination = 4; even = true; }'
	sed "s/pair_rate = 50/pair_rate = 100/; s/rate = 120.0/rate = 240.0/; s/even = true; }/&, $near/" \
		"$work/quiet-50.cfg" >"$work/quiet-100.cfg"
	sed "s/, $near//; /things/d" "$work/quiet-100.cfg" >"$work/quiet-none.cfg"
	for run in "50 need 1" "50 need 2" "50 all 1" "50 all 2" "100 need 1" "100 all 1" "none need 1"; do
		set -- $run
		echo "$sim run $work/quiet-$1.cfg --publish $2 --seed $3 --json" \
			">$work/quiet-$1-$2-$3 2>/dev/null"
	done | xargs -P "$(nproc)" -I '{}' sh -c '{}'
}

# quiet_devices RATE CONDITION: on the means over the seeds: bytes per member, and in the worst second, first drop,
# share of bots' packets that pass, and whether anybody else lost a packet. $alone: bytes without quiet devices
quiet_devices() {
	for publish in need all; do
		jq -s '{ bytes: (map(.per_member.bytes_per_s) | max),
			second: (map(.per_member.honest_worst_second_bytes) | max),
			drop_s: (map(.groups[1].detection.mean) | add / length),
			passed: (map(.groups[1].delivered_share) | add / length),
			honest: ([.[].groups[] | select(.name != "bot").delivered_share] | min) }' \
			"$work/quiet-$1-$publish"-*
	done | jq -es --argjson alone "$(jq .per_member.bytes_per_s "$work/quiet-none-need-1")" \
		".[0] as \$need | .[1] as \$all | \$need, \$all, \$alone, ($2)"
}

measures_only_traffic() {
	printf 'members = 3;\nmeasure = [ "traffic" ];\n' >"$work/good.cfg"
	"$sim" run "$work/good.cfg" --json 2>/dev/null |
		jq -e '(.per_member.bytes_per_s > 0) and
			([has("groups", "rate_error", "spreading")] == [false, false, false])'
}

jobs_equal() {
	"$sim" swarm --seeds 31..45 >"$work/one" && "$sim" swarm --seeds 31..45 --jobs 3 >"$work/three" &&
		cmp "$work/one" "$work/three"
}

# experiments_by JOBS: every experiment, smaller, in a directory of its own; what is written must not tell how many
# processes there were.
experiments_by() {
	program=$(realpath "$sim")
	mkdir "$work/jobs$1" && (cd "$work/jobs$1" && "$program" experiment all --quick --jobs "$1" --output out >said)
}

# Each table has its heading and rows, each experiment its JSON with a text; all plots are in the page, which loads
# nothing from elsewhere.
experiments_whole() {
	out=$work/jobs$(nproc)/out
	experiments_by "$(nproc)" || return 1
	"$sim" experiment list | while read -r name _; do
		jq -e '(.text | length > 0) and (.headline | length > 0) and (.plots | length > 0) and
			([.tables[].rows | length > 0] | length > 0 and all)' "$out/$name.json" || exit 1
		for table in $(jq -r '.tables | keys[]' "$out/$name.json"); do
			lines=$(jq --arg table "$table" '.tables[$table].rows | length + 1' "$out/$name.json")
			[ "$(wc -l <"$out/$name-$table.csv")" -eq "$lines" ] || exit 1
		done
	done || return 1
	[ "$(grep -c '<svg' "$out/report.html")" -eq "$(jq -s 'map(.plots | length) | add' "$out"/*.json)" ] &&
		! grep -E '(src|href)="?(https?:)?//|<(script|link|img)|@import|url\(' "$out/report.html"
}

# In the table of devices columns 2 to 5 are: by need simulated, by the model, all simulated, by the model. Two differ
# by a tenth at most. A million devices are there by the model alone.
cost_modelled() {
	jq -e '.tables.devices.rows as $rows | $rows,
		($rows | map(select(.[0] == 1000)) | length == 3 and all(.[];
			(.[2] / .[3] - 1 | fabs) < 0.1 and (.[4] / .[5] - 1 | fabs) < 0.1)) and
		($rows | map(select(.[0] == 1000000)) | length == 3 and all(.[]; .[3] < .[5] / 100))' \
		"$work/jobs$(nproc)/out/cost.json"
}

# Which world runs when is another matter with three processes than with two, or one.
experiments_equal() {
	experiments_by 3 && diff -r "$work/jobs$(nproc)" "$work/jobs3"
}

# A process of an experiment that dies: that world is told, its row holds nothing, and the end is 1.
experiment_dies() {
	cat >"$work/oom.sh" <<'EOF'
for child in $(cat /proc/$1/task/$1/children); do kill -9 "$child" && exit 0; done
exit 1
EOF
	"$sim" experiment cost --quick --jobs 2 --output "$work/dies" >/dev/null 2>"$work/dying" &
	experiment=$!
	until sh "$work/oom.sh" "$experiment" 2>/dev/null || ! kill -0 "$experiment" 2>/dev/null; do sleep 0.05; done
	wait "$experiment"
	status=$?
	cat "$work/dying"
	[ "$status" -eq 1 ] && grep -q 'its process died of signal 9' "$work/dying" &&
		grep -q '^[0-9]*,,' "$work"/dies/cost-*.csv
}

# Every kind of lie runs and is told of in the trace: no two of them do the same.
lies_differ() {
	for lie in nothing inflate invent equivocate replay forge flood keys destinations pairs pairs6 calls mute \
		clients networks shun history; do
		sed "s/kind = \"equivocate\"/kind = \"$lie\"/" sim/scenarios/liar.cfg >"$work/lie.cfg"
		trace_of "$sim" run "$work/lie.cfg" || return 1
	done >"$work/lies"
	cat "$work/lies"
	[ "$(sort -u "$work/lies" | grep -c .)" -eq 17 ]
}

# Every datagram that was sent is one packet of the capture: IPv4, UDP, between the gossip ports, whole.
captures() {
	printf 'members = 3;\nduration = 8.0;\nwarmup = 0.0;\nquiet = 0.0;\nnetwork = { delay_ms = 5.0; };\n' \
		>"$work/good.cfg"
	"$sim" run "$work/good.cfg" --pcap "$work/good.pcap" --json >"$work/said.json" 2>/dev/null || return 1
	sent=$(jq '.per_member.datagrams_per_s * .members * .simulated_s | round' "$work/said.json")
	seen=$(python3 -c '
import struct, sys
data, at, packets = open(sys.argv[1], "rb").read(), 24, 0
while at < len(data):
    size, = struct.unpack_from("<I", data, at + 8)
    packet = data[at + 16:at + 16 + size]
    assert packet[0] == 0x45 and packet[9] == 17 and struct.unpack_from(">HH", packet, 20) == (7946, 7946)
    assert len(packet) == size == struct.unpack_from(">H", packet, 2)[0]
    at, packets = at + 16 + size, packets + 1
print(packets)' "$work/good.pcap")
	echo "sent $sent, captured $seen"
	[ "$sent" -gt 0 ] && [ "$sent" = "$seen" ]
}

# On a terminal it says how far it is and how much longer it takes; elsewhere it does not.
shows_progress() {
	# seconds of a processor: it is shown five times in one
	sed 's/^duration = [0-9.]*;/duration = 300.0;/' sim/scenarios/many-clients.cfg >"$work/long.cfg"
	script -qec "$sim run $work/long.cfg" /dev/null </dev/null >"$work/shown"
	"$sim" run "$work/long.cfg" >/dev/null 2>"$work/plain"
	tr '\r' '\n' <"$work/shown" | grep -m 1 '\[#*\.*\].* %.* s left' && ! grep -q ' left' "$work/plain"
}

kept_seeds() {
	sed 's/#.*//' tests/sim/seeds.txt | while read -r seed _; do
		[ -n "$seed" ] || continue
		for publish in all need; do "$sim" swarm --seeds "$seed..$seed" --publish $publish || exit 1; done
	done
}

for scenario in sim/scenarios/*.cfg; do
	ok "runs $scenario" "$sim" run "$scenario"
done
ok "real signatures serve as well" "$sim" run sim/scenarios/spread-attack.cfg --signatures real
ok "the same seed gives the same trace" traces_equal "$sim" "$sim"
ok "another seed gives another" seeds_differ
ok "with address randomisation and without" traces_equal "$sim" "setarch -R $sim"
ok "compiled by gcc without optimisation" compiled_equal gcc -O0
ok "compiled by clang without optimisation" compiled_equal clang -O0
ok "compiled by clang with optimisation" compiled_equal clang -O2
ok "compiled by gcc with optimisation" compiled_equal gcc -O2
for name in overcount shrink forget resurrect replay forgery deaf drop sum stale; do
	ok "a world with $name is caught" broken "$name" 3 all
done
for name in mute pretend; do
	ok "a world with $name is caught" broken "$name" 3 need
done
# the situation must be one of the seed's: more destinations over their rate than records, and a liar's pairs
for name in unjudged hoard; do
	ok "a world with $name is caught" broken "$name" 164 all
done
# Each floods one destination: what passes is its rate, and what came before it counted as over.
# The cut heals ten seconds before the last packet.
ok "a mesh that was in two halves for a day is one again" agrees_within 2000 day-apart
ok "clients that were there before a spoofed flood keep what they had" known_clients_keep spoofed-flood honest
ok "clients that send seldom do not get through for it" passes_at_most 0.25 low-and-slow bots
ok "nor do clients just below their own rate" passes_at_most 0.30 many-clients bots
ok "nor do clients that are policed, each to its own rate" passes_at_most 0.06 policed bots
ok "nor where the destination drops all that is over its rate" passes_at_most 0.02 policed bots strict
ok "nor do policed clients that grow after the start of a lone daemon" passes_at_most 0.16 restart policed
ok "nor those of a destination over its rate" passes_at_most 0.27 restart bots
ok "nor an attack amid which all daemons but one are killed" passes_at_most 0.09 killed bots
ok "nor is what gathered while a daemon was dead taken for a burst" passes_whole restart-in-peace honest
ok "nor does a client with a new IPv6 address in every packet" passes_at_most 0.04 rotating rotating
ok "and it drops like one with a single address" drops_alike 0.15 rotating steady rotating
ok "nor does a client lose for its many addresses" passes_whole rotating within
ok "every address is a client where the mesh lists them so" every_address_passes_at_least 1 rotating rotating
ok "nor do made-up addresses" passes_at_most 0.45 spoofed "made up"
# What finds no record is judged all the same, and no member's word takes the place of what is seen here.
ok "a flood after scanners have filled the destinations drops like one before" \
	drops_alike 0.05 scanned "first flood" "second flood"
for packets in 3 5; do
	ok "so it does when they send $packets packets to each address" drops_alike 0.05 scanned "first flood" \
		"second flood" "s/scan = 1/scan = $packets/; s/rate = 25.0/rate = $((25 * packets)).0/"
done
ok "nobody but the flooded is dropped for it" passes_whole scanned scanners
ok "slow destinations gave way" tables_said scanned '.gave_way > 1000'
ok "a flood drops while a member invents destinations" passes_at_most 0.49 invented-destinations flood fair all
ok "so it does, a little later, where destinations are told by need" passes_at_most 0.52 invented-destinations flood
ok "nor do honest clients lose for it" passes_whole invented-destinations honest
ok "of which most are refused" tables_said invented-destinations '.claims_refused > 5000'
ok "a client drops of whose pairs a member has invented more than it may have" \
	passes_at_most 0.05 invented-pairs "the client"
ok "invented pairs are not the client's" tables_said invented-pairs '.client_quota == 0'
ok "without a record of its destination a flood drops with its network" passes_at_most 0.25 no-room "small floods"
ok "by its coarse entry" tables_said no-room '.coarse_drops > 1000'
ok "but hardly what shares one of its two entries" passes_at_least 0.985 no-room scanned
ok "no destination at half its rate gave way for it" tables_said no-room '.gave_way < 10'
ok "a million clients and a million destinations take the room of a tenth of them" spray_is_bounded
ok "nor does a flood pass whose victim found no room in the ledger" passes_at_most 0.49 full-ledger flood
# By need: what nobody needs is not told, and an attack is seen all the same.
run_quiet_devices
ok "40,000 quiet devices cost each of eight members 50 kB/s" \
	quiet_devices 50 '$need.bytes <= 50000 and $all.bytes > 500000'
ok "and no member sends 200 kB in a second, the attack's first included" quiet_devices 50 '$need.second <= 200000'
ok "at twice the rate they cost half of it, of which the idle mesh and the attack take 10 kB/s and more" \
	quiet_devices 100 '$need.bytes <= 24000 and $alone > 10000 and $need.second <= 200000'
for rate in 50 100; do
	ok "an attack among them drops at most a quarter of a second later at T_F1 = $rate" \
		quiet_devices $rate '$need.drop_s <= $all.drop_s + 0.25'
done
ok "and at most one per cent more of it passes" quiet_devices 50 '$need.passed <= $all.passed + 0.01'
ok "no quiet device loses a packet" quiet_devices 50 '$need.honest == 1 and $all.honest == 1'
ok "nor does a client at 0.8 times its rate" quiet_devices 100 '$need.honest == 1 and $all.honest == 1'
ok "a member that calls every key makes others send no more than 200 kB/s" sends_at_most 200000 called
ok "and hides no attack by it" passes_at_most 0.23 called bot
ok "nor does anybody lose a packet for it" passes_whole called things
ok "a member that tells nothing hides its own counts alone" passes_at_most 0.17 mute bot
ok "and nobody loses a packet for it" passes_whole mute things
ok "members that publish in both ways drop a spread attack together" passes_at_most 0.17 mixed bot
ok "nobody loses a packet for it" passes_whole mixed things
ok "nor near its rate" passes_whole mixed busy
ok "a download passes whole where clients are known" passes_whole sides download
ok "one client floods another, and is dropped" passes_at_most 0.1 sides "to a neighbour"
ok "a source that is no client's does not pass from their side" passes_at_most 0 sides spoofed
# One pair and one destination of each is within its rate. The crossing comes 0.1 s after the first packet.
ok "one device with many victims is held to its client_rate" rate_is_kept 360 0.6 one-device
ok "one with a thousand pairs, too" rate_is_kept 360 0.6 one-device \
	's/rate = 90.0/rate = 3.6/; s/destinations = 40/destinations = 1000/'
ok "and one with a single pair, where that may send as much" rate_is_kept 360 0.6 one-device \
	's/rate = 90.0/rate = 3600.0/; s/destinations = 40/destinations = 1/; s/_rate = [12][0]*;/_rate = 9000;/g'
ok "so it is by 16 members far apart" rate_is_kept 360 0.85 one-device \
	's/members = 3/members = 16/; s/duration = 12/duration = 20/; s/delay_ms = 10.0/delay_ms = 125.0; jitter = 1.0/'
ok "a network is held to its network_rate" rate_is_kept 8000 0.6 carpet
ok "so it is when a scan of pairs has filled the ledger" rate_is_kept 8000 0.6 full-carpet
# At its line rate, three times as many in three seconds as there are places of limits. The bots send through the
# others: what the liar itself lets pass is no rule's.
invents() {
	echo "s/members = 3/members = 5/; s/limits = {/&line_rate = $2;/; s/placement = .spread./&; members = 4/; \
		\$a liars = ( { node = 4; kind = \"$1\"; start = 1.0; amount = 4000.0; } );"
}
ok "so is a device while a member invents clients" rate_is_kept 360 0.6 one-device "$(invents clients 1440000)"
ok "and a device while a member sends nothing to one of the others" rate_is_kept 360 0.6 one-device \
	'$a liars = ( { node = 2; kind = "shun"; start = 1.0; amount = 1.0; } );'
ok "and a network while a member invents networks" rate_is_kept 8000 0.6 carpet "$(invents networks 32000000)"
# 10 new addresses a second at each of 16 proxies; whenever in a slot it begins.
for start in 5.3 6.1 7.0 7.9; do
	ok "a scan that no proxy sees alone is named by all of them, from $start s on" scan_named 16 1.5 \
		"s/start = 5.3/start = $start/"
done
ok "and by proxies far apart" scan_named 16 1.5 's/delay_ms = 40.0/delay_ms = 125.0/'
ok "and by three" scan_named 3 1.5 's/members = 16/members = 3/'
ok "and by one" scan_named 1 1.2 's/members = 16/members = 1/'
ok "as is one at the rate of a Mirai variant" scan_named 3 1.5 '' scanner
ok "who makes 40 contacts a second is not named" nobody_named slow-scan 's/rate = 160.0/rate = 40.0/'
ok "nor is any of 40,000 quiet devices" nobody_named quiet-devices
ok "nor who floods one victim" nobody_named spread-attack
printf 'members = 3;\nmembrs = 5;\n' >"$work/bad.cfg"
ok "an unknown word is an error with a hint" refuses 2 'did you mean "members"'
printf 'members = 3;\nnetwork = {\n\tloss = 2.0;\n};\n' >"$work/bad.cfg"
ok "a number out of bounds is an error" refuses 3 'between 0 and 1'
for wide in 2147483648 4294967396 0x100000064 4294967396L 99999999999999999999 -4294967196; do
	printf 'members = 3;\nthresholds = {\n\tpair_rate = %s; };\n' "$wide" >"$work/bad.cfg"
	ok "a number that an int does not hold is an error: $wide" refuses 3 "pair_rate: ${wide%L}.* is out of bounds"
done
printf 'thresholds = { pair_rate = 4294967396; };\n' >"$work/more.cfg"
printf 'members = 3;\n@include "%s"\n' "$work/more.cfg" >"$work/bad.cfg"
refuses_included() { "$sim" run "$work/bad.cfg" 2>&1 | grep -q "more.cfg:1: pair_rate: 4294967396 is out of bounds"; }
ok "in a file that is included, too" refuses_included
ok "a seed with a sign is none" sh -c "'$sim' run sim/scenarios/liar.cfg --seed ' -1' >/dev/null 2>&1; [ \$? -eq 2 ]"
printf 'members = 3;\ntraffic = ( { role = "bto"; } );\n' >"$work/bad.cfg"
ok "a wrong word is an error that lists the right ones" refuses 2 'one of: "honest" "bot"'
printf 'members = \n' >"$work/bad.cfg"
ok "what cannot be parsed is an error" refuses 2 'syntax error'
printf 'members = 3;\n\nduration = 5.0;\nwarmup = 9.0;\n' >"$work/bad.cfg"
ok "words that do not fit each other are an error at one of them" refuses 3 'no time for traffic'
printf 'members = 3;\nthresholds = {\n\twindow_max_ms = 300; };\n' >"$work/bad.cfg"
ok "what the core would refuse is an error in its words" refuses 2 'whole number of ticks'
printf 'members = 3;\nfaults = (\n\t{ kind = "isolate"; at = 1.0; nodes = 2; } );\n' >"$work/bad.cfg"
ok "a fault of no member is an error, not nothing" refuses 3 'list of 1 to 64'
printf 'members = 3;\nfaults = ( { kind = "crash"; at = 1.0;\n\tnodes = [ "one" ]; } );\n' >"$work/bad.cfg"
ok "nor is a member's name its number" refuses 3 'whole number'
printf 'members = 3;\nfaults = ( { at = 1.0; nodes = [ 1 ]; } );\n' >"$work/bad.cfg"
ok "a fault that does not say which is an error" refuses 2 'kind must be one of: "isolate"'
printf 'members = 3;\nliars = ( { node = 1; } );\n' >"$work/bad.cfg"
ok "so is a liar" refuses 2 'kind must be one of: .* "inflate"'
printf 'members = 3;\nduration = 9.0;\nfaults = ( { kind = "crash"; at = 9.0; nodes = [ 1 ]; } );\n' >"$work/bad.cfg"
ok "a fault that never strikes is an error" refuses 3 'has ended'
printf 'members = 3;\nduration = 9.0;\ntraffic = ( { name = "late"; start = 8.0; } );\n' >"$work/bad.cfg"
ok "so is traffic that never starts" refuses 3 'has ended'
printf 'members = 3;\ntraffic = ( { name = "a"; },\n\t{ name = "b"; impersonates = "c"; } );\n' >"$work/bad.cfg"
ok "a group that names another that is not there is an error at that group" refuses 3 'not there'
printf 'members = 3;\ntraffic = ( { name = "a"; },\n\t{ name = "b"; rotates = 9; } );\n' >"$work/bad.cfg"
ok "a group that rotates through a /64 is of IPv6" refuses 3 'ipv6'
printf 'members = 3;\nmeasure = [ "convergence",\n\t"rate" ];\n' >"$work/bad.cfg"
ok "an unknown thing to measure is an error that lists those there are" refuses 3 'one of: "verdicts" "rates"'
ok "a report holds what was to be measured, and nothing else" measures_only_traffic
ok "each kind of liar does something else" lies_differ
ok "a capture holds every datagram that was sent" captures
ok "how far a run is shows on a terminal" shows_progress
ok "every kept seed passes" kept_seeds
ok "several processes print the same as one" jobs_equal
ok "every experiment writes rows, a text, plots and its part of the page" experiments_whole
ok "what devices cost by the model is what it is in the simulator, by need and whole" cost_modelled
ok "with any number of processes the same" experiments_equal
ok "an experiment's process that dies is told, and its row is empty" experiment_dies
ok "200 random runs pass and reach every situation" "$sim" swarm --seeds 1..200 --jobs "$(nproc)"
echo "1..$number"
