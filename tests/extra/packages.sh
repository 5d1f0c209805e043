#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The Debian packages: built from the tarball, clean under lintian, installed on a host without a compiler (an overlay
# of this one), joined to a mesh, upgraded under traffic without a packet unfiltered or uncounted, removed, purged. A
# systemctl that starts what the unit says stands in for systemd. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/../e2e/lonely.sh"
make -s -C "$root" binaries build/tests/e2e/packets
packets=$root/build/tests/e2e/packets
begin
cd "$dir" || exit 1
host=$dir/host sender='' ears=''

end() {
	[ -z "$sender" ] || kill "$sender" 2>/dev/null
	[ -z "$ears" ] || kill "$ears" 2>/dev/null
	[ ! -s pid.holder ] || on_host sh -c 'kill $(cat /run/xpro-test.pid)' 2>/dev/null
	finish
}
trap end EXIT

# ---- built ----

ok "the_tarball_is_made" make -s -C "$root" dist
cp "$root"/build/xpro-mesh-*.tar.xz first.tar.xz
again() { make -s -C "$root" dist && cmp first.tar.xz "$root"/build/xpro-mesh-*.tar.xz; }
ok "the_same_tree_makes_the_same_tarball" again
build() { DEB_BUILD_OPTIONS="nocheck parallel=2" "$root/scripts/deb.sh" "$root"/build/xpro-mesh-*.tar.xz debs; }
ok "packages_are_built_from_it" build
clean() {
	said=$(lintian --allow-root --fail-on error,warning debs/*.changes 2>&1) && [ -z "$said" ] ||
		{ echo "$said"; return 1; }
}
ok "lintian_has_nothing_to_say" clean
version=$(dpkg-deb -f debs/gossipd_*.deb Version)
no_compiler() { ! dpkg-deb -f debs/gossipd_*.deb Depends | grep -e clang -e gcc -e llvm -e bpftool; }
ok "gossipd_needs_no_compiler" no_compiler

# next PACKAGE: the same as a newer version
next() {
	dpkg-deb -R "debs/$1_${version}"_*.deb "next/$1" &&
		sed -i "s/^Version: .*/Version: $version.1/; s/gossipctl (= $version)/gossipctl (= $version.1)/" \
			"next/$1/DEBIAN/control" && dpkg-deb -b "next/$1" "next/$1.deb"
}
mkdir next
ok "a_newer_gossipctl_is_made" next gossipctl
ok "and_a_newer_gossipd" next gossipd

# ---- a host ----

cat >systemctl <<'END'
#!/bin/sh
# As systemd does with Type=notify: the unit's own command, started and waited for.
for word; do case $word in -*) ;; *) words="${words:-} $word" ;; esac; done
set -- $words
echo "$*" >>/run/xpro-test.calls
unit=${2:-} pid=/run/xpro-test.pid
end() {
	[ -s $pid ] || return 0
	kill "$(cat $pid)" 2>/dev/null
	while kill -0 "$(cat $pid)" 2>/dev/null; do sleep 0.05; done
	rm $pid
}
case $1 in
list-units) [ ! -s $pid ] || echo "gossipd@a.service loaded active running X-Pro" ;;
stop) end ;;
restart)
	end
	name=${unit#gossipd@}
	command=$(sed -n "s/^ExecStart=//p" /usr/lib/systemd/system/gossipd@.service | sed "s/%i/${name%.service}/")
	: >/run/xpro-test.log
	$command >/run/xpro-test.log 2>&1 </dev/null &
	echo $! >$pid
	until grep -q 'gossipd: ready:' /run/xpro-test.log; do
		kill -0 "$(cat $pid)" 2>/dev/null || { cat /run/xpro-test.log; exit 1; }
		sleep 0.05
	done
	;;
esac
END
chmod 755 systemctl
cat >make_host <<END
mount -t tmpfs none "$host" && mkdir "$host/upper" "$host/work" "$host/root" || exit 1
mount -t overlay overlay -o "lowerdir=/,upperdir=$host/upper,workdir=$host/work" "$host/root" || exit 1
cd "$host/root" || exit 1
mount --rbind /dev dev && mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t bpf bpf sys/fs/bpf || exit 1
mount -t tmpfs none run && mkdir -p run/systemd/system "$host/root$dir" &&
	mount --bind "$dir" "$host/root$dir" || exit 1
for tool in clang gcc cc bpftool ld as; do rm -f usr/bin/\$tool usr/bin/\$tool-[0-9]* usr/sbin/\$tool; done
rm -f usr/sbin/policy-rc.d usr/bin/x86_64-linux-gnu-gcc*
cp "$dir/systemctl" usr/bin/systemctl
touch "$dir/made"
exec sleep 600
END
mkdir "$host"
nsenter --net="/run/netns/$name" unshare --mount sh make_host >made.log 2>&1 &
echo $! >pid.holder
ok "a_host_without_a_compiler_is_made" wait_for 20 test -e made
[ -e made ] || cat made.log
on_host() {
	nsenter --mount="/proc/$(cat pid.holder)/ns/mnt" --net="/proc/$(cat pid.holder)/ns/net" \
		chroot "$host/root" "$@"
}
absent_there() { ! on_host sh -c "command -v $1"; }
ok "there_is_none" absent_there clang

# ---- installed ----

install_packages() { on_host dpkg --force-confold -i "$@"; }
ok "they_are_installed" install_packages "$dir"/debs/gossipctl_"$version"_*.deb "$dir"/debs/gossipd_"$version"_*.deb \
	"$dir"/debs/xpro-sim_"$version"_*.deb
ok "the_groups_are_made" on_host getent group xpro xpro-admin
mode_is() { got=$(on_host stat -c '%a %U:%G' "$1"); [ "$got" = "$2" ] || { echo "$1: $got"; return 1; }; }
ok "etc_xpro_is_there" mode_is /etc/xpro "755 root:root"
ok "the_state_is_for_root_alone" mode_is /var/lib/xpro "700 root:root"
ok "every_program_runs" on_host sh -c "gossipd --version && gossipctl --version && xpro-sim --help"
for page in man1/gossipctl.1 man1/xpro-sim.1 man5/gossipd.conf.5 man8/gossipd.8; do
	ok "${page#*/}_is_there" on_host test -s "/usr/share/man/$page.gz"
done
ok "without_a_node_nothing_is_started" on_host test ! -e /run/xpro-test.pid

# ---- a node ----

"$ctl" mesh issue a=10.77.1.1:7946 --directory mesh --again --bundle --interface clients --pair-rate 1000000 \
	--destination-rate 1000000 >/dev/null
ok "the_host_joins" on_host gossipctl join "$dir/mesh/a.xpro"
on_host sed -i 's|^\tblock = .*|\tblock = ( { client = "10.77.1.66"; } );|' /etc/xpro/a.conf
ok "it_enforces" on_host gossipctl enforce
status() { on_host gossipctl status --json; }
reason() { status | jq ".reasons[] | select(.name == \"$1\") | .packets"; }
boot() { status | jq .status.boot; }

# ---- upgraded under traffic ----

( exec nsenter --net="/run/netns/$name" "$packets" hear clients 300 ) >heard 2>&1 &
ears=$!
wait_for 5 grep -q hearing heard
send() { outside "$packets" send clients 02:00:00:00:01:01 "$@" 203.0.113.9 count=50; }
# In small batches, so that no queue on the way runs over, and what was sent is what came in.
send_until_told() {
	batches=0
	while [ ! -e enough ]; do
		send 10.77.1.66
		send 10.77.1.77
		batches=$((batches + 1))
		echo "$batches" >batches
	done
}
send_until_told &
sender=$!
wait_for 10 test -s batches
before=$(boot)
ok "the_upgrade_is_installed" install_packages "$dir/next/gossipctl.deb" "$dir/next/gossipd.deb"
newer() { got=$(boot); [ "$got" -eq "$((before + 1))" ] || { echo "start $got, expected $((before + 1))"; return 1; }; }
ok "the_unit_was_restarted_once" newer
more() { [ "$(cat batches)" -gt "$1" ]; }
wait_for 20 more "$(($(cat batches) + 10))"
touch enough
wait "$sender"
sender=
sent=$(($(cat batches) * 50))
echo "# $sent packets of each client, the upgrade among them"
is() { [ "$1" = "$2" ] || { echo "got $1, expected $2"; return 1; }; }
heard_of() { grep -c "^$1 " heard; }
all_heard() { [ "$(heard_of 10.77.1.77)" -ge "$sent" ]; }
wait_for 5 all_heard
ok "enough_were_sent" [ "$sent" -ge 500 ]
ok "no_packet_was_unfiltered" is "$(heard_of 10.77.1.66)" 0
ok "none_that_may_pass_was_lost" is "$(heard_of 10.77.1.77)" "$sent"
ok "what_was_blocked_is_counted_once" is "$(reason drop_blocked)" "$sent"
ok "what_passed_is_counted_once" is "$(reason pass)" "$sent"
ok "it_still_enforces" is "$(status | jq -r .status.mode)" enforce

# ---- removed, purged ----

filtered() { ip -n "$name" link show clients | grep -q xdp; }
unfiltered() { ! filtered; }
ok "the_filter_is_on" filtered
ok "gossipd_is_removed" on_host dpkg -r gossipd
ok "its_filter_is_off" unfiltered
ok "its_daemon_ended" on_host test ! -e /run/xpro-test.pid
ok "keys_and_configuration_stay" on_host test -s /etc/xpro/a.conf -a -s /etc/xpro/a/node.key
ok "until_it_is_purged" on_host dpkg -P gossipd
ok "then_they_are_gone" on_host sh -c "! ls -d /etc/xpro /var/lib/xpro"
done_testing
