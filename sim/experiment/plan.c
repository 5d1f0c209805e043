/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Worlds of experiments: which runs when, and where. */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertion.h"
#include "world.h"

/* As measured, and a little more: what a member knows of each other one, and what it has room for of its own. */
#define KNOWN_BYTES 3000.0
#define KEY_BYTES 400.0
#define CELL_BYTES 16.0
#define FRAME_BYTES 1600.0
#define MEMORY_SHARE 0.9 /* of what the machine has to give */

enum point_state { POINT_WAITING, POINT_RUNNING, POINT_DONE };

struct point {
	struct scenario scenario;
	uint64_t seed;
	void (*read)(struct world *world, void *answer);
	size_t answer_bytes;
	void *answer; /* shared with the process that runs it */
	enum point_state state;
	pid_t process;
};

struct plan {
	struct point *points;
	unsigned int count, size, next; /* next: to be asked for */
	struct point **order;		/* the largest first */
	unsigned int jobs, running, done;
	bool failed;
};

struct plan *plan_open(unsigned int jobs)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		abort();
	plan->jobs = jobs;
	return plan;
}

void plan_declare(struct plan *plan, const struct scenario *scenario, uint64_t seed,
		  void (*read)(struct world *world, void *answer), size_t answer_bytes)
{
	struct point *point;

	if (plan->count == plan->size) {
		plan->size = plan->size ? 2 * plan->size : 64;
		plan->points = realloc(plan->points, plan->size * sizeof(*plan->points));
		if (!plan->points)
			abort();
	}
	point = &plan->points[plan->count++];
	*point = (struct point){ .scenario = *scenario, .seed = seed, .read = read, .answer_bytes = answer_bytes };
	point->answer = mmap(NULL, answer_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (point->answer == MAP_FAILED)
		abort();
}

/* ---- which is next ---- */

/* Not seconds, but in the order of them. */
static double cost(const struct point *point)
{
	return (double)point->scenario.members * point->scenario.members * point->scenario.duration_s;
}

static int dearer(const void *a, const void *b)
{
	const struct point *left = *(struct point *const *)a, *right = *(struct point *const *)b;

	if (cost(left) != cost(right))
		return cost(left) > cost(right) ? -1 : 1;
	return left < right ? -1 : 1;
}

static void set_order(struct plan *plan)
{
	plan->order = calloc(plan->count, sizeof(struct point *));
	if (!plan->order)
		abort();
	for (unsigned int i = 0; i < plan->count; i++)
		plan->order[i] = &plan->points[i];
	if (plan->jobs > 1) /* alone, each row is written when its world has run */
		qsort(plan->order, plan->count, sizeof(struct point *), dearer);
}

static double memory_of(const struct point *point)
{
	const struct scenario *s = &point->scenario;

	return s->members * (s->members * KNOWN_BYTES + s->keys_max * KEY_BYTES + s->cells_max * CELL_BYTES +
			     s->frames_max * FRAME_BYTES);
}

/* What a process holds by now. 0: it ended. */
static double resident_bytes(pid_t process)
{
	unsigned long pages = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)process);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* 0: not known. */
static double available_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long kib = 0;
	char line[128];

	while (file && kib == 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %lu kB", &kib) != 1)
			kib = 0;
	}
	if (file)
		fclose(file);
	return 1024.0 * (double)kib;
}

/* Beside what those that run will have grown to. */
static bool fits(const struct plan *plan, const struct point *point)
{
	double room = available_bytes(), wanted = memory_of(point);

	if (plan->running == 0)
		return true;
	for (unsigned int i = 0; i < plan->count; i++) {
		if (plan->points[i].state != POINT_RUNNING)
			continue;
		room += resident_bytes(plan->points[i].process);
		wanted += memory_of(&plan->points[i]);
	}
	return wanted <= MEMORY_SHARE * room;
}

/* ---- their processes ---- */

static void name_point(const struct point *point, FILE *out)
{
	fprintf(out, "%s: %d members, %s, loss %g, seed %llu", point->scenario.name, point->scenario.members,
		sharing_names[point->scenario.sharing], point->scenario.loss, (unsigned long long)point->seed);
}

static int run(const struct point *point)
{
	struct world *world = world_open(&point->scenario, point->seed, BREAK_NOTHING);
	bool failed;

	world_run(world, point->scenario.duration_s, NULL);
	failed = world->check.failed;
	point->read(world, point->answer);
	return failed ? 1 : 0; /* not closed: the process ends */
}

static void start(struct plan *plan, struct point *point)
{
	const pid_t parent = getpid();

	fflush(NULL);
	point->process = fork();
	if (point->process < 0) {
		fprintf(stderr, "xpro-sim: --jobs: %s\n", strerror(errno));
		exit(1);
	}
	if (point->process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* none goes on for a parent that is gone */
		_exit(getppid() == parent ? run(point) : 1);
	}
	point->state = POINT_RUNNING;
	plan->running++;
}

static void start_what_fits(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->count && plan->running < plan->jobs; i++) {
		struct point *point = plan->order[i];

		if (point->state == POINT_WAITING && fits(plan, point))
			start(plan, point);
	}
}

static void end(struct plan *plan, struct point *point, int status)
{
	point->state = POINT_DONE;
	plan->running--;
	plan->done++;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	fputs("xpro-sim: ", stderr);
	name_point(point, stderr);
	fprintf(stderr,
		WIFSIGNALED(status) ? ": its process died of signal %d\n"
				    : ": its process ended with %d: a check failed\n",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	memset(point->answer, 0xff, point->answer_bytes); /* a NAN in each double */
	plan->failed = true;
}

static void wait_for_one(struct plan *plan)
{
	int status;
	const pid_t process = wait(&status);

	ASSERT(process > 0);
	for (unsigned int i = 0; i < plan->count; i++) {
		if (plan->points[i].state == POINT_RUNNING && plan->points[i].process == process)
			end(plan, &plan->points[i], status);
	}
}

void plan_answer(struct plan *plan, const struct scenario *scenario, uint64_t seed, size_t answer_bytes,
		 void *ret_answer)
{
	struct point *point = &plan->points[plan->next];

	ASSERT(plan->next < plan->count);
	plan->next++;
	ASSERT(scenario->members == point->scenario.members && strcmp(scenario->name, point->scenario.name) == 0);
	ASSERT(seed == point->seed && answer_bytes == point->answer_bytes);
	if (!plan->order)
		set_order(plan);
	while (point->state != POINT_DONE) {
		start_what_fits(plan);
		if (isatty(STDERR_FILENO)) {
			fprintf(stderr, "\r\033[K%u of %u worlds, %u running; waiting for ", plan->done, plan->count,
				plan->running);
			name_point(point, stderr);
		}
		wait_for_one(plan);
	}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	start_what_fits(plan); /* while the answer is written down */
	memcpy(ret_answer, point->answer, answer_bytes);
}

bool plan_close(struct plan *plan)
{
	const bool good = !plan->failed;

	ASSERT(plan->running == 0);
	for (unsigned int i = 0; i < plan->count; i++)
		munmap(plan->points[i].answer, plan->points[i].answer_bytes);
	free(plan->points);
	free(plan->order);
	free(plan);
	return good;
}
