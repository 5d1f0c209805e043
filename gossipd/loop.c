/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Watchers and nothing else. Every callback reads the clocks once and hands `now` down. The tick's timer is set anew
 * after each tick to the next one in mesh time, so a late tick is followed by the next regular one and never by a
 * burst.
 */
#include "loop.h"

#include <errno.h>
#include <ev.h>
#include <math.h>
#include <signal.h>
#include <time.h>

#include "control.h"
#include "notify.h"

#define STOP_TURNS_MAX 1024 /* 1024 x 256 datagrams leave at the most before we go */

struct loop {
	struct daemon *daemon;
	struct ev_loop *ev;
	ev_timer tick, turn, second, more;
	ev_io sockets[CONFIG_LISTEN_MAX], warnings, control, resolve;
	ev_signal terminate, interrupt, hangup;
	struct duration watchdog;
	struct instant watchdog_at; /* mono */
	ev_check woken; /* first of all callbacks of a turn */
	ev_prepare asleep; /* after the last */
	struct instant turn_begun, turn_cpu_begun;
	bool stopping;
};

static struct now read_now(const struct loop *loop)
{
	return mesh_clock_read(&loop->daemon->clock);
}

/*
 * What the core wants to do between ticks. The loop's clock stands still during a callback: it is brought up to date
 * first.
 */
static void set_turn(struct loop *loop, struct now now)
{
	struct instant due = node_next_turn(loop->daemon->node, now);
	struct duration wait = duration_between(now.mono, due);

	ev_timer_stop(loop->ev, &loop->turn);
	if (due.ns == INT64_MAX)
		return;
	ev_now_update(loop->ev);
	ev_timer_set(&loop->turn, wait.ns > 0 ? (double)wait.ns / NS_PER_S : 0., 0.);
	ev_timer_start(loop->ev, &loop->turn);
}

/* What every turn leaves behind: more to do now, events for those who follow. */
static void after_turn(struct loop *loop, struct now now)
{
	if (loop->daemon->pending && !ev_is_active(&loop->more)) {
		ev_timer_set(&loop->more, 0., 0.);
		ev_timer_start(loop->ev, &loop->more);
	}
	set_turn(loop, now);
	control_tell(loop->daemon->control, loop->daemon, now);
}

static void set_tick(struct loop *loop, struct now now)
{
	struct duration wait = duration_between(now.mesh, node_next_due(loop->daemon->node, now));

	ev_now_update(loop->ev);
	ev_timer_set(&loop->tick, wait.ns > 0 ? (double)wait.ns / NS_PER_S : 0., 0.);
	ev_timer_start(loop->ev, &loop->tick);
}

static void pet_watchdog(struct loop *loop, struct now now)
{
	if (loop->watchdog.ns == 0 || instant_is_before(now.mono, loop->watchdog_at))
		return;
	loop->watchdog_at = instant_after(now.mono, loop->watchdog);
	notify_send("WATCHDOG=1");
}

static void finish(struct loop *loop, struct now now)
{
	for (unsigned int turn = 0; loop->daemon->pending && turn < STOP_TURNS_MAX; turn++)
		daemon_drain(loop->daemon, now);
	ev_break(loop->ev, EVBREAK_ALL);
}

static bool has_left(const struct daemon *daemon, struct now now)
{
	return daemon->leave_at.ns != 0 && !instant_is_before(now.mono, daemon->leave_at);
}

static void on_tick(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct now now = read_now(loop);

	(void)ev, (void)events;
	/*
	 * The timer may run a little ahead of mesh time. A tick that is not through stays due: it goes on with the
	 * next turn.
	 */
	if (!instant_is_before(now.mesh, node_next_due(loop->daemon->node, now))) {
		const bool through = daemon_tick(loop->daemon, now);

		after_turn(loop, now);
		pet_watchdog(loop, now);
		if ((through && loop->stopping) || has_left(loop->daemon, now))
			finish(loop, now);
	}
	set_tick(loop, read_now(loop));
}

static void on_second(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct now now = read_now(loop);

	(void)events;
	daemon_second(loop->daemon, now);
	control_second(loop->daemon->control, now);
	after_turn(loop, now);
	if (loop->daemon->clock_watch.start_anew)
		ev_break(ev, EVBREAK_ALL);
}

static void on_more(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct now now = read_now(loop);

	(void)ev, (void)events;
	daemon_drain(loop->daemon, now);
	after_turn(loop, now);
}

static void on_turn(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct now now = read_now(loop);

	(void)ev, (void)events;
	node_turn(loop->daemon->node, now);
	daemon_drain(loop->daemon, now);
	after_turn(loop, now);
}

static void on_datagrams(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct now now = read_now(loop);

	(void)ev, (void)events;
	daemon_receive(loop->daemon, now, (unsigned int)(watcher - loop->sockets));
	after_turn(loop, now);
}

static void on_warnings(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct now now = read_now(loop);

	(void)ev, (void)events;
	daemon_warnings(loop->daemon, now);
	after_turn(loop, now);
}

