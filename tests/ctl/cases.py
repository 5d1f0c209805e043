# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The cases of the corpus, in order: a command line, and which answer of answers.py gossipctl gets (none: no
socket is there). Cases of one folder follow each other: what one writes, the next finds."""

COMMANDS = [
    "mesh init",
    "mesh issue",
    "mesh revoke",
    "mesh rotate",
    "mesh push",
    "mesh show",
    "join",
    "enforce",
    "monitor",
    "policy push",
    "status",
    "members",
    "pairs",
    "destinations",
    "clients",
    "networks",
    "explain",
    "policy show",
    "metrics",
    "check",
    "support",
    "events",
    "capture",
    "leave",
    "detach",
]
EXPLAIN = "explain 10.1.2.3 198.51.100.7"
CASES = []


def case(name, line, **more):
    CASES.append({"name": name, "line": line.split(), **more})


def asked(name, line, answer):
    """As a table and as JSON."""
    case(name, f"--socket gossipd.sock {line}", answer=answer)
    case(name + "_json", f"--socket gossipd.sock --json {line}", answer=answer)


# ---- usage ----

case("usage_nothing", "")
case("usage_help", "--help")
case("usage_h", "-h")
case("usage_version", "--version")
for command in COMMANDS:
    case("help_" + command.replace(" ", "_"), command + " --help")
case("usage_misspelt", "stauts")
case("usage_misspelt_words", "mesh ini")
case("usage_half", "mesh")
case("usage_unknown", "frobnicate")
case("usage_unknown_option", "status --nonsense")
case("usage_option_without_value", "status --socket")
case("usage_option_ambiguous", "status --p")
case("usage_option_of_another", "status --over")
case("usage_option_of_another_command", "mesh init --over --directory d")
case("usage_word_too_many", "status now")
case("usage_word_too_few", "explain 10.1.2.3")
case("usage_addresses", "mesh issue a --directory d" + " --address 10.0.0.1:1" * 9)
case("usage_interfaces", "mesh issue a --directory d" + " --interface eth0" * 17)

case("complete_commands", "--complete m")
case("complete_second_word", "--complete policy s")
case("complete_options", "--complete mesh rotate --")
case("complete_files", "--complete mesh push x")
case("complete_clients", "--complete --socket gossipd.sock explain 1", answer="pairs")
case("complete_destinations", "--complete --socket=gossipd.sock explain 10.1.2.3 1", answer="pairs")

# ---- no daemon ----

for command in (
    "status",
    "members",
    "pairs",
    "destinations",
    "clients",
    "networks",
    EXPLAIN,
    "policy show",
    "policy learn",
    "suggest",
    "events",
    "metrics",
    "check",
    "mesh show",
    "leave",
    "capture",
):
    verb = "_".join(command.split()[:2]) if command != EXPLAIN else "explain"
    case("unreachable_" + verb, f"{command} --socket none.sock")
    case("unreachable_" + verb + "_json", f"{command} --socket none.sock --json")
case("unreachable_no_socket", "status --socket cases.txt", files={"cases.txt": b"no socket\n"})
case("socket_empty", "status --socket=")
case("socket_long", "status --socket " + "a" * 200)
case("config_missing", "status --config none.conf")
case("config_wrong", "status --config wrong.conf", files={"wrong.conf": b"name = \n"})

# ---- answers ----

asked("status", "status", "status")
asked("status_digest", "status --digest", "status")
asked("status_troubled", "status", "status_troubled")
asked("status_full", "status", "status_full")
asked("status_full_unattached", "status", "status_full_unattached")
asked("status_alone", "status", "status_alone")
asked("status_sides", "status", "status_sides")
asked("status_unenforced", "status", "status_unenforced")
asked("members", "members", "members")
asked("members_none", "members", "empty")
asked("pairs", "pairs", "pairs")
asked("pairs_none", "pairs", "empty")
asked("pairs_filtered", "pairs --client 10.1.0.0/16 --destination 198.51.100.7 --over", "pairs")
asked("pairs_filtered_ipv6", "pairs --client 2001:db8::/32 --destination ::1", "empty")
asked("destinations", "destinations", "destinations")
asked("destinations_filtered", "destinations --destination 2001:db8::/32 --over", "destinations")
asked("clients", "clients", "clients")
asked("clients_filtered", "clients --client 10.1.0.0/16 --over", "clients")
asked("clients_none", "clients", "empty")
asked("clients_of", "clients --client 2001:db8:1:2:8000::/65", "clients_of")
asked("clients_of_none", "clients --client 2001:db8:1:2:8000::/65", "clients_of_none")
asked("networks", "networks", "networks")
asked("networks_filtered", "networks --destination 198.51.100.7", "networks")
for name in (
    "pair_over pair_over_police pair_over_monitor destination_strict destination_fair destination_fair_not_folded "
    "answer answer_monitor not_client answer_blocked "
    "unprotected never_drop blocked blocked_monitor outside outside_rate within unseen "
    "coarse_fair coarse_strict coarse_within coarse_beside_a_record not_early minimum_window no_rates "
    "untold untold_unseen limited limited_monitor hostile short ended_early"
).split():
    asked("explain_" + name, EXPLAIN, "explain_" + name)
asked("explain_ipv6_listed", "explain 2001:db8:0:1::2 2001:db8::1", "explain_ipv6_listed")
asked("explain_ipv6", "explain 2001:db8:0:1::2 2001:db8::1", "explain_ipv6")
asked("policy_show", "policy show", "policy")
asked("policy_show_of_mesh", "policy show", "policy_of_mesh")
asked("policy_learn", "policy learn", "learnt")
asked("policy_learn_to_file", "policy learn --output learnt.policy --margin 25 --outside-rate 3", "learnt")
asked("policy_learn_into_nothing", "policy learn --output none/learnt.policy", "learnt")
asked("policy_learn_of", "policy learn --client 10.1.0.0/16", "learnt_of_nobody")
asked("policy_learn_of_nobody", "policy learn", "learnt_of_nobody")
asked("policy_learn_cut", "policy learn --margin 0", "learnt_cut")
asked("policy_learn_joined", "policy learn --outside-rate 2", "learnt_joined")
asked("policy_learn_too_many", "policy learn", "learnt_too_many")
asked("policy_learn_none", "policy learn", "learnt_none")
asked("policy_learn_never", "policy learn", "learnt_never")
asked("suggest", "suggest", "rates")
asked("suggest_tight", "suggest --margin 0", "rates")
asked("suggest_none", "suggest", "rates_none")
asked("suggest_never", "suggest", "rates_never")
asked("metrics", "metrics", "status")
asked("metrics_troubled", "metrics", "exported")
asked("metrics_to_file", "metrics --output xpro.prom", "exported")
asked("metrics_into_nothing", "metrics --output none/xpro.prom", "exported")
asked("metrics_refused", "metrics", "refused_version")
asked("check", "check", "status")
asked("check_warning", "check", "status_full")
asked("check_critical", "check", "status_troubled")
asked("check_refused", "check", "refused_busy")
asked("events", "events", "events")
asked("events_none", "events", "empty")
asked("events_follow", "events --follow", "events")
asked("events_follow_ends", "events --follow", "events_open")
asked("mesh_show", "mesh show", "mesh")
asked("mesh_show_new", "mesh show", "mesh_new")
asked("leave", "leave", "empty")
asked("leave_alone", "leave", "refused_alone")
asked("leave_without_right", "leave", "refused_rights")
asked("leave_root_alone", "leave", "refused_root")
asked("capture", "capture", "capture")
asked("capture_limits", "capture --count 5 --seconds 7 --client 10.1.2.3 --destination 198.51.100.0/24", "capture")
asked("capture_to_file", "capture --output capture.pcap", "capture")
asked("capture_of", "capture --client 2001:db8:1:2::5", "capture_of")
asked("capture_part", "capture --client 2001:db8:1:2:8000::/65", "refused_part")
asked("capture_none", "capture --count 1000000 --seconds 3600", "empty")
asked("capture_busy", "capture", "refused_busy")
asked("capture_into_nothing", "capture --output none/capture.pcap", "capture")

# ---- refusals, versions that do not match, answers that are cut ----

for name in (
    "refused_version refused_busy refused_unsupported refused_invalid refused_after_rows "
    "cut_nothing cut_header cut_body cut_no_end cut_end wrong_type wrong_type_0 wrong_size"
).split():
    asked("answer_" + name, "members", name)
for command in ("status", "pairs", EXPLAIN, "policy show", "events", "mesh show"):
    verb = "_".join(command.split()[:2]) if command != EXPLAIN else "explain"
    asked("version_" + verb, command, "refused_version")
    asked("cut_" + verb, command, "cut_nothing")
asked("wrong_size_of_status", "status", "wrong_size_of_status")

# ---- arguments that are wrong ----

case("wrong_explain_client", "explain here 198.51.100.7")
case("wrong_explain_destination", "explain 10.1.2.3 ::g")
for name, prefix in (
    ("bits", "10.0.0.1/8"),
    ("length", "10.0.0.0/33"),
    ("length_ipv6", "::/129"),
    ("word", "here"),
    ("empty", "/8"),
):
    case("wrong_prefix_" + name, f"pairs --client {prefix} --socket none.sock")
case("wrong_prefix_destination", "destinations --destination 10.0.0.1/8 --socket none.sock")
case("wrong_capture_count", "capture --count 0 --socket none.sock")
case("wrong_capture_seconds", "capture --seconds 3601 --socket none.sock")
case("detach_nothing", "detach")
case("detach_both", "detach --pin-path p --config c")
case("detach_no_directory", "detach --pin-path none")
case("detach_no_bpffs", "detach --pin-path .")
case("detach_no_bpffs_json", "detach --pin-path . --json")
case("detach_no_config", "detach --config none.conf")

# ---- a mesh, from its beginning ----

case("mesh_init", "mesh init --directory mesh", seed=10)
case("mesh_init_again", "mesh init --directory mesh", seed=11)
case("mesh_init_json", "mesh init --directory quick --tick-ms 50 --window-max-ms 4000 --decay 2 --json", seed=12)
case("mesh_init_no_directory", "mesh init")
case("mesh_init_hosts",
     "mesh init --directory hosts --client-bits 56 --client-hosts fd00::/8 --client-hosts 2001:db8::/48")
case("mesh_issue_hosts", "mesh issue h --directory hosts --address 10.0.0.1:7946", seed=13)
case("mesh_init_hosts_many", "mesh init --directory bad" + " --client-hosts fd00::/8" * 9)
for name, words in (
    ("tick", "--tick-ms 5000"),
    ("decay", "--decay 1"),
    ("number", "--tick-ms 2x"),
    ("window", "--window-max-ms 10"),
    ("bits", "--client-bits 65"),
    ("hosts", "--client-hosts here"),
    ("hosts_ipv4", "--client-hosts 10.0.0.0/8"),
    ("hosts_part", "--client-hosts 2001:db8::/80"),
    ("hosts_twice", "--client-hosts 2001:db8::/32 --client-hosts 2001:db8::/48"),
):
    case("mesh_init_wrong_" + name, f"mesh init --directory bad {words}")
case("mesh_issue_a", "mesh issue a --directory mesh --address 10.0.0.1:7946 --interface eth0", seed=20)
case(
    "mesh_issue_b_json",
    "mesh issue b --directory mesh --address [2001:db8::2]:7946 --address 10.0.0.2:7946 "
    "--region eu --line-rate 1000000 --json",
    seed=21,
)
case(
    "mesh_issue_c",
    "mesh issue c --directory mesh --address 10.0.0.3:7946 --interface eth0 --interface eth1 "
    "--pair-rate 7 --destination-rate 70 --client-rate 30 --network-rate 400 "
    "--state-directory st --pin-path pp --control-socket cs",
    seed=22,
)
case(
    "mesh_issue_clients",
    "mesh issue e --directory quick --address 10.0.0.5:7946 --interface eth0 "
    "--clients 10.0.0.0/8 --clients 2001:db8:1::/48",
    seed=26,
)
case("mesh_issue_again_refused", "mesh issue a --directory mesh --address 10.0.0.1:7946", seed=23)
case("mesh_issue_a_again", "mesh issue a --directory mesh --address 10.0.0.9:7946 --again", seed=24)
case(
    "mesh_issue_several",
    "mesh issue k=10.0.1.1:7946 l=10.0.1.2:7946,[2001:db8::9]:7946 --directory quick --interface lo --bundle",
    seed=27,
)
case("mesh_issue_several_json", "mesh issue m=10.0.1.3:7946 n=10.0.1.4:7946 --directory quick --json", seed=28)
for name, words in (
    ("name", "a/b --address 10.0.0.4:7946"),
    ("secret", "secret --address 10.0.0.4:7946"),
    ("address", "d --address 10.0.0.4"),
    ("port", "d --address 10.0.0.4:0"),
    ("address_of_a_name", "d=10.0.0.4"),
    ("address_empty", "d="),
    ("address_twice", "d=10.0.0.4:7946 --address 10.0.0.5:7946"),
    ("address_of_several", "d f --address 10.0.0.5:7946"),
    ("address_of_one_of_several", "d=10.0.0.4:7946 f"),
    ("addresses", "d=" + ",".join(f"10.0.0.4:{port}" for port in range(1, 10))),
    ("address_long", "d=" + "1" * 80),
    ("twice", "d=10.0.0.4:7946 d=10.0.0.5:7946 --again"),
    ("no_address", "d"),
    ("region", "d --address 10.0.0.4:7946 --region seventeen-bytes-x"),
    ("line_rate", "d --address 10.0.0.4:7946 --line-rate 0"),
    ("pair_rate", "d --address 10.0.0.4:7946 --pair-rate x"),
    ("client_rate", "d --address 10.0.0.4:7946 --client-rate 100000001"),
    ("network_rate", "d --address 10.0.0.4:7946 --network-rate -1"),
    ("interface", "d --address 10.0.0.4:7946 --interface sixteen-bytes-if"),
    ("clients", "d --address 10.0.0.4:7946 --clients 10.0.0.1/8"),
    ("clients_everybody", "d --address 10.0.0.4:7946 --clients 0.0.0.0/0"),
    ("clients_many", "d --address 10.0.0.4:7946" + "".join(f" --clients 10.{i}.0.0/16" for i in range(9))),
):
    case("mesh_issue_wrong_" + name, f"mesh issue --directory mesh {words}", seed=25)
case("mesh_issue_no_mesh", "mesh issue a --directory none --address 10.0.0.1:7946")
case("config_names_a_socket", "status --config mesh/c/c.conf")
case("join", "join quick/k.xpro --to etc")
case("join_again_json", "join quick/k.xpro --to etc --json")
case("join_a_second_node", "join quick/l.xpro --to etc")
case("join_no_file", "join none.xpro --to etc")
case("join_no_bundle", "join quick/issued --to etc")
case("join_clock", "join quick/k.xpro --to etc", later_s=-61)
case("join_wrong_to", "join quick/k.xpro --to=")
case("join_interface_of_a_kept_one", "join quick/k.xpro --to etc --interface lo")
case("enforce", "enforce --config etc/k.conf")
case("monitor_json", "monitor --config etc/k.conf --json")
case("monitor_no_config", "monitor --config none.conf")
case("mesh_rotate_bundle", "mesh rotate l --directory quick --bundle", seed=29)
case("mesh_rotate_a", "mesh rotate a --directory mesh", seed=30)
case("mesh_rotate_secret", "mesh rotate secret --directory mesh", seed=31)
case("mesh_rotate_secret_json", "mesh rotate secret --directory mesh --in 60 --json", seed=32, later_s=100)
case("mesh_rotate_nobody", "mesh rotate nobody --directory mesh", seed=33)
case("mesh_rotate_wrong_in", "mesh rotate secret --directory mesh --in x", seed=33)
case("mesh_revoke_previous", "mesh revoke a --previous --directory mesh", seed=40)
case("mesh_revoke_no_previous", "mesh revoke b --previous --directory mesh", seed=41)
case("mesh_revoke_c_json", "mesh revoke c --directory mesh --json", seed=42)
case("mesh_revoke_c_again", "mesh revoke c --directory mesh", seed=43)
case("mesh_revoke_and_push", "mesh revoke b --directory mesh --socket gossipd.sock", seed=44, answer="pushed")
case("mesh_push", "mesh push mesh/revocation.doc --socket gossipd.sock", answer="pushed")
case("mesh_push_json", "mesh push mesh/revocation.doc --socket gossipd.sock --json", answer="pushed")
case("mesh_push_old", "mesh push mesh/revocation.doc --socket gossipd.sock", answer="pushed_old")
case("mesh_push_refused", "mesh push mesh/rotation.doc --socket gossipd.sock --json", answer="pushed_refused")
case("mesh_push_version", "mesh push mesh/rotation.doc --socket gossipd.sock", answer="refused_version")
case("mesh_push_no_file", "mesh push none.doc --socket none.sock")
case("mesh_push_long", "mesh push long.doc --socket none.sock", files={"long.doc": bytes(65537)})

# ---- a policy ----

POLICY = b"""pair_rate = 100;
destination_rate = 2000;
rules = ( { client = "10.1.0.0/16"; pair_rate = 50; },
	  { destination = "192.0.2.0/24"; destination_rate = 5000; destination_min_window_ms = 500; } );
