/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the moment a member signs its frame of a tick to its arrival at each other member and at the last of them,
 * and from the last packet of all to byte-equal ledgers; against the number of members and loss. The same worlds
 * tell what a member sends and checks.
 */
#include <math.h>
#include <stdio.h>

#include "experiment.h"
#include "world.h"

#define PUBLISHERS_MAX 16 /* of more than SMALL members, so many count: what one message costs is the question */
#define SMALL 64
#define LARGE 256 /* from here on every world is told of */

struct spreading {
	double delivery_p50, delivery_p99, full_p50, full_p99, full_max, full_share, duplicates, agreement_ms;
	double bytes, datagrams, made, checked;
};

static void read_spreading(struct world *world, void *result)
{
	struct measure *m = &world->measure;
	const double seconds = world->scenario.duration_s - world->scenario.quiet_s - world->scenario.warmup_s;
	const double per = seconds * world->scenario.members;
	double received = 0, duplicate = 0;
	struct spreading *s = result;

	*s = (struct spreading){
		.delivery_p50 = samples_percentile(&m->deliveries_ms, 0.5),
		.delivery_p99 = samples_percentile(&m->deliveries_ms, 0.99),
		.full_p50 = samples_percentile(&m->full_ms, 0.5),
		.full_p99 = samples_percentile(&m->full_ms, 0.99),
		.full_max = samples_percentile(&m->full_ms, 1),
		.full_share = (double)m->frames_full / (double)m->frames_sent,
		.agreement_ms = m->converged_ns >= 0 ? (double)m->converged_ns / NS_PER_MS : NAN,
	};
	for (int i = 0; i < world->scenario.members; i++) {
		s->bytes += (double)(m->ends[i].bytes_sent - m->marks[i].bytes_sent) / per;
		s->datagrams += (double)(m->ends[i].sent - m->marks[i].sent) / per;
		s->made += (double)(m->ends[i].made - m->marks[i].made) / per;
		s->checked += (double)(m->ends[i].checked - m->marks[i].checked) / per;
		received += (double)(m->ends[i].frames_received - m->marks[i].frames_received);
		duplicate += (double)(m->ends[i].frames_duplicate - m->marks[i].frames_duplicate);
	}
	s->duplicates = duplicate / received;
}

static struct scenario scenario_of(int members, double loss)
{
	struct scenario s = experiment_scenario(members);
	struct group *group;

	snprintf(s.name, sizeof(s.name), "convergence");
	/* 2,000 know each other after three seconds; then neighbours are found, and trees grow. */
	s.warmup_s = 4 + members / 200.0;
	s.quiet_s = members > 128 ? 3 : 8;
	s.duration_s = s.warmup_s + s.quiet_s + (members > SMALL ? 4 : 10);
	if (members > SMALL) { /* small: two keys of PUBLISHERS_MAX members, whose frames are there six seconds long */
		s.keys_max = 64;
		s.cells_max = 1024;
		s.frames_max = 512;
	}
	s.loss = loss;
	s.oracle = false;
	s.publish_all = true; /* keys without a rate are told by nobody who tells by need */
	group = experiment_group(&s, "everywhere", false, 1, 10.0 * (members > SMALL ? PUBLISHERS_MAX : members));
	group->placement = PLACE_SPREAD; /* every member counts and publishes, or so many */
	group->members = members > SMALL ? PUBLISHERS_MAX : 0;
	s.thresholds.pair_rate = 0;
	s.thresholds.destination_rate = 0;
	return s;
}

#define LOSSES(column)                                                                                              \
	"array colours[4] = [LOSS_0, LOSS_1, LOSS_2, LOSS_3]\n"                                                     \
	"plot for [i = 1:4] $TABLE using 1:($2 == real(word('0 0.02 0.1 0.3', i)) ? $" column                        \
	" : NaN) title sprintf('%d %% of datagrams lost', 100 * real(word('0 0.02 0.1 0.3', i))) lc rgb colours[i]"

