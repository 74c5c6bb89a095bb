/* SPDX-License-Identifier: MIT */
/* The screen and the keys of tandem top. */
#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/clock.h"
#include "tools/top.h"

#define HEAD_LINES 2 /* the summary and the columns' names */

struct top_screen {
	SCREEN *term;
	unsigned sort, first; /* columns */
	size_t line;	      /* of the domains, the first that is shown */
};

int top_screen_open(struct top_screen **screen)
{
	struct top_screen *s;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->sort = TOP_CPU;
	s->term = newterm(NULL, stdout, stdin);
	if (!s->term) {
		free(s);
		return -ENOTTY;
	}
	/* cannot fail in a way that matters: a terminal may lack any of them */
	(void)cbreak();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	*screen = s;
	return 0;
}

void top_screen_close(struct top_screen *s)
{
	if (!s)
		return;
	(void)endwin(); /* cannot fail: it is open */
	delscreen(s->term);
	free(s);
}

/* ------------------------------------------------------------------------ show */

static unsigned in_state(const struct top_row *rows, size_t n, unsigned at, char letter)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += rows[i].state[at] == letter;
	return found;
}

static void put(int y, const char *line, bool reverse)
{
	/* cannot fail in a way that matters: a line that is not on the screen */
	(void)(reverse ? standout() : standend());
	(void)mvaddnstr(y, 0, line, COLS);
	(void)standend();
}

static void show(struct top_screen *s, struct top_row *rows, size_t n)
{
	const size_t room = LINES > HEAD_LINES ? (size_t)(LINES - HEAD_LINES) : 0;
	char line[TOP_LINE_MAX], clock[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		(void)strftime(clock, sizeof(clock), "%T", &tm);
	top_sort(rows, n, s->sort);
	if (s->line + room > n)
		s->line = n > room ? n - room : 0;
	(void)erase();
	snprintf(line, sizeof(line),
		 "tandem top %s  %zu domains: %u running, %u blocked, %u paused, %u "
		 "stopped, "
		 "%u crashed; by %s",
		 clock, n, in_state(rows, n, 0, 'r'), in_state(rows, n, 1, 'b'),
		 in_state(rows, n, 2, 'p'), in_state(rows, n, 3, 's'),
		 in_state(rows, n, 4, 'c'), top_column_name(s->sort));
	put(0, line, false);
	top_head_text(line, s->first);
	put(1, line, true);
	for (size_t i = 0; i < room && s->line + i < n; i++) {
		top_row_text(line, &rows[s->line + i], s->first);
		put((int)i + HEAD_LINES, line, false);
	}
	(void)refresh();
}

/* ------------------------------------------------------------------------ keys */

/* False: it wants no new look at the rows, but an update or an end. */
static bool serve_key(struct top_screen *s, int key, enum top_wish *wish)
{
	switch (key) {
	case 'q':
	case 'Q':
		*wish = TOP_QUIT;
		return false;
	case ' ':
		return false;
	case 's':
		s->sort = (s->sort + 1) % (TOP_NR_COLUMNS + 1);
		break;
	case 'S':
		s->sort = (s->sort + TOP_NR_COLUMNS) % (TOP_NR_COLUMNS + 1);
		break;
	case KEY_RIGHT:
		s->first += s->first + 1 < TOP_NR_COLUMNS;
		break;
	case KEY_LEFT:
		s->first -= s->first > 0;
		break;
	case KEY_DOWN:
		s->line++; /* show() knows where it ends */
		break;
	case KEY_UP:
		s->line -= s->line > 0;
		break;
	default:
		break;
	}
	return true;
}

enum top_wish top_screen_run(struct top_screen *s, struct top_row *rows, size_t n,
			     uint32_t ms)
{
	const int64_t end = clock_ms() + ms;
	enum top_wish wish = TOP_GO_ON;
	int64_t left;

	do {
		int key;

		show(s, rows, n);
		left = end - clock_ms();
		timeout(left > 0 ? (int)left : 0);
		key = getch();
		if (key == ERR && !isatty(STDIN_FILENO))
			return TOP_QUIT; /* the terminal has gone */
		if (key != ERR && !serve_key(s, key, &wish))
			return wish;
	} while (left > 0);
	return wish;
}
