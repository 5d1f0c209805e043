/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program's maps besides the records: addresses of this host, tunnels and the gate at the gossip port. The maps of
 * tunnels and the gate are not pinned: each start fills its own before its program replaces the last one, so a changed
 * config comes into force at once and whole.
 */
#include <errno.h>
#include <string.h>

#include "table_internal.h"
#include "xpro.skel.h"

#define PROTOCOL_IPIP 4
#define PROTOCOL_UDP 17
#define PROTOCOL_IPV6 41
#define PROTOCOL_GRE 47

int plane_constants(struct table *table, const struct table_config *config)
{
	struct xpro *skeleton = table->skeleton;

	for (uint32_t i = 0; i < GATE_PORTS_MAX; i++)
		skeleton->rodata->gate_ports_be[i] = __builtin_bswap16(config->gate_ports[i]);
	table->forward_fast = config->forward_fast;
	table->generic = config->generic;
	table->replace = config->replace;
	sides_constants(table, config);
	widths_constants(table, config);
	skeleton->rodata->forward_fast = config->forward_fast;
	skeleton->rodata->tunnels_watched = config->tunnel_count > 0;
	skeleton->rodata->local_watched = config->tunnel_count > 0 || config->gate_ports[0] != 0;
	return config->forward_fast ? bpf_map__set_max_entries(skeleton->maps.next_hops, NEXT_HOPS) : 0;
}

/* So that the program looks the address up in the map. */
static void locals_note(struct table *table, const struct address *address)
{
	__u64 words[2];
	uint32_t bit;

	memcpy(words, address, sizeof(words));
	bit = locals_bit(words);
	__atomic_or_fetch(&table->skeleton->bss->locals.words[bit / 64], 1ULL << (bit & 63), __ATOMIC_RELEASE);
}

/* Those that an earlier daemon told the pinned map. */
static void locals_found(struct table *table)
{
	struct address address;
	const void *before = NULL;

	while (!bpf_map_get_next_key(table->local_fd, before, &address)) {
		locals_note(table, &address);
		before = &address;
	}
}

int table_add_local(struct table *table, const struct address *address)
{
	uint32_t destination;
	uint8_t one = 1;

	locals_note(table, address);
	if (bpf_map_update_elem(table->local_fd, address, &one, BPF_ANY))
		return -errno;
	destination = destination_find(table, address);
	if (destination == DESTINATION_NONE)
		return 0;
	__atomic_or_fetch(&table->heads[destination].flags, HEAD_PASS, __ATOMIC_RELEASE); /* met before it was ours */
	heads_written(table);
	return 0;
}

static int tunnel_add(const struct table *table, const struct table_tunnel *config, uint32_t id, uint8_t protocol)
{
	struct tunnel tunnel = { .id = id, .type = (uint8_t)config->type, .decapsulate = config->decapsulate };
	struct tunnel_key key = { .port_be = __builtin_bswap16(config->port), .protocol = protocol };

	memcpy(key.local, config->local.bytes, sizeof(key.local));
	return bpf_map_update_elem(bpf_map__fd(table->skeleton->maps.tunnels), &key, &tunnel, BPF_ANY) ? -errno : 0;
}

static int source_add(const struct table *table, const struct table_source *from, uint32_t id)
{
	struct tunnel_source source = { .prefix_bits = 32 + from->bits, .id = id };
	uint8_t one = 1;

	memcpy(source.source, from->address.bytes, sizeof(source.source));
	return bpf_map_update_elem(bpf_map__fd(table->skeleton->maps.tunnel_sources), &source, &one, BPF_ANY) ? -errno
													      : 0;
}

static int tunnel_fill(struct table *table, const struct table_tunnel *tunnel, uint32_t id)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < tunnel->source_count; i++)
		err = source_add(table, &tunnel->sources[i], id);
	if (err)
		return err;
	switch (tunnel->type) {
	case TUNNEL_IPIP:
		err = tunnel_add(table, tunnel, id, PROTOCOL_IPIP);
		err = err ? err : tunnel_add(table, tunnel, id, PROTOCOL_IPV6);
		break;
	case TUNNEL_GRE:
		err = tunnel_add(table, tunnel, id, PROTOCOL_GRE);
		break;
	default:
		err = tunnel_add(table, tunnel, id, PROTOCOL_UDP);
	}
	return err ? err : table_add_local(table, &tunnel->local);
}

int plane_fill(struct table *table, const struct table_config *config, struct table_problem *problem)
{
	int err = 0;

	locals_found(table);
	for (uint32_t i = 0; !err && i < config->tunnel_count; i++)
		err = tunnel_fill(table, &config->tunnels[i], i);
	for (uint32_t i = 0; !err && i < config->local_count; i++)
		err = table_add_local(table, &config->locals[i]);
	if (err)
		problem_say(problem, "telling the XDP program its tunnels and this host's addresses: %s",
			    strerror(-err));
	return err;
}

static int bucket_open(const struct bpf_map *map, const void *key)
{
	struct gate_bucket full = { 0 };

	return bpf_map_update_elem(bpf_map__fd(map), key, &full, BPF_NOEXIST) && errno != EEXIST ? -errno : 0;
}

int table_gate_open(struct table *table, const struct address *peer)
{
	return bucket_open(table->skeleton->maps.gate_peers, peer);
}

void table_gate_close(struct table *table, const struct address *peer)
{
	bpf_map_delete_elem(bpf_map__fd(table->skeleton->maps.gate_peers), peer);
}

int table_gate_mark(struct table *table, const struct gate_marked *marked)
{
	return bucket_open(table->skeleton->maps.gate_marks, marked);
}

void table_gate_unmark(struct table *table, const struct gate_marked *marked)
{
	bpf_map_delete_elem(bpf_map__fd(table->skeleton->maps.gate_marks), marked);
}
