/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must always hold, looked at after every event, and what must hold in the end. The join of a cell into a
 * ledger and the noting of a frame are watched where they happen (--wrap in the Makefile), so that nothing gets into
 * a core unseen. A failed check is kept with its time, member and words; the run ends there.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "kernel.h"
#include "network.h"
#include "node.h"
#include "tally.h"

struct cell;
struct flow;
struct proxy;
struct world;

/* Situations a batch of random runs must have been in, or it has proved nothing. */
enum reached {
	REACHED_LOSS,
	REACHED_REPLAY_REFUSED,
	REACHED_FORGERY_REFUSED,
	REACHED_FRAME_REPAIRED,
	REACHED_PARTITION,
	REACHED_PARTITION_LONG, /* longer than the retention of slots */
	REACHED_ONE_WAY,
	REACHED_CLOG,
	REACHED_CRASH,
	REACHED_TABLE_LOST,
	REACHED_PAUSE,
	REACHED_SKEWED,
	REACHED_SILENT,
	REACHED_STALE_SLOT, /* a cell of a slot not held was refused */
	REACHED_BUDGET,	    /* own cells waited for the next tick */
	REACHED_QUOTA,
	REACHED_PAIR_DROP,
	REACHED_DESTINATION_DROP,
	REACHED_TABLE_FULL, /* a pair found no room in a kernel's table */
	REACHED_SWIZZLE,
	REACHED_SUSPEND,
	REACHED_CLOCK_JUMP, /* and a daemon started with it */
	REACHED_TIME_BACK,  /* to before what had been told */
	REACHED_LIE,	      /* told, of any kind */
	REACHED_EQUIVOCATION, /* two frames with one sequence were seen */
	REACHED_CORE_SMALLER, /* the core that was healed was not everybody */
	REACHED_HEADS_FULL,   /* a destination found no room in a kernel's table */
	REACHED_COARSE_DROP,  /* a coarse entry dropped a packet */
	REACHED_HEAD_SLOW,    /* a record gave way */
	REACHED_CLAIM_REFUSED, /* a member's word was not worth a record any more */
	REACHED_CLIENT_QUOTA, /* a client had records of as many pairs as it may */
	REACHED_ANSWER,
	REACHED_FOREIGN, /* a source that is no client's was dropped */
	REACHED_UNTOLD, /* a cell that nobody needed was told to nobody */
	REACHED_SUM_JUDGED, /* a client or network, by its sum */
	REACHED_SUM_AGED, /* one whose window goes further back than a slot */
	REACHED_COUNT
};
extern const char *const reached_names[REACHED_COUNT];

/* Ways to misbehave beyond the rules, to prove that the checks can fail. */
enum breaking {
	BREAK_NOTHING,
	BREAK_OVERCOUNT, /* a member's daemon claims one packet too many */
	BREAK_SHRINK,	 /* a count in a ledger gets smaller */
	BREAK_FORGET,	 /* a count in a ledger is changed when all is quiet */
	BREAK_RESURRECT, /* a cell of a forgotten slot is joined */
	BREAK_REPLAY,	 /* a member forgets what it has already opened */
	BREAK_FORGERY,	 /* a datagram no member sent is opened */
	BREAK_DEAF,	 /* the network never heals for one member of the core */
	BREAK_DROP,	 /* a filter drops clients far below their rate */
	BREAK_UNJUDGED,	 /* a packet that finds no record of its destination counts nowhere */
	BREAK_HOARD,	 /* others' word takes any room there is in a kernel's tables */
	BREAK_SUM,	 /* a member's daemon adds one packet too many to the sums of clients and networks */
	BREAK_MUTE,	 /* a member forgets which of its cells it has to tell */
	BREAK_PRETEND,	 /* cells count as told that are in no frame */
	BREAK_STALE,	 /* a member judges sums by what it remembers of their older slots, which have changed since */
	BREAK_COUNT
};
extern const char *const breaking_names[BREAK_COUNT];

