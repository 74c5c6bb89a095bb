/* SPDX-License-Identifier: MIT */
/* A frontend's device: found, claimed, given back. */
#include "frontends/front.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv/base/adapt.h"
#include "hv/base/cleanup.h"
#include "hv/base/num.h"

#define CLOSE_MS     500
#define DEV_NAME_MAX 32

int front_init(struct front *f, const struct front_ops *ops)
{
	f->ops = ops;
	f->ctl = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return f->ctl < 0 ? -errno : 0;
}

int front_connect_as(struct front *f, const char *platform, const char *name,
		     const char *want, const char **device)
{
	cleanup_free char *domain = strdup(name);
	char *slash = domain ? strrchr(domain, '/') : NULL;
	const char *what = NULL;
	int err;

	if (!slash || slash == domain)
		return xenbus_fail(&f->xb, -EINVAL, "\"%s\" is not %s", name, want);
	*slash = '\0';
	*device = name + (slash - domain) + 1;
	err = plat_open(platform, domain, &f->plat, &what);
	if (!err)
		return 0;
	f->plat = NULL;
	return xenbus_fail(&f->xb, err, "cannot connect as domain %s: %s: %s", domain,
			   what ? what : "platform", strerror(-err));
}

/* The devices that the domain has, for a person who named one that is not. */
static int no_such_device(struct front *f, const char *name)
{
	cleanup_free char **names = NULL;
	char dir[32], list[256] = "";
	uint32_t n = 0;
	size_t len = 0;

	snprintf(dir, sizeof(dir), "device/%s", f->ops->type);
	/* cannot fail in a way that matters: then there are none to tell of */
	(void)xenstore_directory(f->plat, XENSTORE_NO_TX, dir, &names, &n);
	for (uint32_t i = 0; i < n && len < sizeof(list) - DEV_NAME_MAX; i++) {
		char one[DEV_NAME_MAX];
		uint64_t devid;

		if (num_parse_u64(names[i], UINT32_MAX, &devid))
			continue;
		if (f->ops->name)
			f->ops->name((uint32_t)devid, one, sizeof(one));
		else
			snprintf(one, sizeof(one), "%u", (uint32_t)devid);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
					len ? ", " : "", one);
	}
	return xenbus_fail(&f->xb, -ENOENT, "domain %s has no %s %s (%s%s)",
			   plat_domain_name(f->plat), f->ops->what, name,
			   len ? "it has " : "it has none", list);
}

int front_take(struct front *f, uint32_t devid, const char *name)
{
	const char *domain = plat_domain_name(f->plat);
	cleanup_free char *backend = NULL;
	char path[64], key[80];
	int err;

	f->devid = devid;
	snprintf(path, sizeof(path), "device/%s/%u", f->ops->type, devid);
	snprintf(key, sizeof(key), "%s/backend", path);
	err = xenstore_read(f->plat, XENSTORE_NO_TX, key, &backend, NULL);
	if (err == -ENOENT)
		return no_such_device(f, name);
	if (err)
		return xenbus_fail(&f->xb, err, "%s/%s: %s", domain, path,
				   strerror(-err));
	err = plat_claim(f->plat, path);
	if (err == -EBUSY)
		return xenbus_fail(&f->xb, err, "%s/%s is in use by another program",
				   domain, name);
	if (err)
		return xenbus_fail(&f->xb, err, "%s/%s cannot be claimed: %s", domain,
				   name, strerror(-err));
	f->claimed = true;
	return xenbus_front_open(&f->xb, f->plat, path);
}

void front_goodbye(struct front *f)
{
	struct pollfd fd;
	uint64_t end = clock_ns() + CLOSE_MS * UINT64_C(1000000);
	enum xenbus_state be;

	if (!f->xb.plat || f->phase == FRONT_DEAD ||
	    xenbus_switch_state(&f->xb, XenbusStateClosed))
		return;
	fd = (struct pollfd){ .fd = xenstore_fd(f->plat), .events = POLLIN };
	while (clock_ns() < end) {
		if (xenbus_drain_events(&f->xb) < 0 ||
		    xenbus_backend_state(&f->xb, &be) ||
		    (be != XenbusStateInitialised && be != XenbusStateConnected &&
		     be != XenbusStateClosing))
			return;
		poll(&fd, 1, CLOSE_MS / 10);
	}
}

void front_close(struct front *f)
{
	if (f->claimed)
		/* cannot fail in a way that matters: closing unclaims as well */
		(void)plat_unclaim(f->plat, f->xb.path);
	xenbus_front_close(&f->xb);
	plat_close(f->plat);
	if (f->ctl >= 0)
		close(f->ctl);
}
