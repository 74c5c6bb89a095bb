/* SPDX-License-Identifier: MIT */
/*
 * tandem mem-set, mem-max, vcpu-set: what a running VM may have, as xenstore says it. The
 * guest's own drivers follow memory/target and cpu/N/availability, its tandem-vm follows
 * memory/max; the guest may write none of them.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "hv/base/num.h"
#include "tools/cmds.h"

#define KIB_MAX (1ull << 30) /* 1 TiB */
#define KIB_MIN 1024u

/* "512m", as xl has it: KiB, or what its last letter says. */
static int parse_kib(const char *s, uint64_t *kib)
{
	static const char letters[] = "bkmgt";
	size_t len = strlen(s);
	const char *letter =
		len ? strchr(letters, tolower((unsigned char)s[len - 1])) : NULL;
	char digits[24];
	uint64_t n;

	if (letter)
		len--;
	if (!len || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (num_parse_u64(digits, KIB_MAX * 1024, &n))
		return -EINVAL;
	if (!letter || *letter != 'b')
		for (const char *l = letters + 1; letter && l < letter; l++)
			n = n > KIB_MAX ? n : n * 1024;
	else
		n /= 1024;
	*kib = n;
	return n >= KIB_MIN && n <= KIB_MAX ? 0 : -ERANGE;
}

static int key_path(const struct cli_domain *dom, const char *key, char *path,
		    size_t size)
{
	return snprintf(path, size, "/local/domain/%u/%s", dom->id, key);
}

/* A number that the toolstack wrote. -ENOENT: it is no VM */
static int key_number(struct cli *c, const struct cli_domain *dom, const char *key,
		      uint64_t *n)
{
	cleanup_free char *value = NULL;
	char path[96];

	key_path(dom, key, path, sizeof(path));
	if (xenstore_read(c->plat, XENSTORE_NO_TX, path, &value, NULL) ||
	    num_parse_u64(value, KIB_MAX, n))
		return -ENOENT;
	return 0;
}

static int key_set(struct cli *c, xenstore_tx_t tx, const struct cli_domain *dom,
		   const char *key, const char *value)
{
	char path[96];

	key_path(dom, key, path, sizeof(path));
	return xenstore_write(c->plat, tx, path, value);
}

struct dom_key {
	char name[32];
	const char *value;
};

/* All of them or none. */
static int keys_set(struct cli *c, const struct cli_domain *dom,
		    const struct dom_key *keys, uint32_t n)
{
	xenstore_tx_t tx;
	int err;

	do {
		err = xenstore_tx_start(c->plat, &tx);
		if (err)
			break;
		for (uint32_t i = 0; i < n && !err; i++)
			err = key_set(c, tx, dom, keys[i].name, keys[i].value);
		if (err)
			(void)xenstore_tx_end(c->plat, tx, false);
		else
			err = xenstore_tx_end(c->plat, tx, true);
	} while (err == -EAGAIN);
	return err ? cli_fail(c, "%s: xenstore: %s", dom->name, cli_strerror(err)) : 0;
}

static int no_vm(struct cli *c, const struct cli_domain *dom)
{
	return cli_fail(c, "%s is no VM", dom->name);
}

/* The domain and the memory that the arguments name, and the most it can be. */
static int memory_args(struct cli *c, struct cli_domain *dom, uint64_t *kib)
{
	uint64_t max = 0;

	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], dom))
		return CLI_EXIT_FAILURE;
	if (parse_kib(c->argv[1], kib))
		return cli_fail(c,
				"'%.40s' is no memory size from 1m on: a number of "
				"KiB, or 512m, 2g would be right",
				c->argv[1]);
	if (key_number(c, dom, "memory/static-max", &max))
		return no_vm(c, dom);
	if (*kib > max)
		return cli_fail(c,
				"%s: %" PRIu64 " KiB is more than its maxmem, %" PRIu64
				" KiB",
				dom->name, *kib, max);
	return 0;
}

static int run_mem_set(struct cli *c)
{
	struct cli_domain dom;
	char text[24];
	const struct dom_key keys[] = { { "memory/target", text },
					{ "memory/max", text } };
	uint64_t kib = 0;
	int status = memory_args(c, &dom, &kib);

	if (status)
		return status;
	snprintf(text, sizeof(text), "%" PRIu64, kib);
	return keys_set(c, &dom, keys, 2);
}

static int run_mem_max(struct cli *c)
{
	struct cli_domain dom;
	uint64_t kib = 0, target = 0;
	char text[24];
	int err, status = memory_args(c, &dom, &kib);

	if (status)
		return status;
	if (key_number(c, &dom, "memory/target", &target))
		return no_vm(c, &dom);
	if (kib < target)
		return cli_fail(c,
				"%s: %" PRIu64 " KiB is less than it is to have: %" PRIu64
				" KiB (mem-set)",
				dom.name, kib, target);
	snprintf(text, sizeof(text), "%" PRIu64, kib);
	err = key_set(c, XENSTORE_NO_TX, &dom, "memory/max", text);
	return err ? cli_fail(c, "%s: xenstore: %s", dom.name, cli_strerror(err)) : 0;
}

/* ------------------------------------------------------------------ vcpu-set */

static int run_vcpu_set(struct cli *c)
{
	cleanup_free char **names = NULL;
	cleanup_free struct dom_key *keys = NULL;
	struct cli_domain dom;
	char path[96];
	uint32_t max = 0;
	uint64_t n;

	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], &dom))
		return CLI_EXIT_FAILURE;
	key_path(&dom, "cpu", path, sizeof(path));
	if (xenstore_directory(c->plat, XENSTORE_NO_TX, path, &names, &max))
		return no_vm(c, &dom);
	if (cli_parse_number(c->argv[1], max, &n) || !n)
		return cli_fail(c,
				"'%.40s' is no number of vcpus from 1 to %" PRIu32
				", its maxvcpus",
				c->argv[1], max);
	keys = calloc(max, sizeof(*keys));
	if (!keys)
		return cli_fail(c, "out of memory");
	for (uint32_t i = 0; i < max; i++) {
		snprintf(keys[i].name, sizeof(keys[i].name),
			 "cpu/%" PRIu32 "/availability", i);
		keys[i].value = i < n ? "online" : "offline";
	}
	return keys_set(c, &dom, keys, max);
}

#define UNITS "MEM is a number of KiB, or of what its last letter says: b, k, m, g, t."

const struct verb verbs_vm[] = {
	{ .name = "mem-set",
	  .args = "DOM MEM",
	  .summary = "let a VM have more or less memory, up to its maxmem",
	  .doc = "The guest's balloon driver is asked to reach MEM, and it may take back "
		 "no more than that. " UNITS,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_mem_set },
	{ .name = "mem-max",
	  .args = "DOM MEM",
	  .summary = "set the memory that a VM may take back up to",
	  .doc = "Not less than mem-set has asked for. " UNITS,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_mem_max },
	{ .name = "vcpu-set",
	  .args = "DOM N",
	  .summary = "let a VM use N of its vcpus",
	  .doc = "The guest takes the others offline, or brings them back.",
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_vcpu_set },
	{ 0 },
};