never_drop = [ "10.1.2.3" ];
block = ( { client = "10.9.0.0/16"; until = "2027-12-01T00:00:00Z"; } );
protected_only = true;
protected = [ "192.0.2.0/24" ];
"""
case("policy_push", "policy push policy.conf --directory mesh", files={"policy.conf": POLICY})
case("policy_push_json", "policy push policy.conf --directory mesh --in 30 --json", later_s=7)
case("policy_push_and_bring", "policy push policy.conf --directory mesh --socket gossipd.sock", answer="pushed")
case(
    "policy_push_unknown",
    "policy push wrong.conf --directory mesh",
    files={"wrong.conf": POLICY.replace(b"never_drop", b"never_drp")},
)
case(
    "policy_push_wrong_prefix",
    "policy push wrong.conf --directory mesh",
    files={"wrong.conf": POLICY.replace(b"10.1.0.0/16", b"10.1.0.1/16")},
)
case(
    "policy_push_wrong_time",
    "policy push wrong.conf --directory mesh",
    files={"wrong.conf": POLICY.replace(b"2027-12-01T", b"2027-12-01 ")},
)
case(
    "policy_push_without_rate",
    "policy push wrong.conf --directory mesh",
    files={"wrong.conf": POLICY.replace(b"pair_rate = 100;", b"")},
)
case(
    "policy_push_twice_one_prefix",
    "policy push wrong.conf --directory mesh",
    files={"wrong.conf": POLICY.replace(b'[ "10.1.2.3" ]', b'[ "10.1.2.3", "10.1.2.3" ]')},
)
WHOLES = b"""pair_rate = 100;
destination_rate = 2000;
client_rate = 360;
rules = ( { client = "2001:db8:0:1::/64"; client_rate = 50; },
	  { destination = "192.0.2.0/24"; network_rate = 5000; } );
"""
case("policy_push_clients_and_networks", "policy push w.conf --directory mesh", files={"w.conf": WHOLES})
case(
    "policy_push_part_of_a_client",
    "policy push w.conf --directory mesh",
    files={"w.conf": WHOLES.replace(b"1::/64", b"1::/65")},
)
case(
    "policy_push_part_of_a_network",
    "policy push w.conf --directory mesh",
    files={"w.conf": WHOLES.replace(b"192.0.2.0/24", b"192.0.2.0/25")},
)
case(
    "policy_push_client_rate_of_destinations",
    "policy push w.conf --directory mesh",
    files={"w.conf": WHOLES.replace(b"network_rate", b"client_rate")},
)
case("policy_push_no_file", "policy push none.conf --directory mesh")
case("policy_push_no_directory", "policy push policy.conf")
case("policy_push_wrong_in", "policy push policy.conf --directory mesh --in 86401")
case("mesh_wrong_revoked", "mesh revoke a --directory mesh", files={"mesh/revoked": b"nonsense\n"}, seed=45)
