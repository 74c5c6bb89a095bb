/* SPDX-License-Identifier: MIT */
/* What a test's own process says on stderr meanwhile. */
#ifndef TANDEM_TESTS_LIB_HEARD_H
#define TANDEM_TESTS_LIB_HEARD_H

#include <stddef.h>

/* From here on stderr is kept. Returns what heard_end() wants back. */
int heard_begin(void);
/* stderr as it was; what was said meanwhile, and its lines counted. */
unsigned heard_end(int keep, char *text, size_t size);

#endif
