/* SPDX-License-Identifier: MIT */
/*
 * Signalling an eventfd whose description somebody hostile has, too.
 *
 * An eventfd cannot be reopened: all who have it share its O_NONBLOCK. So a peer
 * may clear that and fill the counter, and a write() would wait for as long as
 * the peer likes. Here the kernel adds the one, as at the end of an asynchronous
 * read, and that never waits.
 */
#ifndef TANDEM_HV_BASE_EVSIGNAL_H
#define TANDEM_HV_BASE_EVSIGNAL_H

struct evsignal;

/* NULL: out of memory or descriptors, or the kernel has no such thing. */
struct evsignal *evsignal_new(void);
void evsignal_free(struct evsignal *s);

/* Adds one to an eventfd. Any thread. Cannot fail but for memory. */
void evsignal_send(struct evsignal *s, int eventfd);

/* Takes what an eventfd has, without waiting, whatever its O_NONBLOCK says.
 * 0, or -errno: -EAGAIN nothing. */
int eventfd_take(int eventfd);

#endif
