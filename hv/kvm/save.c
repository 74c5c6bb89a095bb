/* SPDX-License-Identifier: MIT */
/* A whole machine: rounds over its memory, then the rest of it, and the way back. */
#include "hv/kvm/save.h"
#include "hv/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/kvm/save_ram.h"
#include "hv/kvm/save_state.h"
#include "hv/kvm/xen_grant.h"

/* What machines compress well, quickly: memory is many zeros and some text. */
#define LEVEL	1
#define REST_US 1000 /* between looks at devices that are at work */

/* ----------------------------------------------------------------------- out */

static int round_do(struct save_job *job, struct save_ram *ram, bool check,
		    uint64_t *sent)
{
	int err = save_ram_round(ram, check, sent);

	job->rounds++;
	job->pages += *sent;
	return err;
}

/*
 * While the guest runs: all of it, then what KVM's log says until that is little, or does
 * not become less; then what others wrote.
 */
static int rounds_live(struct save_job *job, struct save_ram *ram)
{
	uint64_t sent = 0;
	int err = save_ram_log(ram);

	if (!err)
		err = round_do(job, ram, true, &sent);
	for (unsigned i = 1; i < SAVE_ROUNDS_MAX && !err && sent > SAVE_FEW_PAGES; i++)
		err = job->wanted(job->arg) ? round_do(job, ram, false, &sent)
					    : -ECANCELED;
	return err ? err : round_do(job, ram, true, &sent);
}

/* All but memory. It is taken as soon as the guest stands: what counts the time in the
 * CPU goes on meanwhile, and what does so in devices stands. */
struct state {
	uint8_t *devices; /* NULL: there are none */
	size_t devices_len;
	unsigned nparts;
	struct save_buf part[1 + VM_MAX_VCPUS]; /* the machine, vcpus */
};

static int devices_get(struct vm *vm, const struct save_job *job, struct state *s)
{
	const struct vm_devices *d = vm->devices;
	const int64_t end = clock_ms() + SAVE_STALL_S * 1000;
	int err;

	if (!d)
		return 0;
	s->devices = malloc(SAVE_MAX);
	if (!s->devices)
		return -ENOMEM;
	/* disks answer, sooner or later: to whom is no matter here */
	for (;;) {
		err = d->save(d->arg, s->devices, SAVE_MAX, &s->devices_len);
		if (err != -EAGAIN)
			return err;
		if (!job->wanted(job->arg))
			return -ECANCELED;
		if (clock_ms() >= end)
			return -ETIME;
		usleep(REST_US);
	}
}

static int state_get(struct vm *vm, const struct save_job *job, struct state *s)
{
	int err = devices_get(vm, job, s);

	for (; s->nparts < 1 + vm->nvcpus && !err; s->nparts++) {
		struct save_buf *b = &s->part[s->nparts];

		b->data = malloc(SAVE_STATE_MAX);
		if (!b->data)
			err = -ENOMEM;
		else if (!s->nparts)
			err = save_machine_get(vm, b);
		else
			err = save_vcpu_get(vm->vcpu[s->nparts - 1], b);
	}
	return err;
}

static int state_write(const struct state *s, struct save_writer *w)
{
	int err = 0;

	if (s->devices)
		err = save_write(w, SAVE_DEVICES, s->devices, s->devices_len);
	for (unsigned i = 0; i < s->nparts && !err; i++)
		err = save_write(w, i ? SAVE_VCPU : SAVE_MACHINE, s->part[i].data,
				 s->part[i].len);
	return err;
}

static void state_free(struct state *s)
{
	free(s->devices);
	for (unsigned i = 0; i < s->nparts; i++)
		free(s->part[i].data);
}

/* The guest stands. */
static int standing_write(struct vm *vm, struct save_job *job, struct save_ram *ram,
			  struct save_writer *w)
{
	struct state s = { 0 };
	uint64_t sent;
	int err = state_get(vm, job, &s);

	/* who reads it goes on with it, before we could have ended */
	if (!err && job->live && vm->devices && vm->devices->let_go)
		err = vm->devices->let_go(vm->devices->holder);
	if (!err)
		err = round_do(job, ram, true, &sent);
	if (!err)
		err = save_ram_rest(ram);
	if (!err)
		err = state_write(&s, w);
	state_free(&s);
	return err ? err : save_write_end(w);
}

