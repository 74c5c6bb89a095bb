/* SPDX-License-Identifier: MIT */
/*
 * One viewer: what it may say, its keys and pointer, the size of the screen. libvncserver
 * speaks the protocol; this decides what reaches it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/pc/keysym.h"
#include "backends/pc/vnc_int.h"

/* ------------------------------------------------------------------------ input */

static void board_lock(struct vnc *n)
{
	n->c.lock(n->c.arg);
}

static void board_unlock(struct vnc *n)
{
	n->c.unlock(n->c.arg);
}

static void key(struct viewer *w, unsigned code, bool pressed)
{
	const struct pc_input *in = &w->n->c.input;
	const uint8_t bit = (uint8_t)(1u << code % 8);

	/* one that is not held cannot be let go: another viewer's, or none */
	if (!pressed && !(w->pressed[code / 8] & bit))
		return;
	if (pressed)
		w->pressed[code / 8] |= bit;
	else
		w->pressed[code / 8] &= (uint8_t)~bit;
	if (!in->ops->key)
		return;
	board_lock(w->n);
	in->ops->key(in->arg, code, pressed);
	board_unlock(w->n);
}

static void key_event(rfbBool down, rfbKeySym keysym, rfbClientPtr cl)
{
	const unsigned code = keysym_key(keysym, NULL);

	if (code)
		key(cl->clientData, code, down);
}

static unsigned place(int at, uint32_t size)
{
	return (unsigned)((uint64_t)at * (PC_INPUT_PLACES - 1) /
			  (size > 1 ? size - 1 : 1));
}

static int within(int at, uint32_t size)
{
	return at < 0 ? 0 : at >= (int)size ? (int)size - 1 : at;
}

/* RFC 6143's mask. */
static unsigned buttons(int mask)
{
	return (mask & 1 ? PC_BUTTON_LEFT : 0) | (mask & 2 ? PC_BUTTON_MIDDLE : 0) |
	       (mask & 4 ? PC_BUTTON_RIGHT : 0);
}

static void pointer(struct viewer *w, int mask, int x, int y)
{
	struct vnc *n = w->n;
	const struct pc_input *in = &n->c.input;
	const int pressed = mask & ~w->mask;
	/* 4 and 5 are the wheel: a click each time one goes down */
	const int dz = !!(pressed & 0x10) - !!(pressed & 0x8);

	board_lock(n);
	if (in->ops->pointer)
		in->ops->pointer(in->arg, x - n->x, y - n->y, dz, buttons(mask));
	if (in->ops->place)
		in->ops->place(in->arg, place(x, n->screen->width),
			       place(y, n->screen->height), dz, buttons(mask));
	board_unlock(n);
	w->mask = mask;
	n->x = x;
	n->y = y;
}

static void pointer_event(int mask, int x, int y, rfbClientPtr cl)
{
	struct viewer *w = cl->clientData;
	const struct vga_screen *s = w->n->screen;

	pointer(w, mask, within(x, s->width), within(y, s->height));
}

/* What libvncserver does by default writes to the log. */
static void cut_text(char *text, int len, rfbClientPtr cl)
{
	(void)text;
	(void)len;
	(void)cl;
}

/* --------------------------------------------------------------- coming and going */

/* It lets go of all that it holds, and of its place. */
static void viewer_gone(rfbClientPtr cl)
{
	struct viewer *w = cl->clientData;
	struct vnc *n = w->n;

	for (unsigned code = 0; code < KEY_CNT; code++)
		if (w->pressed[code / 8] >> code % 8 & 1)
			key(w, code, false);
	if (w->mask)
		pointer(w, 0, n->x, n->y);
	pthread_mutex_lock(&n->lock);
	close(w->fd);
	w->fd = -1;
	w->cl = NULL;
	pthread_mutex_unlock(&n->lock);
}

static enum rfbNewClientAction viewer_hook(rfbClientPtr cl)
{
	struct viewer *w = ((struct vnc *)cl->screen->screenData)->coming;

	cl->clientData = w;
	cl->clientGoneHook = viewer_gone;
	w->cl = cl;
	return RFB_CLIENT_ACCEPT;
}

