/* SPDX-License-Identifier: MIT */
/* The keys of a VM's directory: the toolstack's, which the guest reads, and its own. */
#include "tools/vm_xs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hv/base/cleanup.h"
#include "tools/create_life.h"

#define CONSOLE_LIMIT                                                    \
	"1048576" /* of what is buffered for it: vm_console.c keeps less \
		   */

/* A failure says which path, once; the rest is left out. */
struct writer {
	struct cli *c;
	int status;
};

static void put(struct writer *w, const char *path, const char *value, const char *perms)
{
	int err;

	if (w->status)
		return;
	err = value ? xenstore_write(w->c->plat, XENSTORE_NO_TX, path, value)
		    : xenstore_mkdir(w->c->plat, XENSTORE_NO_TX, path);
	if (!err && perms)
		err = xenstore_set_perms(w->c->plat, XENSTORE_NO_TX, path, perms);
	if (err)
		w->status = cli_fail(w->c, "xenstore: %s: %s", path, cli_strerror(err));
}

int vm_xs_make(struct cli *c, domid_t domid, const char *name, const char *uuid)
{
	/* directories and keys that the guest reads, then those that it writes */
	static const char *const reads[] = { "",	 "/cpu",     "/memory", "/device",
					     "/control", "/console", "/store" };
	static const char *const writes[] = {
		"/control/shutdown",
		"/control/feature-suspend",
		"/control/feature-poweroff",
		"/control/feature-reboot",
		"/control/feature-s3",
		"/control/feature-s4",
		"/control/sysrq",
		"/device/suspend/event-channel",
		"/data",
		"/drivers",
		"/feature",
		"/attr",
		"/error",
		"/backend",
	};
	static const char *const features[] = {
		"/control/platform-feature-multiprocessor-suspend",
		"/control/platform-feature-xs_reset_watches",
	};
	struct writer w = { c, 0 };
	char dir[32], path[96], vm[48], ro[24], rw[16], start[24];

	snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
	snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	snprintf(ro, sizeof(ro), "n0 r%u", domid);
	snprintf(rw, sizeof(rw), "n%u", domid);
	snprintf(start, sizeof(start), "%lld", (long long)time(NULL));
	for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, reads[i]);
		put(&w, path, NULL, ro);
	}
	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, writes[i]);
		put(&w, path, "", rw);
	}
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, features[i]);
		put(&w, path, "1", ro);
	}
	snprintf(path, sizeof(path), "%s/vm", dir);
	put(&w, path, vm, ro);
	put(&w, vm, "", ro);
	snprintf(path, sizeof(path), "%s/uuid", vm);
	put(&w, path, uuid, ro);
	snprintf(path, sizeof(path), "%s/name", vm);
	put(&w, path, name, ro);
	snprintf(path, sizeof(path), "%s/start_time", vm);
	put(&w, path, start, ro);
	return w.status;
}

static void put_number(struct writer *w, domid_t domid, const char *key, uint64_t value)
{
	char path[64], text[24];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, key);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	put(w, path, text, NULL);
}

int vm_xs_rings(struct cli *c, domid_t domid, const struct vmctl_reply *rings)
{
	struct writer w = { c, 0 };
	char path[64];

	put_number(&w, domid, "store/ring-ref", rings->value2);
	put_number(&w, domid, "store/port", rings->flags);
	put_number(&w, domid, "console/ring-ref", rings->value);
	put_number(&w, domid, "console/port", rings->id);
	snprintf(path, sizeof(path), "/local/domain/%u/console/type", domid);
	put(&w, path, "xenconsoled", NULL);
	snprintf(path, sizeof(path), "/local/domain/%u/console/limit", domid);
	put(&w, path, CONSOLE_LIMIT, NULL);
	return w.status;
}

int vm_xs_vnc(struct cli *c, domid_t domid, const char *address, uint64_t port)
{
	struct writer w = { c, 0 };
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/console/vnc-listen", domid);
	put(&w, path, address, NULL);
	if (port)
		put_number(&w, domid, "console/vnc-port", port);
	return w.status;
}

void vm_xs_uuid(struct cli *c, domid_t domid, char *uuid)
{
	cleanup_free char *vm = NULL;
	char path[48];

	uuid[0] = '\0';
	snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
	if (!xenstore_read(c->plat, XENSTORE_NO_TX, path, &vm, NULL) &&
	    !strncmp(vm, "/vm/", 4) && uuid_ok(vm + 4))
		memcpy(uuid, vm + 4, UUID_TEXT);
}

void vm_xs_forget(struct cli *c, const char *uuid)
{
	cleanup_free char **names = NULL;
	char path[48];
	uint32_t n;

	if (!uuid[0])
		return;
	snprintf(path, sizeof(path), "/vm/%s", uuid);
	/* cannot fail in a way that matters: without its domain it says nothing */
	(void)xenstore_rm(c->plat, XENSTORE_NO_TX, path);
	if (!xenstore_directory(c->plat, XENSTORE_NO_TX, "/vm", &names, &n) && !n)
		(void)xenstore_rm(c->plat, XENSTORE_NO_TX, "/vm");
}
