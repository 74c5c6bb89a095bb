/* SPDX-License-Identifier: MIT */
/* tandem top: what the domains do, again and again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tools/cmds.h"
#include "tools/top.h"

#define FIRST_MS 500 /* until a person sees something */

static void sleep_ms(uint32_t ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static int print_rows(struct top_row *rows, size_t n)
{
	char line[TOP_LINE_MAX];

	top_head_text(line, 0);
	puts(line);
	for (size_t i = 0; i < n; i++) {
		top_row_text(line, &rows[i], 0);
		puts(line);
	}
	return fflush(stdout) ? -errno : 0;
}

/* One round: the interval, then what happened in it. */
static int round_of(struct cli *c, bool seen, struct top_screen *screen,
		    struct top_sample s[2], enum top_wish *wish)
{
	struct top_row *rows;
	int err;

	if (!screen)
		sleep_ms(c->delay_ms);
	err = top_gather(c, seen, &s[1]);
	if (err)
		return err;
	rows = top_rows(&s[0], &s[1]);
	if (!rows)
		return -ENOMEM;
	if (screen)
		*wish = top_screen_run(screen, rows, s[1].ndomains, c->delay_ms);
	else
		err = print_rows(rows, s[1].ndomains);
	free(rows);
	return err;
}

static void swap(struct top_sample s[2])
{
	struct top_sample old = s[0];

	s[0] = s[1];
	s[1] = old;
}

static int watch(struct cli *c, struct top_screen *screen)
{
	const bool seen = top_sees_processes(c);
	struct top_sample s[2] = { 0 };
	enum top_wish wish = TOP_GO_ON;
	int err = top_gather(c, seen, &s[0]);

	if (screen)
		sleep_ms(c->delay_ms < FIRST_MS ? c->delay_ms : FIRST_MS);
	for (uint32_t i = 0; !err && wish == TOP_GO_ON && (!c->count || i < c->count);
	     i++) {
		err = round_of(c, seen, screen, s, &wish);
		swap(s);
	}
	top_sample_free(&s[0]);
	top_sample_free(&s[1]);
	return err;
}

static int run_top(struct cli *c)
{
	struct top_screen *screen = NULL;
	int err;

	if (cli_need_plat(c))
		return CLI_EXIT_FAILURE;
	if (!c->batch && top_screen_open(&screen))
		return cli_fail(c, "this is no terminal that it knows: --batch would be "
				   "right");
	err = watch(c, screen);
	top_screen_close(screen);
	return err ? cli_fail(c, "%s", cli_strerror(err)) : 0;
}

static const struct argp_option top_options[] = {
	{ "batch", CLI_BATCH, NULL, 0, "print lines of text, no screen", 0 },
	{ "count", CLI_COUNT, "N", 0, "end after N updates", 0 },
	{ "delay", CLI_DELAY, "SECONDS", 0, "between updates (3)", 0 },
	{ 0 },
};

const struct verb verbs_top[] = {
	{ .name = "top",
	  .args = "",
	  .summary = "show what the domains do",
	  .doc = "Keys: q ends it, s and S choose the column to sort by, the arrows "
		 "move, space "
		 "updates at once.",
	  .options = top_options,
	  .run = run_top },
	{ 0 },
};
