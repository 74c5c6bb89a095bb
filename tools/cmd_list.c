/* SPDX-License-Identifier: MIT */
/* tandem list, vcpu-list: what xl shows of domains. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/kvm/xen_abi.h"
#include "tools/cmd_domain.h"
#include "tools/cmd_vm.h"
#include "tools/vmctl_client.h"

#define LOOK_MS 1000
#define MIB	1048576u

int task_read(long tid, struct task *t)
{
	unsigned long user, system;
	char path[48], buf[1024], *p;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%ld/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	p = strrchr(buf, ')'); /* the name may contain anything */
	/* fields 3; 14, 15; 39 */
	if (!p ||
	    sscanf(p + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
		   "%*d %*d %*u %*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u "
		   "%*u %*d %u",
		   &t->state, &user, &system, &t->cpu) != 4)
		return -ESRCH;
	t->seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return 0;
}

/* -------------------------------------------------------------------- looking */

int vm_connect(domid_t domid)
{
	return vmctl_connect(domid, "", SOCK_SEQPACKET);
}

int vcpu_look(int fd, unsigned id, struct vcpu_look *l)
{
	struct vmctl_call call = { .op = VMCTL_VCPU, .id = id };
	struct vmctl_reply reply;
	int err = vmctl_call(fd, &call, &reply, LOOK_MS);

	if (err)
		return err;
	l->online = reply.flags & VMCTL_ONLINE;
	l->seconds = (double)reply.value / 1e9;
	l->tid = (long)reply.value2;
	return 0;
}

int vm_look(int fd, struct vm_look *l)
{
	struct vmctl_call call = { .op = VMCTL_INFO };
	struct vmctl_reply reply;
	struct vcpu_look v;
	struct task t;
	int err = vmctl_call(fd, &call, &reply, LOOK_MS);

	*l = (struct vm_look){ 0 };
	if (err)
		return err;
	l->paused = reply.flags & VMCTL_PAUSED;
	l->stopped = reply.flags & VMCTL_STOPPED;
	l->reason = (int)reply.value2;
	l->memory = reply.value;
	for (unsigned i = 0; !err && i < reply.id; i++) {
		err = vcpu_look(fd, i, &v);
		if (err)
			break;
		l->vcpus += v.online;
		l->seconds += v.seconds;
		l->running |= !task_read(v.tid, &t) && t.state == 'R';
	}
	return err;
}

const char *vm_state_text(const struct vm_look *l, char text[7])
{
	bool crashed = l->stopped && l->reason == SHUTDOWN_crash, lives = !l->stopped;

	text[0] = lives && !l->paused && l->running ? 'r' : '-';
	text[1] = lives && !l->paused && !l->running ? 'b' : '-';
	text[2] = lives && l->paused ? 'p' : '-';
	text[3] = l->stopped ? 's' : '-';
	text[4] = crashed ? 'c' : '-';
	text[5] = '-'; /* a domain that dies is not seen here any more */
	text[6] = '\0';
	return text;
}

/* ----------------------------------------------------------------------- list */

static json_t *domain_object(struct cli *c, const struct cli_domain *dom)
{
	json_t *o = json_object();
	cleanup_close int fd = vm_connect(dom->id);
	struct vm_look l = { 0 };
	struct spawned s;
	struct task t = { 0 };
	char state[7] = "------";
	bool alive = !domain_program(c, dom->id, &s) && spawn_alive(&s);

	if (fd >= 0 && !vm_look(fd, &l)) {
		vm_state_text(&l, state);
	} else if (fd < 0 && alive && !task_read(s.pid, &t)) {
		state[t.state == 'R' ? 0 : 1] = t.state == 'R' ? 'r' : 'b';
		l.seconds = t.seconds;
	}
	json_object_set_new(o, "name", cli_json_str(dom->name));
	json_object_set_new(o, "domid", json_integer(dom->id));
	json_object_set_new(o, "memory", json_integer((json_int_t)(l.memory / MIB)));
	json_object_set_new(o, "vcpus", json_integer(l.vcpus));
	json_object_set_new(o, "state", cli_json_str(state));
	json_object_set_new(o, "time", json_real(l.seconds));
	json_object_set_new(o, "connections", json_integer(dom->connections));
	json_object_set_new(o, "pid", alive ? json_integer(s.pid) : json_null());
	return o;
}

