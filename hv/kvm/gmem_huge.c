/* SPDX-License-Identifier: MIT */
/*
 * Huge pages for RAM, where the kernel gives them to shared memory: transparent ones, as
 * a hole in hugetlbfs would kill a backend that touches it (hv/core/gntvm.h), and a
 * balloon gives back less than 2 MiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/kvm/gmem.h"

#define POLICY "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* The word in brackets is what holds. */
static bool policy_allows(void)
{
	cleanup_close int fd = open(POLICY, O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return !strstr(text, "[never]") && !strstr(text, "[deny]");
}

int gmem_hugepages(const struct gmem *m)
{
	if (!policy_allows())
		return -ENOTSUP;
	for (unsigned i = 0; i < m->n; i++)
		if (m->region[i].fd == m->ram_fd &&
		    madvise(m->region[i].hva, m->region[i].size, MADV_HUGEPAGE) < 0)
			return errno == EINVAL ? -ENOTSUP : -errno;
	return 0;
}
