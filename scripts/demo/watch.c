// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The demo's observer: reads the kernel's verdict counters of every proxy, from their pinned maps, every two
 * milliseconds, and writes down every change, so that the moment of a proxy's first drop is known. Meanwhile shows
 * what happens now: one line that is rewritten on a terminal, a line every two seconds elsewhere. Ends when
 * traffic's trace is complete and the counters rest.
 *
 *     watch TITLE SENT RECEIVED TRACE PIN_PATH...        one directory per proxy, each with a map called "reasons";
 *     or "-": no
 * filter
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <xpro/record.h>

#include "trace.h"

#define POLL_NS 2000000
#define REST_NS 300000000 /* packets in flight are long home by then */

struct counters {
	uint64_t packets[REASON_COUNT];
};

static struct counters seen[PROXIES_MAX];
static int maps[PROXIES_MAX];
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static bool reason_drops(unsigned int reason)
{
	return reason == REASON_DROP_PAIR || reason == REASON_DROP_PAIR_SHARE || reason == REASON_DROP_DESTINATION ||
	       reason == REASON_DROP_DESTINATION_SHARE;
}

/* The counters of all CPUs are one value of the map. */
static struct reason_counter values[CPUS_MAX][REASONS_MAX];

static uint64_t sum_reason(uint32_t reason, int cpus)
{
	uint64_t packets = 0;

	for (int cpu = 0; cpu < cpus && cpu < CPUS_MAX; cpu++)
		packets += values[cpu][reason].packets;
	return packets;
}

/* Returns whether anything was dropped or passed since the last look; of the drops writes down when. */
static bool look(struct trace *trace, int cpus, bool drops_only)
{
	bool changed = false;

	for (unsigned int proxy = 0; proxy < trace->proxies; proxy++) {
		const uint32_t zero = 0;

		if (maps[proxy] < 0 || bpf_map_lookup_elem(maps[proxy], &zero, values) != 0)
			continue;
		for (uint32_t reason = 0; reason < REASON_COUNT; reason++) {
			uint64_t packets;

			if (drops_only && !reason_drops(reason))
				continue;
			packets = sum_reason(reason, cpus);
			if (packets == seen[proxy].packets[reason])
				continue;
			trace_append(trace, (struct trace_record){
						    .at = clock_ns(CLOCK_MONOTONIC),
						    .proxy = (uint8_t)proxy,
						    .kind = (uint8_t)reason,
						    .value = (uint32_t)(packets - seen[proxy].packets[reason]) });
			seen[proxy].packets[reason] = packets;
			changed = changed || reason_drops(reason);
		}
	}
	return changed;
}

static int columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

static void show(const char *title, const struct trace *sent, const struct trace *received, unsigned int proxies,
		 bool terminal)
{
	static const char *const phase[] = { "starting", "starting", "honest", "ATTACK", "done" };
	static const struct trace *previous;
	static uint64_t sent_before, received_before;
	static int64_t shown_at;
	int64_t now = clock_ns(CLOCK_MONOTONIC);
	enum trace_state state = trace_state(sent);
	uint64_t offered = trace_count(sent), arrived = trace_count(received);
	double seconds = (double)(now - shown_at) / 1e9;
	char drops[256] = "", line[512];

	for (unsigned int proxy = 0, used = 0; proxy < proxies && used < sizeof(drops); proxy++) {
		uint64_t dropped = 0;

		for (unsigned int reason = 0; reason < REASON_COUNT; reason++)
			dropped += reason_drops(reason) ? seen[proxy].packets[reason] : 0;
		used += (unsigned int)snprintf(drops + used, sizeof(drops) - used, " %llu",
					       (unsigned long long)dropped);
	}
	if (previous == sent && sent->started_at != NEVER) {
		snprintf(line, sizeof(line), "%s%5.1f s  %-8s  offered %5.0f/s  delivered %5.0f/s  dropped:%s", title,
			 (double)(now - sent->started_at) / 1e9, phase[state],
			 (double)(offered - sent_before) / seconds, (double)(arrived - received_before) / seconds,
			 drops);
		if (terminal)
			printf("\r\033[K%.*s", columns(), line); /* a line that wraps could not be rewritten */
		else
			puts(line);
	}
	fflush(stdout);
	previous = sent;
	sent_before = offered;
	received_before = arrived;
	shown_at = now;
}

int main(int argc, char **argv)
{
	int cpus = libbpf_num_possible_cpus();
	const struct trace *sent, *received;
	struct trace *trace;
	bool terminal = isatty(STDOUT_FILENO);
	int64_t shown_at = 0, changed_at = 0;

	if (argc < 6 || argc - 5 > PROXIES_MAX) {
		fprintf(stderr, "usage: watch TITLE SENT RECEIVED TRACE PIN_PATH...\n");
		return 2;
	}
	if (cpus < 1 || cpus > CPUS_MAX) {
		fprintf(stderr, "watch: %d possible CPUs; this program knows 1 to %d\n", cpus, CPUS_MAX);
		return 1;
	}
	trace = trace_create(argv[4]);
	if (!trace) {
		perror(argv[4]);
		return 1;
	}
	trace->proxies = (uint32_t)(argc - 5);
	for (uint32_t i = 0; i < trace->proxies; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/reasons", argv[5 + i]);
		maps[i] = strcmp(argv[5 + i], "-") == 0 ? -1 : bpf_obj_get(path);
		if (maps[i] < 0 && strcmp(argv[5 + i], "-") != 0) {
			perror(path);
			return 1;
		}
	}
	look(trace, cpus, false); /* what was counted before us is not ours */
	trace->count = 0;
	trace_enter(trace, TRACE_READY);

	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	setpriority(PRIO_PROCESS, 0, -10);
	sent = trace_read(argv[2], 10000);
	received = trace_read(argv[3], 10000);
	if (!sent || !received) {
		fprintf(stderr, "watch: no trace %s or %s\n", argv[2], argv[3]);
		return 1;
	}
	while (!stopped) {
		int64_t now = clock_ns(CLOCK_MONOTONIC);

		if (look(trace, cpus, true))
			changed_at = now;
		if (now - shown_at >= (terminal ? 200000000 : 2000000000)) {
			show(argv[1], sent, received, trace->proxies, terminal);
			shown_at = now;
		}
		if (trace_state(sent) == TRACE_DONE && now - sent->ended_at > REST_NS && now - changed_at > REST_NS)
			break;
		sleep_until(now + POLL_NS);
	}
	if (terminal)
		printf("\r\033[K");
	look(trace, cpus, false);
	trace_enter(trace, TRACE_DONE);
	return stopped ? 1 : 0;
}
