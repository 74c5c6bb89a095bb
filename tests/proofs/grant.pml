/* SPDX-License-Identifier: MIT */
/*
 * Revoking a grant against mapping it (hv/plat/proc_gnttab.c, proc_map.c).
 *
 * mapper: one load of the entry; if it permits, compare-and-swap the flags to
 *     flags | reading (map), later clear reading (unmap)
 * granter: end_access: compare-and-swap the flags to invalid, unless reading
 *     is set (-EBUSY); then the page is its own and may be used for something
 *     else; later it is granted again
 *
 * Claim: the granter never reuses the page while the mapper has it mapped, and
 * no mark is left behind at the end.
 *
 * Mutants, each of which must fail: END_BLIND (end_access looks, then stores
 * without comparing), MAP_BLIND (map looks, then sets its mark without
 * comparing), END_IGNORES (end_access does not look at the marks).
 */
#define PERMIT  1
#define READING 8
#define ROUNDS  3

byte flags = PERMIT;
bool mapped = false; /* the mapper may touch the page */
bool reused = false; /* the granter keeps something else in it */

active proctype mapper()
{
	byte seen;
	byte i;

	for (i : 1 .. ROUNDS) {
		seen = flags;
		if
		:: (seen & PERMIT) == 0 -> skip /* -EACCES */
		:: else ->
#ifdef MAP_BLIND
			flags = seen | READING;
			mapped = true;
#else
			atomic {
				if
				:: flags == seen ->
					flags = seen | READING;
					mapped = true
				:: else -> skip /* changed: tries again or -EACCES */
				fi
			};
#endif
			if
			:: mapped ->
				assert(!reused);
				mapped = false;
				/* fetch_and: the rest of the flags is the granter's */
				flags = flags & ~READING
			:: else
			fi
		fi
	}
}

active proctype granter()
{
	byte seen;
	byte i;

	for (i : 1 .. ROUNDS) {
		seen = flags;
		if
#ifndef END_IGNORES
		:: (seen & READING) != 0 -> skip /* -EBUSY: hands off the page */
#endif
		:: else ->
#ifdef END_BLIND
			flags = 0;
			reused = true;
#else
			atomic {
				if
				:: flags == seen -> flags = 0; reused = true
				:: else -> skip
				fi
			};
#endif
			if
			:: reused ->
				assert(!mapped);
				reused = false;
				flags = PERMIT /* granted again */
			:: else
			fi
		fi
	}
}

/* In every state, not only where somebody looks. */
active proctype monitor()
{
end:	atomic { mapped && reused -> assert(false) }
}
