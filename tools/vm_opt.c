/* SPDX-License-Identifier: MIT */
/* tandem-vm's command line. */
#include "tools/vm_opt.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "hv/base/log.h"
#include "hv/base/num.h"
#include "hv/kvm/pvh.h"
#include "tools/opt.h"

#define MIB 1048576ull

enum {
	OPT_NO_SANDBOX = 256,
	OPT_STATS,
	OPT_CALL_PORT,
	OPT_CONTROL,
	OPT_PAUSED,
	OPT_MAXMEM,
	OPT_HUGEPAGES,
	OPT_RESTORE
};

static const struct argp_option option_table[] = {
	{ "name", 'n', "NAME", 0, "what messages call it (its domain's name)", 0 },
	{ "kernel", 'k', "FILE", 0, "an ELF or bzImage kernel with a PVH entry", 0 },
	{ "ramdisk", 'r', "FILE", 0, "its initial ramdisk", 0 },
	{ "cmdline", 'a', "TEXT", 0, "its command line", 0 },
	{ "memory", 'm', "MIB", 0, "RAM, in MiB (256)", 0 },
	{ "maxmem", OPT_MAXMEM, "MIB", 0, "RAM that it may come to have (as --memory)",
	  0 },
	{ "hugepages", OPT_HUGEPAGES, NULL, 0, "huge pages, if this kernel has any", 0 },
	{ "vcpus", 'c', "N", 0, "virtual CPUs, at most 32 (1)", 0 },
	{ "control", OPT_CONTROL, "FD", 0,
	  "a listening socket: serve the control protocol there, and stay when the guest "
	  "has stopped",
	  0 },
	{ "paused", OPT_PAUSED, NULL, 0, "do not run until told so by --control", 0 },
	{ "stats", OPT_STATS, NULL, 0, "print counters at the end, as JSON on stderr",
	  0 },
	{ "call-port", OPT_CALL_PORT, NULL, 0,
	  "hypercalls by a port too: for guests that test the hypervisor", 0 },
	{ "restore", OPT_RESTORE, "FD:N:N", 0,
	  "a stream, from tandem restore, instead of a kernel", 0 },
	{ "no-sandbox", OPT_NO_SANDBOX, NULL, 0, "keep all rights: for debugging", 0 },
	{ "verbose", 'v', NULL, 0, "say what happens", 0 },
	{ 0 },
};

static uint64_t number(const char *option, const char *arg, uint64_t min, uint64_t max)
{
	uint64_t n = 0;

	if (num_parse_u64(arg, max, &n) || n < min)
		opt_error("--%s %s: want a number from %llu to %llu", option, arg,
			  (unsigned long long)min, (unsigned long long)max);
	return n;
}

static error_t parse_more(int key, struct vm_options *o, char *arg)
{
	switch (key) {
	case OPT_STATS:
		o->stats = true;
		break;
	case OPT_CONTROL:
		o->control = (int)number("control", arg, 3, 65535);
		break;
	case OPT_PAUSED:
		o->paused = true;
		break;
	case OPT_CALL_PORT:
		o->call_port = true;
		break;
	case OPT_HUGEPAGES:
		o->hugepages = true;
		break;
	case OPT_RESTORE:
		o->restore = arg;
		break;
	case OPT_NO_SANDBOX:
		o->sandbox = false;
		break;
	case 'v':
		log_set_level(LOG_INFO);
		break;
	case ARGP_KEY_ARG:
		opt_error("%s: no such argument", arg);
		break;
	case ARGP_KEY_END:
		if (o->restore ? !!o->kernel : !!o->kernel + !!o->pc.firmware != 1)
			opt_error("--kernel or --firmware: what is it to boot?");
		if (o->paused && o->control < 0)
			opt_error("--paused: nobody could make it run without "
				  "--control");
		if (o->maxmem && o->maxmem < o->memory)
			opt_error("--maxmem: less than --memory");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct vm_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->pc;
		break;
	case 'n':
		o->name = arg;
		break;
	case 'k':
		o->kernel = arg;
		break;
	case 'r':
		o->ramdisk = arg;
		break;
	case 'a':
		if (strlen(arg) >= PVH_CMDLINE_MAX)
			opt_error("--cmdline: longer than %d bytes", PVH_CMDLINE_MAX - 1);
		o->cmdline = arg;
		break;
	case 'm':
		o->memory = MIB * number("memory", arg, 2, GMEM_MAX_BYTES / MIB);
		break;
	case OPT_MAXMEM:
		o->maxmem = MIB * number("maxmem", arg, 2, GMEM_MAX_BYTES / MIB);
		break;
	case 'c':
		o->vcpus = (unsigned)number("vcpus", arg, 1, VM_MAX_VCPUS);
		break;
	default:
		return parse_more(key, o, arg);
	}
	return 0;
}

static const char doc[] =
	"One virtual machine on KVM: with Xen's guest ABI (PVH), or a PC.\v"
	"Its console is stdin and stdout. Started as a domain's program by `tandem "
	"create` "
	"it has that domain's xenstore. Ends when the guest does; status 0: powered off, "
	"17: reboot, 18: suspended, 19: crashed, 20: its watchdog, 2: a mistake, which "
	"is "
	"named.";

void vm_options(int argc, char **argv, struct vm_options *o)
{
	const struct argp_child children[] = { { &vm_pc_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = { option_table, parse, NULL, doc, children, NULL, NULL };

	*o = (struct vm_options){ .cmdline = "",
				  .memory = 256 * MIB,
				  .vcpus = 1,
				  .control = -1,
				  .pc.boot = "cda",
				  .sandbox = true };
	opt_parse(&argp, argc, argv, o);
}
