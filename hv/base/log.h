/* SPDX-License-Identifier: MIT */
/*
 * Log lines: one line each to stderr, "program: text". Never on a data path.
 */
#ifndef TANDEM_HV_BASE_LOG_H
#define TANDEM_HV_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above `level` are dropped; LOG_WARN at first, $TANDEM_LOG raises it. */
void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_err(...)  log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_dbg(...)  log_line(LOG_DEBUG, __VA_ARGS__)

/*
 * At most `*budget` lines for one cause that a peer controls; the last of them
 * says that it is the last. Not thread-safe beyond lost counts.
 */
#define log_limited(budget, level, ...)                 \
	do {                                            \
		if (*(budget) > 0 && (*(budget))-- > 0) \
			log_line(level, __VA_ARGS__);   \
	} while (0)

#endif
