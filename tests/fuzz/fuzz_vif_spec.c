/* SPDX-License-Identifier: MIT */
/*
 * Vif strings from anywhere. Besides what the sanitizers see: an error has one
 * printable line and leaves nothing behind, and what is accepted can be written
 * to xenstore and says the same when it is read again.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tools/vif_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_clean(const char *s)
{
	for (; s && *s; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_name(const char *s)
{
	must(!s || (*s && strlen(s) < 16 && !strchr(s, '/')));
	check_clean(s);
}

static void check_mac(const struct vif_spec *v)
{
	char text[VIF_MAC_TEXT];
	uint8_t mac[6];

	if (!v->has_mac)
		return;
	must(!(v->mac[0] & 1));
	must(!vif_mac_parse(vif_mac_text(v->mac, text), mac) && !memcmp(mac, v->mac, 6));
}

static void check_accepted(const struct vif_spec *v)
{
	char text[VIF_RATE_TEXT];
	unsigned long long bytes;
	unsigned usec;

	check_mac(v);
	check_name(v->bridge);
	check_name(v->vifname);
	check_name(v->gatewaydev);
	check_clean(v->port_target);
	check_clean(v->port_options);
	check_clean(v->ip);
	check_clean(v->backend);
	must(v->bridge || v->port_driver);
	must(!v->port_target || *v->port_target);
	must(!v->mtu || (v->mtu >= VIF_MTU_MIN && v->mtu <= VIF_MTU_MAX));
	must(v->queues <= VIF_QUEUES_MAX && v->vlan <= VIF_VLAN_MAX);
	must(v->devid == VIF_DEVID_NONE || v->devid <= INT32_MAX);
	must(!v->rate.usec || v->rate.bytes);
	must(sscanf(vif_rate_text(&v->rate, text), "%llu,%u", &bytes, &usec) == 2);
	must(bytes == v->rate.bytes && usec == v->rate.usec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *why;
	const char *strings[2];
	struct vif_spec v;
	int err, n = 1;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	strings[0] = strings[1] = text;
	if (strlen(text) < size) { /* a NUL separates two parts of one vif */
		strings[1] = text + strlen(text) + 1;
		n = 2;
	}
	err = vif_spec_parse(n, strings, &v, &why);
	if (err) {
		must(err == -EINVAL || err == -ENOTSUP);
		must(why && *why && !v.bridge && !v.port_driver && !v.ip);
		check_clean(why);
	} else {
		must(!why);
		check_accepted(&v);
		vif_spec_clear(&v);
	}
	free(why);
	free(text);
	return 0;
}
