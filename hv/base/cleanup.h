/* SPDX-License-Identifier: MIT */
/* Scope cleanup: variables that free or close themselves at the end of a scope. */
#ifndef TANDEM_HV_BASE_CLEANUP_H
#define TANDEM_HV_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define cleanup_free  __attribute__((cleanup(cleanup_free_)))
#define cleanup_close __attribute__((cleanup(cleanup_close_)))

/* Gives the descriptor or pointer away: the scope no longer owns it. */
#define take_fd(fd)                  \
	__extension__({              \
		int take_fd_ = (fd); \
		(fd) = -1;           \
		take_fd_;            \
	})
#define take_ptr(p)                            \
	__extension__({                        \
		__typeof__(p) take_ptr_ = (p); \
		(p) = NULL;                    \
		take_ptr_;                     \
	})

#endif
