/* SPDX-License-Identifier: MIT */
/*
 * The notification rule of ringproto/ring.h under a store-buffer memory
 * model (x86-TSO: a store may wait in its CPU's buffer while later loads of
 * the same CPU already read memory).
 *
 * publisher: ring_front_push() / ring_back_push()
 *     store prod; full fence; load event; notify if the push passed it
 * sleeper: ring_back_arm() / ring_front_arm()
 *     store event = cons + 1; full fence; load prod; sleep if nothing is there
 *
 * Claim: nobody sleeps for ever while something is published. A lost wake-up
 * is an end state in which the sleeper has not seen everything: spin reports
 * it as an invalid end state.
 *
 * Indexes are 3 bits and start near their end, so that they wrap. The slots
 * themselves need no model: release and acquire of prod order them.
 *
 * Mutants, each of which must fail: NO_FENCE_PUBLISH, NO_FENCE_ARM,
 * NO_RECHECK (arm, then sleep without a second look), EVENT_LATE (event one too
 * far), NOTIFY_STRICT (the comparison one too strict).
 */
#define MASK  7
#define START 6
#define N     5 /* items to publish */

byte prod = START;  /* in memory */
byte event = START + 1;
bool wake = false;  /* the event channel: events merge */

/* what each CPU has stored and memory has not seen yet */
chan prod_buffer = [2] of { byte };
chan event_buffer = [2] of { byte };

proctype prod_cpu()
{
	byte v;

end:	do
	:: atomic { prod_buffer ? v -> prod = v }
	od
}

proctype event_cpu()
{
	byte v;

end:	do
	:: atomic { event_buffer ? v -> event = v }
	od
}

proctype publisher()
{
	byte old = START;
	byte pvt = START;
	byte seen;
	byte left = N;

	do
	:: left > 0 ->
		/* fills one slot or several, then pushes */
		do
		:: left > 0 -> pvt = (pvt + 1) & MASK; left--
		:: pvt != old -> break
		od;
		prod_buffer ! pvt;
#ifndef NO_FENCE_PUBLISH
		empty(prod_buffer);
#endif
		seen = event;
#ifdef NOTIFY_STRICT
		if
		:: ((pvt - seen) & MASK) + 1 < ((pvt - old) & MASK) -> wake = true
		:: else
		fi;
#else
		if
		:: ((pvt - seen) & MASK) < ((pvt - old) & MASK) -> wake = true
		:: else
		fi;
#endif
		old = pvt
	:: left == 0 -> break
	od
}

proctype sleeper()
{
	byte cons = START;
	byte seen;

	do
	:: ((START + N - cons) & MASK) == 0 -> break /* has seen everything */
	:: else ->
		seen = prod;
		if
		:: seen != cons -> cons = seen
		:: else ->
#ifdef EVENT_LATE
			event_buffer ! ((cons + 2) & MASK);
#else
			event_buffer ! ((cons + 1) & MASK);
#endif
#ifndef NO_FENCE_ARM
			empty(event_buffer);
#endif
#ifndef NO_RECHECK
			seen = prod;
#endif
			if
			:: seen != cons -> cons = seen
			:: else ->
				/* asleep; a lost wake-up ends here */
				atomic { wake -> wake = false }
			fi
		fi
	od
}

init {
	atomic {
		run prod_cpu();
		run event_cpu();
		run publisher();
		run sleeper()
	}
}