static void on_control(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct loop *loop = watcher->data;

	(void)ev, (void)events;
	const struct now now = read_now(loop);

	control_turn(loop->daemon->control, loop->daemon, now);
	after_turn(loop, now);
}

static void on_resolve(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct now now = read_now(loop);

	(void)ev, (void)events;
	resolve_read(loop->daemon, now);
	if (loop->daemon->pending)
		daemon_drain(loop->daemon, now);
	after_turn(loop, now);
}

/* The first signal asks for an orderly end, the second for an end. */
static void on_stop(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct loop *loop = watcher->data;

	(void)events;
	if (loop->stopping)
		ev_break(ev, EVBREAK_ALL);
	loop->stopping = true;
	notify_send("STOPPING=1");
	log_info("stopping: %s", watcher->signum == SIGINT ? "interrupted" : "asked to terminate");
}

/* The file is read and checked whole; only then does anything change. */
static void on_hangup(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct problem problem;

	(void)ev, (void)events;
	if (daemon_reload(loop->daemon, read_now(loop), &problem)) {
		log_error("%s", problem.text);
		log_warning("config: not taken over; the old one stays in force");
		return;
	}
	log_info("config: log_level is %s, mode is %s, the policy has %u rules; every other setting is taken over at "
		 "the next start",
		 log_level_names[loop->daemon->config.log_level], loop->daemon->config.monitor ? "monitor" : "enforce",
		 loop->daemon->config.policy.document.rules_count);
}

static struct instant clock_of(clockid_t id)
{
	struct timespec at;

	clock_gettime(id, &at);
	return (struct instant){ at.tv_sec * NS_PER_S + at.tv_nsec };
}

/* How long the loop is held by all that was due at once. */
static void on_woken(struct ev_loop *ev, ev_check *watcher, int events)
{
	struct loop *loop = watcher->data;

	(void)ev, (void)events;
	loop->turn_begun = clock_of(CLOCK_MONOTONIC);
	loop->turn_cpu_begun = clock_of(CLOCK_THREAD_CPUTIME_ID);
}

static double ms_since(struct instant begun, clockid_t clock)
{
	return (double)duration_between(begun, clock_of(clock)).ns / NS_PER_MS;
}

static void on_asleep(struct ev_loop *ev, ev_prepare *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct daemon_counters *counters = &loop->daemon->counters;

	(void)ev, (void)events;
	if (loop->turn_begun.ns == 0)
		return; /* the first */
	counters->turn_ms_worst = fmax(counters->turn_ms_worst, ms_since(loop->turn_begun, CLOCK_MONOTONIC));
	counters->turn_cpu_ms_worst = fmax(counters->turn_cpu_ms_worst,
					   ms_since(loop->turn_cpu_begun, CLOCK_THREAD_CPUTIME_ID));
}

#define START(kind, watcher, callback, ...)                         \
	do {                                                        \
		ev_##kind##_init(watcher, callback, ##__VA_ARGS__); \
		(watcher)->data = loop;                             \
		ev_##kind##_start(loop->ev, watcher);               \
	} while (0)

static void start_watchers(struct loop *loop)
{
	struct daemon *daemon = loop->daemon;
	unsigned int sockets = daemon->udp ? udp_sockets(daemon->udp) : 0;

	ev_check_init(&loop->woken, on_woken);
	ev_set_priority(&loop->woken, EV_MAXPRI); /* before the others of its turn */
	loop->woken.data = loop;
	ev_check_start(loop->ev, &loop->woken);
	START(prepare, &loop->asleep, on_asleep);
	START(timer, &loop->tick, on_tick, 0., 0.);
	START(timer, &loop->second, on_second, 0., 1.);
	for (unsigned int i = 0; i < sockets; i++)
		START(io, &loop->sockets[i], on_datagrams, udp_fd(daemon->udp, i), EV_READ);
	if (table_warnings_fd(daemon->table) >= 0)
		START(io, &loop->warnings, on_warnings, table_warnings_fd(daemon->table), EV_READ);
	if (daemon->resolve.running)
		START(io, &loop->resolve, on_resolve, daemon->resolve.fd, EV_READ);
	START(io, &loop->control, on_control, control_fd(daemon->control), EV_READ);
	START(signal, &loop->terminate, on_stop, SIGTERM);
	START(signal, &loop->interrupt, on_stop, SIGINT);
	START(signal, &loop->hangup, on_hangup, SIGHUP);
	ev_timer_init(&loop->more, on_more, 0., 0.);
	loop->more.data = loop;
	ev_timer_init(&loop->turn, on_turn, 0., 0.);
	loop->turn.data = loop;
}

static void let_signals_in(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int loop_run(struct daemon *daemon)
{
	static struct loop loop;

	loop = (struct loop){ .daemon = daemon, .ev = ev_default_loop(EVFLAG_AUTO), .watchdog = notify_watchdog() };
	if (!loop.ev)
		return -ENOMEM;
	signal(SIGPIPE, SIG_IGN);
	start_watchers(&loop);
	let_signals_in();
	notify_send("READY=1");
	ev_run(loop.ev, 0);
	ev_loop_destroy(loop.ev);
	return 0;
}
