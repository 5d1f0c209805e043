/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Batches of seeds, on one processor or several: a process runs every so many-th seed, and what each seed says is
 * printed in order.
 */
#include "swarm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "swarm_plan.h"

#define BATCH_REACHES 200 /* a batch this large must have reached every situation */

/* Of a batch so many seeds may end with a known gap. */
static const double gap_shares[GAP_COUNT] = {
	[GAP_QUARANTINED] = 0.05,
	[GAP_OUTSIDE] = 0.01,
	[GAP_EARLIER_START] = 0.015,
	[GAP_BEFORE_HEAL] = 0.005,
};

struct batch {
	uint64_t outcomes[OUTCOME_COUNT], reached[REACHED_COUNT], gaps[GAP_COUNT]; /* gaps: seeds */
	struct samples agreements;						   /* seconds */
};

static void batch_add(struct batch *batch, const struct seed_result *result)
{
	batch->outcomes[result->outcome]++;
	if (result->outcome == OUTCOME_PASSED)
		samples_add(&batch->agreements, result->took_s);
	for (unsigned int i = 0; i < GAP_COUNT; i++)
		batch->gaps[i] += result->gaps[i] > 0;
	for (unsigned int i = 0; i < REACHED_COUNT; i++)
		batch->reached[i] += result->reached[i];
}

static bool batch_is_sound(const struct batch *batch, uint64_t seeds)
{
	bool sound = batch->outcomes[OUTCOME_FAILED] == 0;

	for (unsigned int i = 0; i < REACHED_COUNT; i++) {
		if (seeds < BATCH_REACHES || batch->reached[i] > 0)
			continue;
		printf("never reached: %s\n", reached_names[i]);
		sound = false;
	}
	for (unsigned int i = 0; i < GAP_COUNT; i++) {
		if (seeds < BATCH_REACHES || (double)batch->gaps[i] <= gap_shares[i] * (double)seeds)
			continue;
		printf("more than %.1f %% of seeds ended with a gap: %s\n", 100 * gap_shares[i], gap_names[i]);
		sound = false;
	}
	return sound;
}

static void batch_print(struct batch *batch, uint64_t seeds)
{
	printf("situations reached:");
	for (unsigned int i = 0; i < REACHED_COUNT; i++)
		printf("%s %s %llu", i ? "," : "", reached_names[i], (unsigned long long)batch->reached[i]);
	printf("\n%llu seeds: %llu byte-equal, %llu equal but for known gaps, %llu with too little room, %llu failed; "
	       "agreement after p50 %.1f, p99 %.1f, at most %.1f s\n",
	       (unsigned long long)seeds, (unsigned long long)batch->outcomes[OUTCOME_PASSED],
	       (unsigned long long)batch->outcomes[OUTCOME_GAPS], (unsigned long long)batch->outcomes[OUTCOME_TIGHT],
	       (unsigned long long)batch->outcomes[OUTCOME_FAILED], samples_percentile(&batch->agreements, 0.5),
	       samples_percentile(&batch->agreements, 0.99), samples_percentile(&batch->agreements, 1));
	printf("seeds with a gap:");
	for (unsigned int i = 0; i < GAP_COUNT; i++)
		printf("%s %s %llu", i ? "," : "", gap_names[i], (unsigned long long)batch->gaps[i]);
	putchar('\n');
}

/* ---- several processes ---- */

struct job {
	pid_t process;
	FILE *said; /* what it has to say, seed by seed: a result, the size of a text, the text */
};

/* Runs every jobs-th seed from `seed` on, and says so. */
static void job_run(const struct swarm_options *options, uint64_t seed, FILE *out)
{
	for (; seed <= options->last && seed >= options->first; seed += options->jobs) {
		struct seed_result result;
		char *text = NULL;
		size_t size = 0;
		FILE *said = open_memstream(&text, &size);

		if (!said)
			abort();
		swarm_seed(seed, options, said, &result);
		fclose(said);
		fwrite(&result, sizeof(result), 1, out);
		fwrite(&size, sizeof(size), 1, out);
		fwrite(text, 1, size, out);
		fflush(out);
		free(text);
	}
}