void viewer_hooks(rfbScreenInfoPtr rfb)
{
	rfb->newClientHook = viewer_hook;
	rfb->kbdAddEvent = key_event;
	rfb->ptrAddEvent = pointer_event;
	rfb->setXCutText = cut_text;
	rfb->setXCutTextUTF8 = cut_text;
}

static struct viewer *viewer_free(struct vnc *n)
{
	for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++)
		if (n->viewer[i].fd < 0)
			return &n->viewer[i];
	return NULL;
}

/* Under the lock of those who may shut it down: from now on they can. */
static struct viewer *viewer_take(struct vnc *n, int sock)
{
	struct viewer *w;

	pthread_mutex_lock(&n->lock);
	w = n->stopping ? NULL : viewer_free(n);
	if (w) {
		memset(w, 0, sizeof(*w));
		w->n = n;
		w->since = n->busy_since = vnc_now();
		w->fd = fcntl(sock, F_DUPFD_CLOEXEC, 0);
		w = w->fd < 0 ? NULL : w;
		n->busy = w;
	}
	pthread_mutex_unlock(&n->lock);
	return w;
}

static void idle(struct vnc *n)
{
	pthread_mutex_lock(&n->lock);
	n->busy = NULL;
	pthread_mutex_unlock(&n->lock);
}

void viewer_new(struct vnc *n, int sock)
{
	struct viewer *w;
	char byte;

	/* libvncserver has it in an fd_set; and a viewer waits for our word: who speaks
	 * first wants web sockets */
	if (sock >= FD_SETSIZE || recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ||
	    !(w = viewer_take(n, sock))) {
		close(sock);
		return;
	}
	n->coming = w;
	if (!rfbNewClient(n->rfb, sock) && !w->cl) {
		/* it never came as far as the hook */
		pthread_mutex_lock(&n->lock);
		close(w->fd);
		w->fd = -1;
		pthread_mutex_unlock(&n->lock);
	} else if (w->cl && w->cl->wsctx) {
		rfbCloseClient(w->cl);
		rfbClientConnectionGone(w->cl);
	}
	idle(n);
}

/* ----------------------------------------------------------------------- serving */

/* Each message begins with its type. What is not the screen's is not for us. */
static bool may_say(rfbClientPtr cl)
{
	uint8_t type;

	if (cl->state != RFB_NORMAL)
		return true;
	if (recv(cl->sock, &type, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
		return true; /* its end, or nothing: libvncserver finds out */
	switch (type) {
	case rfbSetPixelFormat:
	case rfbSetEncodings:
	case rfbFramebufferUpdateRequest:
	case rfbKeyEvent:
	case rfbPointerEvent:
	case rfbClientCutText:
	case rfbSetDesktopSize:
		return true;
	default:
		return false;
	}
}

/* It has to know how large the screen is before it gets more of it. */
static bool size_told(struct viewer *w)
{
	const rfbClientPtr cl = w->cl;
	const struct vga_screen *s = w->n->screen;

	if (cl->state != RFB_NORMAL) {
		/* it is told by the handshake */
		w->width = s->width;
		w->height = s->height;
		return true;
	}
	if (w->width == s->width && w->height == s->height)
		return true;
	if (!cl->useNewFBSize)
		return cl->preferredEncoding == -1; /* it has not said what it can */
	cl->newFBSizePending = TRUE;
	w->width = s->width;
	w->height = s->height;
	return true;
}

void viewer_serve(struct viewer *w, bool readable)
{
	struct vnc *n = w->n;
	const rfbClientPtr cl = w->cl;

	pthread_mutex_lock(&n->lock);
	n->busy = w;
	n->busy_since = vnc_now();
	pthread_mutex_unlock(&n->lock);
	if (!size_told(w) || (readable && !may_say(cl)) ||
	    (cl->state != RFB_NORMAL && vnc_now() - w->since > VNC_HANDSHAKE_NS))
		rfbCloseClient(cl);
	else if (readable)
		rfbProcessClientMessage(cl);
	if (cl->sock != RFB_INVALID_SOCKET)
		(void)rfbUpdateClient(cl);
	idle(n);
	if (cl->sock == RFB_INVALID_SOCKET)
		rfbClientConnectionGone(cl);
}