void experiment_convergence(struct output *output, bool quick)
{
	static const int sizes[] = { 3, 8, 16, 64, 256, 1000, 2000 };
	static const double losses[] = { 0, 0.02, 0.1, 0.3 };

	table_begin(output, "members",
		    "members loss delivery_p50_ms delivery_p99_ms all_p50_ms all_p99_ms all_max_ms share_reaching_all "
		    "duplicates_per_delivery last_packet_to_equal_ms bytes_per_s datagrams_per_s made_per_s "
		    "checked_per_s");
	for (unsigned int l = 0; l < 4; l++) {
		for (unsigned int i = 0; i < (quick ? 3 : sizeof(sizes) / sizeof(sizes[0])); i++) {
			const struct scenario scenario = scenario_of(sizes[i], losses[l]);
			struct spreading s;

			experiment_world(output, &scenario, 1, read_spreading, &s, sizeof(s));
			table_row(output, "ffffffffffffff", (double)sizes[i], losses[l], s.delivery_p50, s.delivery_p99,
				  s.full_p50, s.full_p99, s.full_max, s.full_share, s.duplicates, s.agreement_ms,
				  s.bytes, s.datagrams, s.made, s.checked);
			if (l == 0)
				headline(output,
					 "A frame reaches all of %d members within %.0f ms (99 %% of frames, no loss); "
					 "ledgers are equal %.0f ms after the last packet.",
					 sizes[i], s.full_p99, s.agreement_ms);
			if (sizes[i] == (quick ? 16 : 64) || sizes[i] >= LARGE)
				say(output,
				    "%d members, loss %.0f %%: a frame is at a member after p50 %.0f, p99 %.0f ms, at "
				    "all after p50 %.0f, p99 %.0f, at most %.0f ms, %.2f duplicates per delivery; "
				    "ledgers are equal %.0f ms after the last packet.",
				    sizes[i], 100 * losses[l], s.delivery_p50, s.delivery_p99, s.full_p50, s.full_p99,
				    s.full_max, s.duplicates, s.agreement_ms);
		}
	}
	table_end(output);
	plot(output, "all", "From signing a frame to its arrival at the last member",
	     "$published << EOD\n2000,173,Corrosion Plumtree\n500,338,Corrosion's former SWIM\n1000,1600,Serf (99 % of "
	     "members)\nEOD\n"
	     "set xlabel 'members'\nset ylabel 'ms from signing to the last member, p99'\nset logscale xy\nset xrange "
	     "[2:3000]\n"
	     LOSSES("6") ", "
	     "$published using 1:2:3 with labels right offset -1,0 point pt 7 lc rgb ALL title 'published, no loss'");
	plot(output, "duplicates", "How often a member gets a frame again",
	     "$published << EOD\n2000,4.0,Corrosion Plumtree\nEOD\n"
	     "set xlabel 'members'\nset ylabel 'duplicates per delivery'\nset logscale x\nset xrange [2:3000]\nset "
	     "yrange [0:5]\n"
	     LOSSES("9") ", "
	     "$published using 1:2:3 with labels right offset -1,0 point pt 7 lc rgb ALL title 'published, no loss'");
	plot(output, "equal", "From the last packet to equal ledgers",
	     "set xlabel 'members'\n"
	     "set ylabel 'ms from the last packet to byte-equal ledgers'\n"
	     "set logscale xy\n"
	     "set xrange [2:3000]\n"
	     LOSSES("10"));
	plot(output, "bytes", "What a member sends",
	     "set xlabel 'members'\nset ylabel 'bytes sent per member and second'\nset logscale xy\nset xrange "
	     "[2:3000]\n"
	     LOSSES("11"));
	say(output,
	    "Published, no loss: Corrosion's Plumtree simulator, N = 2000: full mesh p50 119, p99 173, at most 226 "
	    "ms, 4.0 duplicates per delivery; the same project's former SWIM gossip, N = 500: p99 338 ms, 37.8 "
	    "duplicates; Serf's model, N = 1000: 99 %% of the members after 1.6 s, 16 sends per member and message.");
}