/* Known gaps: why two ledgers may differ for good (sim/README.md). */
enum gap {
	GAP_QUARANTINED,   /* a cell of an origin that was proved to equivocate: it counts in no verdict */
	GAP_OUTSIDE,	   /* a cell of a member outside the core, which nobody can ask for it any more */
	GAP_EARLIER_START, /* a cell that an earlier start of its origin had published */
	GAP_BEFORE_HEAL,   /* another cell older than the heal */
	GAP_COUNT,
	GAP_NONE = GAP_COUNT
};
extern const char *const gap_names[GAP_COUNT];

/* Keys of a core of which a cell was joined since its last tick. */
#define CHECK_NOTED_MAX 256
struct check_noted {
	uint32_t numbers[CHECK_NOTED_MAX], count; /* more than that are counted, and not looked at */
};

struct check {
	bool on, failed;
	char text[512];
	enum breaking breaking;
	struct proxy *inside; /* whose core is being called */
	struct tally truth, seen;
	/* of sums: what their records gained; other than 0: not all of it can be in the sum */
	struct tally gains, inexact;
	uint64_t joins, reached[REACHED_COUNT];
	uint64_t above_truth; /* cells of honest members that hold more than they counted */
	uint64_t gaps[GAP_COUNT]; /* cells by which two ledgers differed in the end */
};

void check_fail(struct world *world, const struct proxy *proxy, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void check_enter(struct world *world, struct proxy *proxy);
void check_leave(struct world *world, struct proxy *proxy);
/* The member whose core is being called, or NULL; *ret_world is its world. */
struct proxy *check_caller(struct world **ret_world);
/* Around what is done with another core than the member's own. */
void check_outside(struct world *world);
void check_inside(struct world *world, struct proxy *proxy);
void check_harvest(struct world *world, struct proxy *proxy, struct kernel_record *record,
		   const struct harvest_cell *cell);
void check_receive(struct world *world, struct proxy *proxy, struct parcel *parcel, enum reject reason);
void check_datagram(struct world *world, const struct proxy *proxy, size_t size);
void check_change(struct world *world, const struct proxy *proxy, const struct change *change);
void check_drop(struct world *world, const struct proxy *proxy, double offered_rate, enum ruling reason);

#define SLOTS_REMEMBERED 64 /* of the truth: far more than any core may hold */
/* The oldest slot of which the truth is remembered. */
uint64_t slot_remembered(const struct world *world);

/*
 * I11: what sums hold. A gain of a client or network; `coarse`: counted by no record. A cell of a record that the
 * ledger did not take. What a cell of a sum must hold that its own proxy's ledger has just taken: from now on it is
 * the truth.
 */
void check_gain(struct world *world, const struct proxy *proxy, const struct key *key, uint64_t slot, uint32_t packets,
		bool coarse);
void check_unheld(struct world *world, const struct proxy *proxy, const struct key *key, uint64_t slot);
uint64_t sum_expected(struct world *world, const struct proxy *proxy, const struct cell *version);

/* I15: what the key of a change was judged by. */
void check_verdict(struct world *world, const struct proxy *proxy, struct now now, const struct change *change);

/* I9, after a packet; I10, after a tick. */
void check_judged(struct world *world, const struct proxy *proxy, const struct flow *flow, bool facing,
		  enum ruling ruling);
void check_tables(struct world *world, const struct proxy *proxy);

/* I13: a cell of this key was joined; after a tick, what it calls for was told. */
void check_told_note(struct proxy *proxy, uint32_t entry);
void check_told(struct world *world, struct proxy *proxy);
/* I14: is there no own cell that a rule says is to be told? If there is, *ret_text says which. */
bool check_nothing_owed(struct world *world, const struct proxy *proxy, char *ret_text, size_t size);

/*
 * Do all running members of `core` hold the same ledger, byte for byte, and in it exactly what the members of the
 * core counted? If not, *ret_text says what the first difference is. Not `strict`: but for known gaps, which are
 * counted in check.gaps; what differs by one must still not be above the truth.
 */
bool check_agreement(struct world *world, const bool *core, bool strict, char *ret_text, size_t size);
/* BREAK_FORGET: changes every count a core holds. */
void check_corrupt(struct proxy *proxy);

#endif
