/* SPDX-License-Identifier: MIT */
/* A VM without a guest, and a backend program. */
#include "tests/lib/vmrig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BACKEND_NAME "drv"

static void backend_exec(const char *program, const char *arg, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* a leak checker is a tracer, which its sandbox forbids */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
	if (getppid() == parent)
		execl(program, program, "--domain", BACKEND_NAME, arg, (char *)NULL);
	_exit(127);
}

void vmrig_backend_start(struct vmrig *r, const char *arg)
{
	pid_t self = getpid();

	r->backend = fork();
	assert_true(r->backend >= 0);
	if (!r->backend)
		backend_exec(r->program, arg, self);
}

void vmrig_backend_end(struct vmrig *r, bool kill9)
{
	int status;

	assert_int_equal(kill(r->backend, kill9 ? SIGKILL : SIGTERM), 0);
	assert_int_equal(waitpid(r->backend, &status, 0), r->backend);
	r->backend = 0;
	assert_true(kill9 || (WIFEXITED(status) && !WEXITSTATUS(status)));
}

void vmrig_start(struct vmrig *r, const char *type, const char *program, const char *arg)
{
	memset(r, 0, sizeof(*r));
	r->program = program;
	r->rb.type = type;
	assert_int_equal(hvd_start(&r->hvd), 0);
	/* the ids that rawback.h has in its paths */
	assert_int_equal(hvd_domain(&r->hvd, BACKEND_NAME), RF_BE);
	assert_int_equal(hvd_vm(&r->hvd, "guest"), RF_FE);
	assert_int_equal(hvd_plat(NULL, 0, &r->rb.dom0), 0);
	assert_int_equal(fakevm_open(RF_FE, &r->rb.fe), 0);
	vmrig_backend_start(r, arg);
}

void vmrig_stop(struct vmrig *r)
{
	vmrig_backend_end(r, false);
	plat_close(r->rb.fe);
	plat_close(r->rb.dom0);
	assert_int_equal(hvd_stop(&r->hvd), 0);
}

void vmrig_device(struct vmrig *r, unsigned devid)
{
	assert_int_equal(hvd_device(RF_FE, RF_BE, r->rb.type, devid), 0);
}

unsigned vmrig_entries(struct vmrig *r, unsigned flags)
{
	unsigned n = 0;

	for (grant_ref_t ref = 0; ref < FAKEVM_REFS; ref++)
		n += (atomic_load(&fakevm_entry(r->rb.fe, ref)->flags) & flags) != 0;
	return n;
}

bool vmrig_unused(struct vmrig *r)
{
	for (int i = 0; i < 5000; i++) {
		if (!vmrig_entries(r, GTF_reading | GTF_writing))
			return true;
		usleep(1000);
	}
	return false;
}
