/* SPDX-License-Identifier: MIT */
/* A bad vif and its neighbour. */
#include "tests/lib/vifpair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/adapt.h"

void vifpair_start(struct vifpair *vp, const struct netback_config *cfg,
		   const char *driver, const char *target, const char *options,
		   unsigned flags)
{
	memset(vp, 0, sizeof(*vp));
	vp->flags = flags;
	rawvif_back(&vp->rb, cfg);
	rawvif_attach(&vp->rb, VP_BAD, driver, target, options, NULL);
	rawvif_attach(&vp->rb, VP_GOOD, "test", "echo", NULL, NULL);
	assert_true(rawvif_connect(&vp->bad, &vp->rb, VP_BAD, flags));
	assert_true(rawvif_connect(&vp->good, &vp->rb, VP_GOOD, RV_SPLIT));
}

void vifpair_stop(struct vifpair *vp)
{
	rawvif_close(&vp->good);
	rawvif_close(&vp->bad);
	rawback_detach(&vp->rb, VP_BAD);
	rawback_detach(&vp->rb, VP_GOOD);
	rawback_stop(&vp->rb);
}

uint64_t vifpair_neighbour(struct vifpair *vp, int n)
{
	static uint8_t buf[65536];
	uint64_t worst = 0, t;
	struct netif_pkt p;

	for (int i = 0; i < n; i++) {
		unsigned len = 60 + vp->seed++ % 1400;

		t = clock_ns();
		assert_int_equal(rawvif_send(&vp->good, 0, len, 4096, vp->seed),
				 NETIF_RSP_OKAY);
		assert_int_equal(rawvif_recv(&vp->good, &p, buf, 5000), (int)len);
		t = clock_ns() - t;
		worst = t > worst ? t : worst;
		assert_memory_equal(buf, vp->good.tx_data->pages, len);
	}
	return worst;
}

void vifpair_closed(struct vifpair *vp)
{
	assert_true(rawback_wait_state(&vp->rb, VP_BAD, XenbusStateClosed));
}

void vifpair_reconnect(struct vifpair *vp)
{
	rawvif_free(&vp->bad);
	rawback_fe_write(&vp->rb, VP_BAD, "state", "1");
	assert_true(rawvif_connect(&vp->bad, &vp->rb, VP_BAD, vp->flags));
}

void vifpair_show(struct ring_front *r, struct evtchn *ch, ring_idx_t prod)
{
	atomic_store(&r->r.shared->req_prod, prod);
	evtchn_notify(ch);
}
