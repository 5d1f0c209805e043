/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP tests stand on: a table of their own under /sys/fs/bpf, packets made of rows, and BPF_PROG_RUN. With
 * an injected clock jiffies and the daemon's `now` are one: bed_at moves both.
 */
#ifndef TESTS_XDP_BED_H
#define TESTS_XDP_BED_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "table_internal.h"

#define BED_HZ (bed.table->clock.hz)
#define BED_START 1000000U
#define BED_MESH_NS 1700000000000000000LL
#define BED_CELLS_MAX 65536
#define XDP_VERDICT_DROP 1
#define XDP_VERDICT_PASS 2

static const uint8_t bed_seed[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static struct bed {
	struct table *table;
	struct table_problem problem;
	char pin_path[64];
	struct table_config config;
	uint32_t jiffies;
	struct harvested cells[BED_CELLS_MAX];
	size_t cell_count;
	struct warning warning;
	unsigned int warnings;
	uint8_t out[16384]; /* the frame as the program left it */
	uint32_t out_length;
	char told[512];
	unsigned int tellings;
} bed;

struct frame {
	uint8_t bytes[2048];
	uint32_t length;
};

static inline int bed_open(bool injected)
{
	int err = table_open_clocked(&bed.config, 42, bed_seed, injected ? bed.jiffies : 0, &bed.table, &bed.problem);

	if (!err)
		err = table_start_thread(bed.table);
	if (err)
		print_message("# %s\n", bed.problem.text);
	return err;
}

static inline void bed_at(uint32_t jiffies)
{
	bed.jiffies = jiffies;
	table_inject(bed.table, jiffies);
}

/* The daemon's now. Injected: exactly bed.jiffies. */
static inline struct now bed_now(void)
{
	int64_t period = bed.table->clock.period_ns;

	return (struct now){ { (int64_t)bed.jiffies * period }, { BED_MESH_NS + (int64_t)bed.jiffies * period } };
}

/* One tick of the daemon's: heartbeat and clock, without a harvest. */
static inline void bed_beat(void)
{
	table_anchor(bed.table, bed_now());
	bed.table->state->heartbeat = bed.jiffies;
}

/* Writes a change of `key`; as a notable one, which makes a record that is missing, when `notable` is set. */
static inline int bed_apply_hinted(const struct key *key, const struct change *change, bool notable, uint32_t *hint)
{
	struct change of_key = *change;

	of_key.key = *key;
	of_key.notable = notable;
	return table_apply_hinted(bed.table, &of_key, hint);
}

static inline int bed_apply(const struct key *key, const struct change *change, bool notable)
{
	struct change of_key = *change;

	of_key.key = *key;
	of_key.notable = notable;
	return table_apply(bed.table, &of_key);
}

/* The config, for a test to add to before it opens. */
static inline void bed_configure(uint32_t pairs, uint32_t destinations)
{
	static unsigned int beds;

	snprintf(bed.pin_path, sizeof(bed.pin_path), "/sys/fs/bpf/xpro-test-%d-%u", getpid(), beds++);
	bed.config = (struct table_config){
		.pin_path = bed.pin_path, .pairs4_max = pairs, .pairs6_max = pairs, .destinations_max = destinations,
		.widths = WIDTHS_DEFAULT
	};
	bed.jiffies = BED_START;
}

static inline int bed_begin(bool injected)
{
	if (bed_open(injected))
		return -1;
	if (injected)
		bed_beat();
	return 0;
}

static inline int bed_make(uint32_t pairs, uint32_t destinations, bool injected)
{
	bed_configure(pairs, destinations);
	return bed_begin(injected);
}

static inline int bed_remove(void)
{
	struct table_problem problem;

	table_close(bed.table);
	bed.table = NULL;
	table_detach(bed.pin_path, &problem);
	return rmdir(bed.pin_path);
}

static inline int bed_setup(void **state)
{
	(void)state;
	return bed_make(1024, 64, true);
}

static inline int bed_teardown(void **state)
{
	(void)state;
	return bed_remove();
}

static inline void bed_policy(struct policy policy)
{
	policies_plain(bed.table, &policy);
}

static inline struct policy policy_plain(uint32_t pair_rate, uint32_t destination_rate, uint32_t flags)
{
	return (struct policy){ .pair_rate = pair_rate,
				.destination_rate = destination_rate,
				.pair_min_window = BED_HZ,
				.destination_min_window = BED_HZ,
				.idle_reset = 10 * BED_HZ,
				.window_max = 8 * BED_HZ,
				.decay = 2,
				.flags = flags };
}

static inline void frame_set_type(struct frame *frame, uint16_t type)
{
	frame->bytes[12] = (uint8_t)(type >> 8);
	frame->bytes[13] = (uint8_t)type;
}

static inline struct frame frame4(uint32_t client, uint32_t destination)
{
	struct frame frame = { .length = 64 };
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .tot_len = htons(50),
			    .ttl = 64,
			    .protocol = 17,
			    .saddr = htonl(client),
			    .daddr = htonl(destination) };

	frame_set_type(&frame, ETH_P_IP);
	memcpy(frame.bytes + ETH_HLEN, &ip, sizeof(ip));
	return frame;
}

