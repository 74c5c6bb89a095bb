/* SPDX-License-Identifier: MIT */
/* A machine stands still, and goes on. */
#include <time.h>

#include "hv/kvm/vm.h"

static unsigned started(const struct vm *vm)
{
	unsigned n = 0;

	for (unsigned i = 0; i < vm->nvcpus; i++)
		n += vm->vcpu[i] && vm->vcpu[i]->started;
	return n;
}

bool vm_is_paused(const struct vm *vm)
{
	return atomic_load(&vm->pausing);
}

void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	/* before the kicks: who is kicked looks at it before it enters the guest */
	atomic_store(&vm->pausing, true);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_kick(vm->vcpu[i]);
	while (vm->parked < started(vm))
		pthread_cond_wait(&vm->park, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
	if (vm->devices)
		vm->devices->stand(vm->devices->arg);
}

void vm_unpause(struct vm *vm)
{
	/* one that was not paused may be standing all the same, as it is saved */
	if (vm->devices && vm_is_paused(vm))
		vm->devices->go(vm->devices->arg);
	pthread_mutex_lock(&vm->lock);
	atomic_store(&vm->pausing, false);
	pthread_cond_broadcast(&vm->park);
	pthread_mutex_unlock(&vm->lock);
}

void vcpu_park(struct vcpu *v)
{
	struct vm *vm = v->vm;

	pthread_mutex_lock(&vm->lock);
	vm->parked++;
	pthread_cond_broadcast(&vm->park);
	/* a machine that is stopped is unpaused by vm_join() */
	while (vm_is_paused(vm))
		pthread_cond_wait(&vm->park, &vm->lock);
	vm->parked--;
	pthread_mutex_unlock(&vm->lock);
}

void vcpu_ended(struct vcpu *v)
{
	pthread_mutex_lock(&v->vm->lock);
	v->vm->parked++;
	pthread_cond_broadcast(&v->vm->park);
	pthread_mutex_unlock(&v->vm->lock);
}

uint64_t vcpu_cpu_time(const struct vcpu *v)
{
	struct timespec ts;
	clockid_t clock;

	if (!v->started || pthread_getcpuclockid(v->thread, &clock) ||
	    clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
