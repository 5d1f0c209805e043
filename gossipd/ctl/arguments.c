/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every command may need of its arguments: the table of options, numbers, and the one way to complain. */
#include <stdarg.h>
#include <stdio.h>

#include "text.h"
#include "ctl.h"

const struct option_text options[OPTION_COUNT] = {
	[OPTION_SOCKET] = { "socket", "PATH", "gossipd's control socket" },
	[OPTION_CONFIG] = { "config", "FILE", "gossipd's configuration, which names socket and pins" },
	[OPTION_JSON] = { "json", NULL, "write JSON" },
	[OPTION_HELP] = { "help", NULL, "print this" },
	[OPTION_VERSION] = { "version", NULL, "print the version" },
	[OPTION_DIRECTORY] = { "directory", "D", "the mesh authority's directory" },
	[OPTION_TICK_MS] = { "tick-ms", "N", "how often counts are shared" },
	[OPTION_WINDOW_MAX_MS] = { "window-max-ms", "N", "T_T4: longest window" },
	[OPTION_DECAY] = { "decay", "N", "r: by how much a longer one is aged" },
	[OPTION_CLIENT_BITS] = { "client-bits", "N", "bits of an IPv6 client, 48 to 64 (default 64)" },
	[OPTION_CLIENT_HOSTS] = { "client-hosts", "PREFIX", "here every IPv6 address is a client; may be repeated" },
	[OPTION_ADDRESS] = { "address", "IP:PORT",
			     "where the node is reached; may be repeated. Of several nodes: NAME=IP:PORT" },
	[OPTION_REGION] = { "region", "R", "where the node is" },
	[OPTION_LINE_RATE] = { "line-rate", "PPS", "most packets per second it can see (default 14880952)" },
	[OPTION_INTERFACE] = { "interface", "IF", "interface to filter on; may be repeated" },
	[OPTION_CLIENTS] = { "clients", "PREFIX", "network of the clients; may be repeated" },
	[OPTION_PAIR_RATE] = { "pair-rate", "N", "T_F1, packets per second" },
	[OPTION_DESTINATION_RATE] = { "destination-rate", "N", "T_F2, packets per second" },
	[OPTION_CLIENT_RATE] = { "client-rate", "N", "packets per second of one client to all destinations" },
	[OPTION_NETWORK_RATE] = { "network-rate", "N", "packets per second of all clients to one network" },
	[OPTION_STATE_DIRECTORY] = { "state-directory", "PATH", "default /var/lib/xpro/NAME" },
	[OPTION_PIN_PATH] = { "pin-path", "PATH", "default /sys/fs/bpf/xpro/NAME" },
	[OPTION_CONTROL_SOCKET] = { "control-socket", "PATH", "default /run/xpro/NAME.sock" },
	[OPTION_AGAIN] = { "again", NULL, "issue a node anew" },
	[OPTION_CLIENT] = { "client", "PREFIX", "only these clients" },
	[OPTION_DESTINATION] = { "destination", "PREFIX", "only these destinations" },
	[OPTION_OVER] = { "over", NULL, "only those over their rate" },
	[OPTION_DIGEST] = { "digest", NULL, "hash the ledger, however large it is" },
	[OPTION_IN] = { "in", "SECONDS", "when it comes into force, for all at once" },
	[OPTION_PREVIOUS] = { "previous", NULL, "the key it had before mesh rotate; the node goes on" },
	[OPTION_IN_GIT_CHECKOUT] = { "in-git-checkout", NULL,
				     "write keys below a git checkout; a .gitignore keeps them out" },
	[OPTION_BUNDLE] = { "bundle", NULL, "write a node as one file, NAME.xpro, for gossipctl join" },
	[OPTION_TO] = { "to", "DIR", "where to install it (default /etc/xpro)" },
	[OPTION_MARGIN] = { "margin", "PERCENT", "above what was seen (default 100: twice as much)" },
	[OPTION_OUTSIDE_RATE] = { "outside-rate", "N",
				  "packets per second to each destination elsewhere (default: block)" },
	[OPTION_FOLLOW] = { "follow", NULL, "go on with new ones" },
	[OPTION_PACKETS] = { "count", "N", "end after so many packets (default 1000)" },
	[OPTION_SECONDS] = { "seconds", "N", "end after so long (default 60)" },
	[OPTION_OUTPUT] = { "output", "FILE", "write there; default: standard output" },
};

static char complaint[1536]; /* the last one */

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(complaint, sizeof(complaint), format, arguments);
	va_end(arguments);
	fprintf(stderr, "gossipctl: %s\n", complaint);
}

const char *complaint_last(void)
{
	return complaint;
}

bool arguments_number(const struct arguments *arguments, enum option_name option, uint64_t min, uint64_t max,
		      uint64_t otherwise, uint64_t *ret_number)
{
	*ret_number = otherwise;
	if (!arguments->value[option] || text_to_number(arguments->value[option], min, max, ret_number))
		return true;
	complain("--%s: a number from %llu to %llu is needed", options[option].name, (unsigned long long)min,
		 (unsigned long long)max);
	return false;
}