static inline struct frame frame6(const char *client, const char *destination, uint8_t next)
{
	struct frame frame = { .length = 114 };
	struct ipv6hdr ip = { .version = 6, .payload_len = htons(60), .nexthdr = next, .hop_limit = 64 };

	frame_set_type(&frame, ETH_P_IPV6);
	inet_pton(AF_INET6, client, &ip.saddr);
	inet_pton(AF_INET6, destination, &ip.daddr);
	memcpy(frame.bytes + ETH_HLEN, &ip, sizeof(ip));
	return frame;
}

static inline uint64_t bed_hash(uint64_t hash, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL; /* FNV-1a */
	return hash;
}

/*
 * Into the file XDP_CORPUS, if it is set (packets.sh): what went in, the verdict, what came out, and every counter
 * after it.
 */
static inline void bed_corpus(const void *bytes, uint32_t length, uint32_t verdict)
{
	const uint64_t basis = 0xcbf29ce484222325ULL;
	struct reason_counter reasons[REASON_COUNT];
	const char *path = getenv("XDP_CORPUS");
	FILE *file = path ? fopen(path, "ae") : NULL;

	if (!file)
		return;
	table_read_reasons(bed.table, reasons);
	fprintf(file, "%016llx %u %016llx %016llx\n", (unsigned long long)bed_hash(basis, bytes, length), verdict,
		(unsigned long long)bed_hash(basis, bed.out, bed.out_length),
		(unsigned long long)bed_hash(basis, reasons, sizeof(reasons)));
	fclose(file);
}

/* Bytes through a program `repeat` times; the verdict of the last. What comes out stands in bed.out. */
static inline uint32_t bed_run_bytes(int program_fd, const void *bytes, uint32_t length, int repeat, uint32_t *ret_ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = bytes, .data_size_in = length, .data_out = bed.out,
		    .data_size_out = sizeof(bed.out), .repeat = repeat);

	assert_int_equal(bpf_prog_test_run_opts(program_fd, &run), 0);
	bed.out_length = run.data_size_out;
	bed_corpus(bytes, length, run.retval);
	if (ret_ns)
		*ret_ns = run.duration;
	return run.retval;
}

/* Runs one frame `repeat` times; the verdict of the last. */
static inline uint32_t bed_run_many(const struct frame *frame, int repeat, uint32_t *ret_ns)
{
	return bed_run_bytes(bed.table->program_fd, frame->bytes, frame->length, repeat, ret_ns);
}

static inline uint32_t bed_run(const struct frame *frame)
{
	return bed_run_many(frame, 1, NULL);
}

static inline uint64_t bed_reason(enum reason reason)
{
	struct reason_counter reasons[REASON_COUNT];

	table_read_reasons(bed.table, reasons);
	return reasons[reason].packets;
}

static inline struct key key4(uint32_t client, uint32_t destination)
{
	uint32_t client_be = htonl(client), destination_be = htonl(destination);

	return (struct key){ address_of_ipv4((uint8_t *)&client_be), address_of_ipv4((uint8_t *)&destination_be) };
}

static inline struct key destination4(uint32_t destination)
{
	struct key key = key4(0, destination);

	return key_of_destination(&key.destination);
}

static inline struct address address6(const char *text)
{
	struct address address;

	inet_pton(AF_INET6, text, address.bytes);
	return address;
}

/* By the widths of the bed: the client is that of the address. */
static inline struct key key6(const char *client, const char *destination)
{
	const struct address source = address6(client);

	return (struct key){ widths_client(&bed.config.widths, &source), address6(destination) };
}

static inline void bed_note(void *user, const struct harvested *cells, size_t count)
{
	(void)user;
	for (size_t i = 0; i < count && bed.cell_count < BED_CELLS_MAX; i++)
		bed.cells[bed.cell_count++] = cells[i];
}

static inline size_t bed_harvest(void)
{
	struct now now = bed_now();

	bed.cell_count = 0;
	table_anchor(bed.table, now);
	return table_harvest(bed.table, now, (struct duration){ 4 * NS_PER_S }, bed_note, NULL);
}

/* The last harvested cell of a key, NULL when there was none. */
static inline const struct harvested *bed_cell(const struct key *key)
{
	size_t i;

	for (i = bed.cell_count; i-- > 0;)
		if (key_equal(&bed.cells[i].key, key))
			return &bed.cells[i];
	return NULL;
}

static inline struct pair_record *bed_record(const struct key *key)
{
	struct spot spot;

	return spot_find(bed.table, key, &spot) ? spot_record(&spot) : NULL;
}

static inline void bed_note_interface(void *user, enum table_news news, const char *text)
{
	(void)user, (void)news;
	snprintf(bed.told, sizeof(bed.told), "%s", text);
	bed.tellings++;
}

/* A second's look at the interfaces; how much was told of them. bed.told is the last of it. */
static inline unsigned int bed_second(void)
{
	bed.tellings = 0;
	table_second(bed.table, bed_note_interface, NULL);
	return bed.tellings;
}

static inline void bed_note_warning(void *user, const struct warning *warning)
{
	(void)user;
	bed.warning = *warning;
	bed.warnings++;
}

static inline unsigned int bed_warnings(void)
{
	bed.warnings = 0;
	table_read_warnings(bed.table, bed_note_warning, NULL);
	return bed.warnings;
}

#endif
