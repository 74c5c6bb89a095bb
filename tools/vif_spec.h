/* SPDX-License-Identifier: MIT */
/*
 * Vif strings: xl's network syntax (xl-network-configuration(5) of Xen 4.17) and
 * tandem's additions, tandem-network(5).
 *
 * Two steps: vif_spec_scan() reads the syntax; vif_spec_check() decides what of
 * it tandem can serve. Where xl lets a later value silently win over an
 * earlier, different one, the scan refuses.
 */
#ifndef TANDEM_TOOLS_VIF_SPEC_H
#define TANDEM_TOOLS_VIF_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIF_SPEC_MAX	   3000 /* bytes of a whole string: it goes into xenstore */
#define VIF_DEVID_NONE	   UINT32_MAX
#define VIF_DEFAULT_BRIDGE "xenbr0" /* libxl's */
#define VIF_MAC_TEXT	   18	    /* "00:16:3e:01:02:03" and a NUL */
#define VIF_RATE_TEXT	   40	    /* "18446744073709551615,4294967295" and a NUL */
#define VIF_MTU_MIN	   68u	    /* IPv4's least */
#define VIF_MTU_MAX	   65521u   /* a packet of 65535 bytes without its header */
#define VIF_QUEUES_MAX	   16u	    /* tandem-netback's */
#define VIF_VLAN_MAX	   4094u

enum vif_type { VIF_TYPE_UNSET, VIF_TYPE_VIF, VIF_TYPE_IOEMU };
enum vif_tristate { VIF_UNSET, VIF_NO, VIF_YES };

/* So many bytes each so many microseconds; usec 0: no limit. */
struct vif_rate {
	uint64_t bytes;
	uint32_t usec;
};

/* All strings are the struct's own; NULL: not given. */
struct vif_spec {
	char *bridge;
	char *gatewaydev;
	char *model;
	char *vifname;
	char *script;
	char *ip;      /* addresses with blanks between them */
	char *backend; /* name or domid of the backend's domain */
	char *port;    /* "DRIVER[:TARGET[;key=value...]]" */
	uint8_t mac[6];
	bool has_mac;
	enum vif_type type;
	enum vif_tristate trusted, antispoof, isolated;
	struct vif_rate rate;
	uint32_t devid;		    /* or VIF_DEVID_NONE */
	uint32_t mtu, queues, vlan; /* 0: not given */

	/* vif_spec_check() fills these from port; NULL: the bridge decides */
	char *port_driver, *port_target;
	char *port_options; /* "key=value,key=value" */
};

/*
 * Reads n strings that together describe one vif. On error nothing is left in
 * *v, *why gets one line that names the key, the value and what would be right
 * (the caller frees it), and the result is -EINVAL, -ENOTSUP or -ENOMEM.
 */
int vif_spec_scan(int n, const char *const *strings, struct vif_spec *v, char **why);
/* Splits port; without one and without a bridge, the bridge is libxl's default.
 * *v stays the caller's. */
int vif_spec_check(struct vif_spec *v, char **why);
/* Both. */
int vif_spec_parse(int n, const char *const *strings, struct vif_spec *v, char **why);
void vif_spec_clear(struct vif_spec *v);

/* Six pairs of hexadecimal digits with colons between them. -EINVAL */
int vif_mac_parse(const char *s, uint8_t mac[6]);
/* buf: VIF_MAC_TEXT bytes. */
const char *vif_mac_text(const uint8_t mac[6], char *buf);

/*
 * "10Mb/s", "250KB/s", "1MB/s@20ms": decimal multiples of bits or bytes, and
 * the interval of replenishment, 50 ms if not given. -EINVAL; -ERANGE: too large.
 */
int vif_rate_parse(const char *s, struct vif_rate *rate);
/* As in the `rate` key: "BYTES,USEC". buf: VIF_RATE_TEXT bytes. */
const char *vif_rate_text(const struct vif_rate *rate, char *buf);
/* What a rate that vif_rate_parse() refuses should have been. */
#define VIF_RATE_WANT                                                                \
	"a number above 0 with B, KB, MB, GB, b, Kb, Mb or Gb, then /s, then @ and " \
	"an interval or not, such as 10Mb/s or 1MB/s@20ms, would be right"

#endif