/* Others' memory, which a stream cannot take along. */
static int grants_check(struct vm *vm)
{
	struct granter *g;
	int err = 0;

	pthread_mutex_lock(&vm->lock);
	LIST_FOREACH (g, &vm->xen.grants.granters, link)
		if (g->uses)
			err = -EBUSY;
	pthread_mutex_unlock(&vm->lock);
	return err;
}

static int machine_write(struct vm *vm, struct save_job *job, struct save_writer *w)
{
	struct save_ram ram;
	int64_t start;
	int err = grants_check(vm);

	if (!err)
		err = save_ram_open(&ram, vm, w);

	if (err)
		return err;
	err = save_write_start(w);
	if (!err)
		err = save_write(w, SAVE_CONFIG, job->config, job->config_len);
	if (!err && job->live)
		err = rounds_live(job, &ram);
	if (!err)
		err = job->suspend(job->arg);
	job->suspended = !err;
	start = clock_ms();
	if (!err)
		err = grants_check(vm); /* mapped meanwhile */
	if (!err)
		err = standing_write(vm, job, &ram, w);
	job->standing_ms = (uint64_t)(clock_ms() - start);
	save_ram_close(&ram);
	return err;
}

int vm_save(struct vm *vm, struct save_job *job)
{
	struct save_writer *w = save_writer_new(job->fd, LEVEL);
	int err = w ? machine_write(vm, job, w) : -ENOMEM;

	job->bytes = w ? save_written(w) : 0;
	save_writer_free(w);
	return err;
}

/* ------------------------------------------------------------------------ in */

struct load {
	struct vm *vm;
	bool devices, machine, special;
	unsigned vcpus;
	const char *why;
};

/* Before the interrupt controllers: they forget what they are told in between. */
static int devices_take(struct load *l, const uint8_t *data, size_t len)
{
	const struct vm_devices *d = l->vm->devices;
	int err = 0;

	l->why = "it has devices that this machine has not";
	if (!d || l->devices || l->machine)
		return -EBADMSG;
	l->devices = true;
	l->why = "its disks cannot be had";
	if (d->hold)
		err = d->hold(d->holder);
	return err ? err : d->load(d->arg, data, len, &l->why);
}

static int machine_take(struct load *l, const uint8_t *data, size_t len)
{
	if (l->machine || l->devices != !!l->vm->devices)
		return -EBADMSG;
	l->machine = true;
	return save_machine_set(l->vm, data, len, &l->why);
}

static int vcpu_take(struct load *l, const uint8_t *data, size_t len)
{
	if (!l->machine || l->vcpus == l->vm->nvcpus)
		return -EBADMSG;
	return save_vcpu_set(l->vm->vcpu[l->vcpus++], data, len, &l->why);
}

static int chunk_take(struct load *l, uint32_t kind, const uint8_t *data, size_t len)
{
	l->why = "its parts do not fit together";
	switch (kind) {
	case SAVE_DEVICES:
		return devices_take(l, data, len);
	case SAVE_MACHINE:
		return machine_take(l, data, len);
	case SAVE_VCPU:
		return vcpu_take(l, data, len);
	case SAVE_PAGES:
		return save_ram_pages_set(l->vm, data, len);
	case SAVE_RELEASED:
		return save_ram_released_set(l->vm, data, len);
	case SAVE_SPECIAL:
		l->special = true;
		return save_ram_special_set(l->vm, data, len);
	case SAVE_END:
		return l->machine && l->special && l->vcpus == l->vm->nvcpus ? 0
									     : -EBADMSG;
	default: /* a second configuration */
		return -EBADMSG;
	}
}

int vm_load(struct vm *vm, int fd, const struct save_place *place, const char **why)
{
	struct save_reader *r = save_reader_new(fd, place);
	struct load l = { .vm = vm };
	const uint8_t *data = NULL;
	uint32_t kind = 0;
	size_t len = 0;
	int err = r ? 0 : -ENOMEM;

	*why = "out of memory";
	while (!err && kind != SAVE_END) {
		err = save_read(r, &kind, &data, &len);
		*why = r && err ? save_why(r) : *why;
		if (err)
			break;
		err = chunk_take(&l, kind, data, len);
		if (err)
			*why = l.why;
	}
	save_reader_free(r);
	return err;
}
