/* SPDX-License-Identifier: MIT */
/*
 * A backend that is killed and started again, at any moment, under a frontend
 * that must carry its requests through (frontends/front_step.c, backends/block/vbd.c).
 *
 * Both ends sleep until a watch fires, then read the other's state and take one
 * step. Between the reading and the writing anything may happen, STALE times;
 * if it happened for ever, the two could go on missing each other for ever. A new backend
 * may have smaller limits than the one before (`limit`): rings that were
 * published for the old one are then refused.
 *
 * Claims: every request is answered exactly once to the client; a ring is
 * served only in the generation in which it was published; whatever moments
 * the kills choose, all requests are answered in the end (no invalid end state,
 * and with fairness, `done`).
 *
 * Mutants, each of which must fail: NO_STALE_CLOSE (a new backend leaves its
 * predecessor's state as it is), NO_DEAD_CHANNEL (a backend does not notice that
 * the event channel of the rings it serves was closed: two stale readings can
 * leave both ends Connected with different rings), CONNECTED_ONLY (the frontend heeds Closed only
 * when Connected), NO_REPLAY (what was in flight is forgotten), OLD_RINGS (the
 * frontend believes answers of an earlier generation).
 */
#define KILLS    2
#define REQUESTS 2
#define STALE    4

mtype = { INITIALISING, INITWAIT, INITIALISED, CONNECTED, CLOSED };

mtype fe = INITIALISING;	/* in xenstore */
mtype be = INITIALISING;
byte limit = 0;			/* in xenstore: queues the backend offers */
byte ring_gen = 0;		/* in xenstore: which rings, and how large */
byte ring_queues = 0;
byte live_gen = 0;		/* whose event channels exist; 0: none */
bool fe_watch = true;		/* fired, not looked at yet */
bool be_watch = true;

byte kills = 0;
byte stale = STALE;
bool alive = false;		/* a backend process runs */
byte flight = 0;		/* requests in the ring of generation ring_gen */
byte answers = 0;		/* responses in it */
byte done = 0;			/* answered to the client */

/* ---- frontend; phase as in front_step.c */

mtype = { LOST, PUBLISHED, UP };
mtype phase = LOST;

inline fe_state(s)
{
	fe = s;
	be_watch = true
}

/* Nothing of the old rings counts any more; the shadows remember the rest. */
inline drop_rings()
{
#ifndef OLD_RINGS
	answers = 0;
#endif
	live_gen = 0;
	flight = 0
}

inline step_lost(seen)
{
	if
	:: seen == INITWAIT ->
		atomic { /* one transaction */
			ring_gen = ring_gen % 3 + 1; /* unlike any that is still mapped */
			live_gen = ring_gen;
			ring_queues = limit
		};
		atomic { fe_state(INITIALISED); phase = PUBLISHED }
	:: seen == INITIALISING || seen == CLOSED ->
		if
		:: fe != INITIALISING -> fe_state(INITIALISING)
		:: else
		fi
	:: seen == CONNECTED || seen == INITIALISED ->
		if
		:: fe != CLOSED -> fe_state(CLOSED)
		:: else
		fi
	fi
}

inline fe_step(seen)
{
	if
	:: phase == LOST -> step_lost(seen)
	:: phase == PUBLISHED && seen == CONNECTED ->
		atomic {
			fe_state(CONNECTED);
			phase = UP;
			/* replay: everything that is not answered */
#ifdef NO_REPLAY
			flight = (first -> REQUESTS : 0);
			first = false
#else
			flight = REQUESTS - done
#endif
		}
#ifdef CONNECTED_ONLY
	:: phase == PUBLISHED && seen == CLOSED -> skip
#else
	:: phase == PUBLISHED && seen == CLOSED ->
		atomic { drop_rings(); phase = LOST };
		step_lost(seen)
#endif
	:: phase == UP && seen != CONNECTED ->
		atomic { drop_rings(); phase = LOST };
		step_lost(seen)
	:: else
	fi
}

active proctype frontend()
{
	mtype be_seen;
#ifdef NO_REPLAY
	bool first = true;
#endif

	do
	:: atomic { fe_watch -> fe_watch = false; be_seen = be; fe_step(be_seen) }
	:: atomic { fe_watch && stale > 0 -> stale--; fe_watch = false };
		be_seen = be;
		fe_step(be_seen)
	:: atomic { phase == UP && answers > 0 -> answers--; done++ }
		assert(done <= REQUESTS)
	:: done == REQUESTS -> break
	od
}

/* ---- backend: each life is one run of this */

inline be_state(s)
{
	be = s;
	fe_watch = true
}

inline be_step(seen)
{
	if
	:: seen == INITIALISING && mapped == 0 && be != INITWAIT ->
		atomic { limit = max_queues; be_state(INITWAIT) }
	:: seen == INITIALISED && mapped == 0 && be == INITWAIT ->
		atomic { gen = ring_gen; queues = ring_queues };
		if
		:: queues > max_queues -> be_state(CLOSED)
		:: queues <= max_queues && live_gen != gen ->
			be_state(CLOSED) /* its channel is not there */
		:: queues <= max_queues && live_gen == gen ->
			mapped = gen;
			be_state(CONNECTED)
		fi
	:: (seen == INITIALISING || seen == CLOSED) && mapped != 0 ->
		/* the frontend let go: stop, then look again */
		atomic { mapped = 0; be_state(CLOSED); be_watch = true }
	:: else
	fi
}

proctype backend(byte max_queues)
{
	byte mapped = 0; /* generation of the rings it serves; 0: none */
	byte gen, queues;
	mtype fe_seen;

	/* vbd_start(): whoever was connected to a predecessor starts anew */
#ifndef NO_STALE_CLOSE
	if
	:: be != INITIALISING -> be_state(CLOSED)
	:: else
	fi;
#endif
	be_watch = true;
end:	do
	:: atomic { be_watch -> be_watch = false; fe_seen = fe; be_step(fe_seen) }
	:: atomic { be_watch && stale > 0 -> stale--; be_watch = false };
		fe_seen = fe;
		be_step(fe_seen)
#ifndef NO_DEAD_CHANNEL
	:: atomic { mapped != 0 && live_gen != mapped ->
			mapped = 0; be_state(CLOSED); be_watch = true }
#endif
	:: atomic { mapped != 0 && mapped == live_gen && flight > 0 ->
			flight--; answers++;
			assert(answers + flight + done <= REQUESTS) }
	:: atomic { kills < KILLS -> kills++; alive = false; break } /* kill -9 */
	od
}

active proctype supervisor()
{
	byte lives = 0;

end:	do
	:: atomic { lives <= KILLS && !alive ->
			alive = true; lives++ }
		/* the next may offer less, or more */
		if
		:: run backend(2)
		:: run backend(1)
		fi
	:: lives > KILLS -> break
	od
}

ltl answered { <> (done == REQUESTS) }
