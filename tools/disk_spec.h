/* SPDX-License-Identifier: MIT */
/*
 * Disk strings: xl's disk syntax (xl-disk-configuration(5) of Xen 4.17) and
 * tandem's additions, tandem-disk(5).
 *
 * Two steps: disk_spec_scan() reads the syntax as libxlutil does and is
 * compared with it field by field in the tests; disk_spec_check() decides what
 * of it tandem can serve, and with which driver. Where xl lets a later value
 * silently win over an earlier, different one, the scan refuses.
 */
#ifndef TANDEM_TOOLS_DISK_SPEC_H
#define TANDEM_TOOLS_DISK_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#define DISK_SPEC_MAX	3000 /* bytes of a whole string: it goes into xenstore */
#define DISK_DEVID_NONE UINT32_MAX

enum disk_format {
	DISK_FORMAT_UNKNOWN,
	DISK_FORMAT_RAW,
	DISK_FORMAT_EMPTY, /* a CD-ROM drive without a disc */
	DISK_FORMAT_QCOW,
	DISK_FORMAT_QCOW2,
	DISK_FORMAT_VHD,
	DISK_FORMAT_QED,
	DISK_FORMAT_ZSTD, /* tandem's */
};

enum disk_backendtype {
	DISK_BACKEND_UNKNOWN,
	DISK_BACKEND_PHY,
	DISK_BACKEND_TAP,
	DISK_BACKEND_QDISK,
	DISK_BACKEND_STANDALONE,
	/* tandem's: block drivers by name */
	DISK_BACKEND_URING,
	DISK_BACKEND_AIO,
	DISK_BACKEND_NULL,
	DISK_BACKEND_RAM,
	DISK_BACKEND_ZSTD,
	DISK_BACKEND_FAULT,
};

enum disk_tristate { DISK_UNSET, DISK_NO, DISK_YES };

/* All strings are the struct's own; NULL: not given. */
struct disk_spec {
	char *target;
	char *vdev;
	char *backend; /* name or domid of the backend's domain */
	char *script;
	char *options; /* for the driver: "key=value,key=value" */
	enum disk_format format;
	enum disk_backendtype backendtype;
	bool readwrite;
	bool cdrom;
	bool removable;
	bool direct_io_safe;
	enum disk_tristate discard;
	enum disk_tristate direct; /* unset: the backend's default, O_DIRECT */
	enum disk_tristate trusted;
	uint32_t sector_size; /* 512, 4096, or 0: the driver's choice */
	uint64_t iops;	      /* 0: no limit */
	uint64_t bps;	      /* bytes a second; 0: no limit */
	uint32_t burst_ms;    /* 0: the backend's default */

	/* disk_spec_check() fills these: */
	uint32_t devid;
	const char *driver; /* blkdrv name, static; NULL: a drive without a disc */
};

/*
 * Reads n strings that together describe one disk (n is 1, but for
 * `block-attach DOM part part...`). On error nothing is left in *d, *why gets
 * one line that names the key, the value and what would be right (the
 * caller frees it), and the result is -EINVAL, -ENOTSUP or -ENOMEM.
 */
int disk_spec_scan(int n, const char *const *strings, struct disk_spec *d, char **why);
/* Fills devid and driver, puts /dev/ before a relative target. *d stays the caller's. */
int disk_spec_check(struct disk_spec *d, char **why);
/* Both. */
int disk_spec_parse(int n, const char *const *strings, struct disk_spec *d, char **why);
void disk_spec_clear(struct disk_spec *d);

const char *disk_format_name(enum disk_format f);
const char *disk_backendtype_name(enum disk_backendtype t);

/*
 * The device number of a virtual device name, as libxl computes it: "xvda" is
 * 51712. A decimal or 0x number is taken as it is. -EINVAL
 */
int disk_vdev_parse(const char *vdev, uint32_t *devid);

/*
 * The PC's drive of a device number, whole disks alone, as libxl has it: hda to hdd are 0
 * to 3, and so are xvda to xvdd; then fda and fdb. DISK_DRIVE_NONE: it is only
 * a paravirtual disk.
 */
unsigned disk_drive(uint32_t devid);
#define DISK_DRIVE_FLOPPY 4u
#define DISK_DRIVE_NONE	  6u

/* "4096", "512K", "10M", "2G", "1T" (binary units). -EINVAL, -ERANGE */
int disk_size_parse(const char *s, uint64_t *bytes);

#endif