static json_int_t integer(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void print_domain(json_t *o)
{
	char name[HVCALL_NAME_MAX];

	snprintf(name, sizeof(name), "%s", json_string_value(json_object_get(o, "name")));
	cli_clean(name);
	printf("%-40s %5" JSON_INTEGER_FORMAT " %5" JSON_INTEGER_FORMAT
	       " %5" JSON_INTEGER_FORMAT "     %s  %8.1f\n",
	       name, integer(o, "domid"), integer(o, "memory"), integer(o, "vcpus"),
	       json_string_value(json_object_get(o, "state")),
	       json_real_value(json_object_get(o, "time")));
}

/* Calls fn for each domain, or for those that are named. 0 or 2 */
static int each_domain(struct cli *c,
		       int (*fn)(struct cli *c, struct cli_domain *dom, json_t *list),
		       json_t *list)
{
	struct cli_domain dom;
	uint32_t from = 0;
	int err = 0, status = 0;

	for (int i = 0; !status && i < c->argc; i++) {
		status = cli_find_domain(c, c->argv[i], &dom);
		if (!status)
			status = fn(c, &dom, list);
	}
	while (!status && !c->argc && !(err = cli_next_domain(c, from, &dom))) {
		status = fn(c, &dom, list);
		from = dom.id + 1u;
	}
	if (!status && err && err != -ENOENT)
		status = cli_fail(c, "asking for the domains: %s", cli_strerror(err));
	return status;
}

static int add_domain(struct cli *c, struct cli_domain *dom, json_t *list)
{
	json_array_append_new(list, domain_object(c, dom));
	return 0;
}

int cli_list(struct cli *c)
{
	json_t *list;
	size_t i;
	int status = cli_need_plat(c);

	if (status)
		return status;
	list = json_array();
	status = each_domain(c, add_domain, list);
	if (!status && c->json)
		return cli_print_json(c, list);
	if (!status) {
		printf("%-40s %5s %5s %5s\tState\tTime(s)\n", "Name", "ID", "Mem",
		       "VCPUs");
		for (i = 0; i < json_array_size(list); i++)
			print_domain(json_array_get(list, i));
	}
	json_decref(list);
	return status;
}

/* ------------------------------------------------------------------ vcpu-list */

static int add_vcpus(struct cli *c, struct cli_domain *dom, json_t *list)
{
	cleanup_close int fd = vm_connect(dom->id);
	struct vcpu_look v;
	struct vm_look l;

	(void)c;
	if (fd < 0 || vm_look(fd, &l))
		return 0; /* no VM */
	for (unsigned i = 0; !vcpu_look(fd, i, &v); i++) {
		struct task t = { 0 };
		bool ran = v.online && !l.stopped && !task_read(v.tid, &t);
		char state[4] = "---";

		if (ran && l.paused)
			state[2] = 'p';
		else if (ran)
			state[t.state == 'R' ? 0 : 1] = t.state == 'R' ? 'r' : 'b';
		json_array_append_new(list,
				      json_pack("{s:o, s:i, s:i, s:o, s:s, s:f}", "name",
						cli_json_str(dom->name), "domid",
						(int)dom->id, "vcpu", (int)i, "cpu",
						ran ? json_integer(t.cpu) : json_null(),
						"state", state, "time", v.seconds));
	}
	return 0;
}

static void print_vcpu(json_t *o)
{
	json_t *cpu = json_object_get(o, "cpu");
	char name[HVCALL_NAME_MAX], number[16] = "-";

	snprintf(name, sizeof(name), "%s", json_string_value(json_object_get(o, "name")));
	cli_clean(name);
	if (json_is_integer(cpu))
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(cpu));
	printf("%-32s %5" JSON_INTEGER_FORMAT " %5" JSON_INTEGER_FORMAT
	       " %5s   %s %9.1f  all / all\n",
	       name, integer(o, "domid"), integer(o, "vcpu"), number,
	       json_string_value(json_object_get(o, "state")),
	       json_real_value(json_object_get(o, "time")));
}

int cli_vcpu_list(struct cli *c)
{
	json_t *list;
	size_t i;
	int status = cli_need_hv(c);

	if (status)
		return status;
	list = json_array();
	status = each_domain(c, add_vcpus, list);
	if (!status && c->json)
		return cli_print_json(c, list);
	if (!status) {
		printf("%-32s %5s %5s %5s %5s %9s Affinity (Hard / Soft)\n", "Name", "ID",
		       "VCPU", "CPU", "State", "Time(s)");
		for (i = 0; i < json_array_size(list); i++)
			print_vcpu(json_array_get(list, i));
	}
	json_decref(list);
	return status;
}
