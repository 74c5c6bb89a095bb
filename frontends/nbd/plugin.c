/* SPDX-License-Identifier: MIT */
/*
 * A tandem disk behind nbdkit, so that any program that speaks NBD can use it:
 * nbdkit has the protocol, libtandem the disk. One parameter, disk=DOMAIN/VDEV.
 * The disk is open while clients are connected; they share it.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <tandem.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static const char *disk_name;

/* The disk that all connections share. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tandem_disk *disk;
static unsigned users;
static bool disk_readonly;

static int plugin_config(const char *key, const char *value)
{
	if (strcmp(key, "disk")) {
		nbdkit_error("unknown parameter '%s': disk=DOMAIN/VDEV is the only one",
			     key);
		return -1;
	}
	disk_name = value;
	return 0;
}

static int plugin_config_complete(void)
{
	if (disk_name)
		return 0;
	nbdkit_error("disk=DOMAIN/VDEV is missing");
	return -1;
}

/* A disk that may not be written is opened as such. */
static int disk_open(bool readonly)
{
	struct tandem_opts opts = { .readonly = readonly };
	struct tandem_info info;
	char *why = NULL;
	int err = tandem_open(disk_name, &opts, &disk, &why);

	if (err == -EROFS) {
		free(why);
		why = NULL;
		opts.readonly = true;
		err = tandem_open(disk_name, &opts, &disk, &why);
	}
	if (err) {
		nbdkit_error("%s", why ? why : strerror(-err));
		free(why);
		return err;
	}
	tandem_get_info(disk, &info);
	disk_readonly = info.readonly || opts.readonly;
	return 0;
}

static void *plugin_open(int readonly)
{
	int err = 0;

	pthread_mutex_lock(&lock);
	if (!users)
		err = disk_open(readonly);
	if (!err)
		users++;
	pthread_mutex_unlock(&lock);
	return err ? NULL : NBDKIT_HANDLE_NOT_NEEDED;
}

static void plugin_close(void *handle)
{
	(void)handle;
	pthread_mutex_lock(&lock);
	if (!--users) {
		tandem_close(disk);
		disk = NULL;
	}
	pthread_mutex_unlock(&lock);
}

static struct tandem_info disk_info(void)
{
	struct tandem_info info;

	tandem_get_info(disk, &info);
	return info;
}

static int64_t plugin_get_size(void *handle)
{
	(void)handle;
	return (int64_t)disk_info().size;
}

static int plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
			     uint32_t *maximum)
{
	(void)handle;
	*minimum = disk_info().sector_size;
	*preferred = 4096;
	*maximum = UINT32_MAX;
	return 0;
}

static int plugin_can_write(void *handle)
{
	(void)handle;
	return !disk_readonly;
}

static int plugin_can_flush(void *handle)
{
	(void)handle;
	return disk_info().flush;
}

static int plugin_can_trim(void *handle)
{
	(void)handle;
	return disk_info().discard;
}

/* One disk under all connections: a flush covers the others' writes. */
static int plugin_can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

static int answer(int err)
{
	if (!err)
		return 0;
	nbdkit_set_error(-err);
	return -1;
}

static int plugin_pread(void *handle, void *buf, uint32_t count, uint64_t offset,
			uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(tandem_pread(disk, buf, count, offset));
}

static int plugin_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset,
			 uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(tandem_pwrite(disk, buf, count, offset));
}

static int plugin_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(tandem_flush(disk));
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(tandem_discard(disk, offset, count));
}

static struct nbdkit_plugin plugin = {
	.name = "tandem",
	.longname = "tandem disks",
	.version = TANDEM_VERSION,
	.description = "a disk of the tandem split-driver framework",
	.config = plugin_config,
	.config_complete = plugin_config_complete,
	.config_help = "disk=DOMAIN/VDEV   (required) the disk, such as guest0/xvda",
	.magic_config_key = "disk",
	.open = plugin_open,
	.close = plugin_close,
	.get_size = plugin_get_size,
	.block_size = plugin_block_size,
	.can_write = plugin_can_write,
	.can_flush = plugin_can_flush,
	.can_trim = plugin_can_trim,
	.can_multi_conn = plugin_can_multi_conn,
	.pread = plugin_pread,
	.pwrite = plugin_pwrite,
	.flush = plugin_flush,
	.trim = plugin_trim,
};

NBDKIT_REGISTER_PLUGIN(plugin)
