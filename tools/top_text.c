/* SPDX-License-Identifier: MIT */
/* Rows of tandem top as text: the same in a terminal and in a file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/top.h"

#define NAME_WIDTH 16

static const struct {
	const char *name;
	int width, digits;
} columns[TOP_NR_COLUMNS] = {
	[TOP_ID] = { "ID", 5, 0 },
	[TOP_CPU_SECONDS] = { "CPU(sec)", 9, 1 },
	[TOP_CPU] = { "CPU(%)", 6, 1 },
	[TOP_RESIDENT] = { "RES(k)", 8, 0 },
	[TOP_TARGET] = { "TARGET(k)", 9, 0 },
	[TOP_VCPUS] = { "VCPUS", 5, 0 },
	[TOP_VBDS] = { "VBDS", 4, 0 },
	[TOP_READS] = { "RD/s", 8, 0 },
	[TOP_WRITES] = { "WR/s", 8, 0 },
	[TOP_READ_KIB] = { "RD(k/s)", 9, 0 },
	[TOP_WRITE_KIB] = { "WR(k/s)", 9, 0 },
	[TOP_VIFS] = { "VIFS", 4, 0 },
	[TOP_TX] = { "TX/s", 8, 0 },
	[TOP_RX] = { "RX/s", 8, 0 },
	[TOP_TX_KIB] = { "TX(k/s)", 9, 0 },
	[TOP_RX_KIB] = { "RX(k/s)", 9, 0 },
	[TOP_EXITS] = { "EXITS/s", 8, 1 },
};

static int column_width(unsigned column)
{
	return column < TOP_FIRST_EXIT ? columns[column].width : 8;
}

const char *top_column_name(unsigned column)
{
	if (column >= TOP_NR_COLUMNS)
		return "NAME";
	return column < TOP_FIRST_EXIT ? columns[column].name
				       : vm_exit_name(column - TOP_FIRST_EXIT);
}

/* Appends; what does not fit is left out. */
static void append(char line[TOP_LINE_MAX], const char *text, int width)
{
	size_t len = strlen(line);

	snprintf(line + len, TOP_LINE_MAX - len, " %*s", width, text);
}

void top_head_text(char line[TOP_LINE_MAX], unsigned first)
{
	snprintf(line, TOP_LINE_MAX, "%-*s %-6s", NAME_WIDTH, "NAME", "STATE");
	for (unsigned i = first; i < TOP_NR_COLUMNS; i++)
		append(line, top_column_name(i), column_width(i));
}

void top_row_text(char line[TOP_LINE_MAX], const struct top_row *row, unsigned first)
{
	char name[HVCALL_NAME_MAX], text[32];

	snprintf(name, sizeof(name), "%s", row->name);
	cli_clean(name);
	snprintf(line, TOP_LINE_MAX, "%-*s %-6s", NAME_WIDTH, name, row->state);
	for (unsigned i = first; i < TOP_NR_COLUMNS; i++) {
		if (isnan(row->value[i]))
			snprintf(text, sizeof(text), "-");
		else
			snprintf(text, sizeof(text), "%.*f",
				 i < TOP_FIRST_EXIT ? columns[i].digits : 1,
				 row->value[i]);
		append(line, text, column_width(i));
	}
}
