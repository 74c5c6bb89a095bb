/* SPDX-License-Identifier: MIT */
/*
 * The xenstore wire protocol (Xen's public io/xs_wire.h and
 * docs/misc/xenstore.txt): a 16-byte header, then a payload of at most
 * XENSTORE_PAYLOAD_MAX bytes.
 */
#ifndef TANDEM_RINGPROTO_XS_WIRE_H
#define TANDEM_RINGPROTO_XS_WIRE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

enum xsd_sockmsg_type {
	XS_CONTROL = 0,
	XS_DIRECTORY = 1,
	XS_READ = 2,
	XS_GET_PERMS = 3,
	XS_WATCH = 4,
	XS_UNWATCH = 5,
	XS_TRANSACTION_START = 6,
	XS_TRANSACTION_END = 7,
	XS_INTRODUCE = 8,
	XS_RELEASE = 9,
	XS_GET_DOMAIN_PATH = 10,
	XS_WRITE = 11,
	XS_MKDIR = 12,
	XS_RM = 13,
	XS_SET_PERMS = 14,
	XS_WATCH_EVENT = 15,
	XS_ERROR = 16,
	XS_IS_DOMAIN_INTRODUCED = 17,
	XS_RESUME = 18,
	XS_SET_TARGET = 19,
	/* 20 was XS_RESTRICT */
	XS_RESET_WATCHES = 21,
	XS_DIRECTORY_PART = 22,
	XS_TYPE_COUNT = 23,
	XS_INVALID = 0xffff,
};

struct xsd_sockmsg {
	uint32_t type;
	uint32_t req_id; /* echoed */
	uint32_t tx_id;	 /* 0: no transaction */
	uint32_t len;	 /* of the payload */
};
_Static_assert(sizeof(struct xsd_sockmsg) == 16, "xs_wire.h");

enum xs_watch_type { XS_WATCH_PATH = 0, XS_WATCH_TOKEN = 1 };

#define XENSTORE_PAYLOAD_MAX  4096
#define XENSTORE_ABS_PATH_MAX 3072
#define XENSTORE_REL_PATH_MAX 2048

/* Errors travel by name. */
struct xsd_error {
	int errnum;
	const char *errstring;
};

#define XSD_ERROR(x)  \
	{             \
		x, #x \
	}
static const struct xsd_error xsd_errors[] = {
	XSD_ERROR(EINVAL),    XSD_ERROR(EACCES),  XSD_ERROR(EEXIST), XSD_ERROR(EISDIR),
	XSD_ERROR(ENOENT),    XSD_ERROR(ENOMEM),  XSD_ERROR(ENOSPC), XSD_ERROR(EIO),
	XSD_ERROR(ENOTEMPTY), XSD_ERROR(ENOSYS),  XSD_ERROR(EROFS),  XSD_ERROR(EBUSY),
	XSD_ERROR(EAGAIN),    XSD_ERROR(EISCONN), XSD_ERROR(E2BIG),  XSD_ERROR(EPERM),
};
#undef XSD_ERROR
enum { XSD_NR_ERRORS = sizeof(xsd_errors) / sizeof(xsd_errors[0]) };

/* A domain's xenstore page: two byte rings and a few words. */
#define XENSTORE_RING_SIZE 1024
typedef uint32_t XENSTORE_RING_IDX;
struct xenstore_domain_interface {
	char req[XENSTORE_RING_SIZE];
	char rsp[XENSTORE_RING_SIZE];
	XENSTORE_RING_IDX req_cons, req_prod;
	XENSTORE_RING_IDX rsp_cons, rsp_prod;
	uint32_t server_features;
	uint32_t connection;
	uint32_t error;
};
_Static_assert(sizeof(struct xenstore_domain_interface) == 2076, "xs_wire.h");
_Static_assert(offsetof(struct xenstore_domain_interface, rsp_cons) == 2056, "xs_wire.h");

#endif