static void job_start(const struct swarm_options *options, uint64_t seed, struct job *ret_job)
{
	int ends[2];

	if (pipe(ends) != 0 || (ret_job->process = fork()) < 0) {
		fprintf(stderr, "xpro-sim: --jobs: %s\n", strerror(errno));
		exit(1);
	}
	if (ret_job->process == 0) {
		close(ends[0]);
		job_run(options, seed, fdopen(ends[1], "w"));
		_exit(0);
	}
	close(ends[1]);
	ret_job->said = fdopen(ends[0], "r");
	if (!ret_job->said)
		abort();
}

static int job_end(struct job *job)
{
	int status = 0;

	fclose(job->said);
	waitpid(job->process, &status, 0);
	return status;
}

/* What a job says of its next seed. False: it died over it. */
static bool job_read(struct job *job, struct seed_result *ret_result)
{
	char part[4096];
	size_t left;

	if (fread(ret_result, sizeof(*ret_result), 1, job->said) != 1 || fread(&left, sizeof(left), 1, job->said) != 1)
		return false;
	while (left > 0) {
		const size_t got = fread(part, 1, left < sizeof(part) ? left : sizeof(part), job->said);

		if (got == 0)
			return false;
		fwrite(part, 1, got, stdout);
		left -= got;
	}
	fflush(stdout);
	return true;
}

/* An ASSERT of the core, most likely: what it said stands on stderr. The seeds after it are still run. */
static void job_died(const struct swarm_options *options, uint64_t seed, struct job *job,
		     struct seed_result *ret_result)
{
	const int status = job_end(job);

	printf("seed %llu\n  FAILED the simulator itself ended (%s %d)\n  to repeat: build/bin/xpro-sim swarm --seeds "
	       "%llu..%llu\n",
	       (unsigned long long)seed, WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (unsigned long long)seed,
	       (unsigned long long)seed);
	fflush(stdout);
	*ret_result = (struct seed_result){ .outcome = OUTCOME_FAILED };
	job_start(options, seed + options->jobs, job);
}

static void run_jobs(const struct swarm_options *options, struct batch *batch)
{
	struct job jobs[SWARM_JOBS_MAX];
	struct seed_result result;

	for (uint64_t i = 0; i < options->jobs; i++)
		job_start(options, options->first + i, &jobs[i]);
	for (uint64_t i = 0; i <= options->last - options->first; i++) {
		struct job *job = &jobs[i % options->jobs];

		if (options->progress)
			options->progress(i, options->last - options->first + 1, batch->outcomes[OUTCOME_FAILED]);
		if (!job_read(job, &result))
			job_died(options, options->first + i, job, &result);
		batch_add(batch, &result);
	}
	for (uint64_t i = 0; i < options->jobs; i++)
		job_end(&jobs[i]);
}

static void run_alone(const struct swarm_options *options, struct batch *batch)
{
	struct seed_result result;

	for (uint64_t i = 0; i <= options->last - options->first; i++) {
		if (options->progress)
			options->progress(i, options->last - options->first + 1, batch->outcomes[OUTCOME_FAILED]);
		swarm_seed(options->first + i, options, stdout, &result);
		batch_add(batch, &result);
	}
}

bool swarm_run(const struct swarm_options *options)
{
	const uint64_t seeds = options->last - options->first + 1;
	struct batch batch = { .outcomes = { 0 } };
	bool sound;

	if (options->jobs > 1)
		run_jobs(options, &batch);
	else
		run_alone(options, &batch);
	batch_print(&batch, seeds);
	sound = batch_is_sound(&batch, seeds);
	samples_free(&batch.agreements);
	return sound;
}
