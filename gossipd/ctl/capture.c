/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl capture: samples of dropped packets as a pcap file with nanoseconds (link type Ethernet), to a file or
 * standard output. A packet that came in without an Ethernet header gets one of zeros, so that one file holds both.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "ask.h"
#include "asked.h"

#define COUNT_DEFAULT 1000
#define SECONDS_DEFAULT 60
#define PCAP_MAGIC_NS 0xa1b23c4d
#define LINKTYPE_ETHERNET 1
#define ETHERNET_BYTES 14

struct pcap_file {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, length_max, link_type;
};

struct pcap_packet {
	uint32_t seconds, ns, caught, length;
};

struct saving {
	FILE *file;
	uint64_t packets, by_reason[REASON_COUNT];
};

/* Standard output is the capture. */
static void tell_asked(const struct control_client *row)
{
	char text[ASKED_TEXT_BYTES];

	asked_text(row, text);
	fprintf(stderr, "%s\n", text);
}

static bool save_sample(void *user, enum control_type type, const void *row)
{
	struct saving *saving = user;
	const struct control_sample *sample = row;
	uint32_t caught = sample->caught < CAPTURE_BYTES ? sample->caught : CAPTURE_BYTES;
	uint32_t more = sample->bare ? ETHERNET_BYTES : 0;
	const uint16_t kind = htons(sample->bytes[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	uint8_t header[ETHERNET_BYTES] = { 0 };
	struct pcap_packet packet = { .seconds = (uint32_t)(sample->at_ns / NS_PER_S),
				      .ns = (uint32_t)(sample->at_ns % NS_PER_S),
				      .caught = caught + more,
				      .length = sample->length + more };

	if (type == CONTROL_TYPE_CLIENT)
		tell_asked(row);
	if (type != CONTROL_TYPE_SAMPLE)
		return true;
	memcpy(header + 12, &kind, sizeof(kind));
	fwrite(&packet, sizeof(packet), 1, saving->file);
	fwrite(header, more, 1, saving->file);
	fwrite(sample->bytes, caught, 1, saving->file);
	saving->packets++;
	if (sample->reason < REASON_COUNT)
		saving->by_reason[sample->reason]++;
	return fflush(saving->file) == 0 && !ferror(saving->file);
}

static void tell(const struct saving *saving)
{
	static const char *const names[REASON_COUNT] = REASON_NAMES;

	fprintf(stderr, "%llu packets", (unsigned long long)saving->packets);
	for (unsigned int i = 0; i < REASON_COUNT; i++) {
		if (saving->by_reason[i])
			fprintf(stderr, ", %s %llu", names[i], (unsigned long long)saving->by_reason[i]);
	}
	fputc('\n', stderr);
}

static bool fill_request(const struct arguments *arguments, struct control_request *ret_request)
{
	uint64_t count, seconds;

	if (!arguments_number(arguments, OPTION_PACKETS, 1, CAPTURE_COUNT_MAX, COUNT_DEFAULT, &count) ||
	    !arguments_number(arguments, OPTION_SECONDS, 1, CAPTURE_SECONDS_MAX, SECONDS_DEFAULT, &seconds))
		return false;
	ret_request->count = (uint32_t)count;
	ret_request->seconds = (uint16_t)seconds;
	return ask_prefixes(arguments, ret_request);
}

int run_capture(const struct arguments *arguments, struct output *output)
{
	const struct pcap_file start = { PCAP_MAGIC_NS, 2, 4, 0, 0, CAPTURE_BYTES + ETHERNET_BYTES, LINKTYPE_ETHERNET };
	struct control_request request = { .verb = CONTROL_CAPTURE, .flags = CONTROL_FOLLOW };
	const char *path = arguments->value[OPTION_OUTPUT];
	struct saving saving = { .file = path ? NULL : output->file };
	int status;

	if (!fill_request(arguments, &request))
		return EXIT_USAGE;
	if (!path && isatty(fileno(output->file))) {
		complain("a capture is no text: name a file with --output, or send it to another program");
		return EXIT_USAGE;
	}
	if (path && !(saving.file = fopen(path, "we"))) {
		complain("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	fwrite(&start, sizeof(start), 1, saving.file);
	fflush(saving.file);
	status = ask(arguments, &request, save_sample, &saving);
	if (path && fclose(saving.file)) {
		complain("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	tell(&saving);
	return status;
}
