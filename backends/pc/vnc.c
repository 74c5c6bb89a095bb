/* SPDX-License-Identifier: MIT */
/*
 * The server's thread, which draws and serves viewers; and the watch, which throws out
 * who holds it up.
 */
#include "backends/pc/vnc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backends/pc/vnc_int.h"

#define FRAME_MS    33
#define WATCH_MS    500
#define BPP	    4
#define MAX_WAIT_MS 1000 /* libvncserver's own patience, for a byte */

uint64_t vnc_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * PC_NS + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------- the picture */

/* 0x00RRGGBB in our byte order, which libvncserver forgets with each new size. */
static void format_set(rfbScreenInfoPtr rfb)
{
	rfb->serverFormat.depth = 24;
	rfb->serverFormat.redShift = 16;
	rfb->serverFormat.greenShift = 8;
	rfb->serverFormat.blueShift = 0;
	rfb->paddedWidthInBytes = VGA_MAX_WIDTH * BPP;
}

static void resized(struct vnc *n)
{
	const struct vga_screen *s = n->screen;
	rfbClientIteratorPtr i;
	rfbClientPtr cl;

	rfbNewFramebuffer(n->rfb, (char *)s->pixels, (int)s->width, (int)s->height, 8, 3,
			  BPP);
	format_set(n->rfb);
	i = rfbGetClientIterator(n->rfb);
	while ((cl = rfbClientIteratorNext(i)))
		n->rfb->setTranslateFunction(cl);
	rfbReleaseClientIterator(i);
}

static void draw(struct vnc *n)
{
	const struct vga_screen *s = n->screen;
	const uint64_t now = vnc_now();

	if (n->drawn && now - n->drawn < FRAME_MS * PC_NS / 1000)
		return;
	n->drawn = now;
	n->c.lock(n->c.arg);
	(void)vga_screen_update(n->screen);
	n->c.unlock(n->c.arg);
	if (s->nr_rects && s->resized) {
		resized(n);
		return;
	}
	for (unsigned i = 0; i < s->nr_rects; i++) {
		const struct vga_rect *r = &s->rect[i];
		sraRegionPtr region =
			sraRgnCreateRect((int)r->x, (int)r->y, (int)(r->x + r->width),
					 (int)(r->y + r->height));

		rfbMarkRegionAsModified(n->rfb, region);
		sraRgnDestroy(region);
	}
}

/* -------------------------------------------------------------------- the threads */

#define POLL_STOP   0
#define POLL_LISTEN 1
#define POLL_FIRST  2

static void *server_run(void *arg)
{
	struct vnc *n = arg;
	struct pollfd p[POLL_FIRST + VNC_MAX_VIEWERS] = {
		[POLL_STOP] = { .fd = n->stop_fd, .events = POLLIN },
		[POLL_LISTEN] = { .fd = n->listen_fd, .events = POLLIN },
	};

	for (;;) {
		bool alone = true;

		for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++) {
			const struct viewer *w = &n->viewer[i];

			p[POLL_FIRST + i] =
				(struct pollfd){ .fd = w->cl ? w->cl->sock : -1,
						 .events = POLLIN };
			alone &= !w->cl;
		}
		if (poll(p, POLL_FIRST + VNC_MAX_VIEWERS, alone ? -1 : FRAME_MS) < 0 &&
		    errno != EINTR)
			break;
		if (p[POLL_STOP].revents)
			break;
		if (p[POLL_LISTEN].revents) {
			const int sock = accept4(n->listen_fd, NULL, NULL, SOCK_CLOEXEC);

			if (sock >= 0)
				viewer_new(n, sock);
			alone = false;
		}
		if (!alone)
			draw(n);
		for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++)
			if (n->viewer[i].cl)
				viewer_serve(&n->viewer[i],
					     p[POLL_FIRST + i].fd >= 0 &&
						     p[POLL_FIRST + i].revents);
	}
	return NULL;
}

static void *watch_run(void *arg)
{
	struct vnc *n = arg;
	struct pollfd p = { .fd = n->stop_fd, .events = POLLIN };

	while (poll(&p, 1, WATCH_MS) <= 0) {
		pthread_mutex_lock(&n->lock);
		/* its reads and writes end at once */
		if (n->busy && vnc_now() - n->busy_since > VNC_PATIENCE * PC_NS)
			shutdown(n->busy->fd, SHUT_RDWR);
		pthread_mutex_unlock(&n->lock);
	}
	return NULL;
}

/* No signal is theirs; SIGPIPE becomes an error. */
static int threads_start(struct vnc *n)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&n->watch, NULL, watch_run, n);
	if (!err) {
		err = pthread_create(&n->server, NULL, server_run, n);
		if (err) {
			eventfd_write(n->stop_fd, 1);
			pthread_join(n->watch, NULL);
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

/* ------------------------------------------------------------------- the server */

static rfbScreenInfoPtr rfb_new(struct vnc *n)
{
	rfbScreenInfoPtr rfb = rfbGetScreen(NULL, NULL, (int)n->screen->width,
					    (int)n->screen->height, 8, 3, BPP);

	if (!rfb)
		return NULL;
	rfb->frameBuffer = (char *)n->screen->pixels;
	format_set(rfb);
	rfb->screenData = n;
	rfb->desktopName = n->name;
	rfb->alwaysShared = TRUE;
	rfb->cursor = NULL; /* the guest draws its own */
	rfb->deferUpdateTime = 0;
	rfb->maxClientWait = MAX_WAIT_MS;
	rfb->permitFileTransfer = FALSE;
	if (n->passwords[0]) {
		rfb->authPasswdData = n->passwords;
		rfb->passwordCheck = rfbCheckPasswordByList;
	}
	viewer_hooks(rfb);
	return rfb;
}

/* All but the threads. */
static void vnc_release(struct vnc *n)
{
	if (n->rfb) {
		rfbShutdownServer(n->rfb, TRUE);
		rfbScreenCleanup(n->rfb);
	}
	vga_screen_free(n->screen);
	if (n->passwords[0])
		explicit_bzero(n->passwords[0], strlen(n->passwords[0]));
	free(n->passwords[0]);
	free(n->name);
	if (n->stop_fd >= 0)
		close(n->stop_fd);
	close(n->listen_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

struct vnc *vnc_new(struct vga *v, int listen_fd, const struct vnc_config *c)
{
	struct vnc *n = calloc(1, sizeof(*n));

	if (!n) {
		close(listen_fd);
		return NULL;
	}
	n->c = *c;
	n->listen_fd = listen_fd;
	pthread_mutex_init(&n->lock, NULL);
	for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++)
		n->viewer[i].fd = -1;
	n->stop_fd = eventfd(0, EFD_CLOEXEC);
	n->name = strdup(c->name);
	n->passwords[0] = c->password ? strdup(c->password) : NULL;
	n->screen = vga_screen_new(v);
	if (n->stop_fd < 0 || !n->name || (c->password && !n->passwords[0]) || !n->screen)
		goto release;
	rfbLogEnable(FALSE);
	c->lock(c->arg);
	(void)vga_screen_update(n->screen);
	c->unlock(c->arg);
	n->rfb = rfb_new(n);
	if (n->rfb && !threads_start(n))
		return n;
release:
	vnc_release(n);
	return NULL;
}

void vnc_free(struct vnc *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stopping = true;
	for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++)
		if (n->viewer[i].fd >= 0)
			shutdown(n->viewer[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&n->lock);
	eventfd_write(n->stop_fd, 1);
	pthread_join(n->server, NULL);
	pthread_join(n->watch, NULL);
	vnc_release(n);
}
