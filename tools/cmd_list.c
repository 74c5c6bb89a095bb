/* SPDX-License-Identifier: MIT */
/* tandem list, vcpu-list: what xl shows of domains. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_domain.h"
#include "tools/cmd_vm.h"

#define MIB 1048576u

/* ----------------------------------------------------------------------- list */

static json_t *domain_object(struct cli *c, const struct cli_domain *dom)
{
	json_t *o = json_object();
	cleanup_close int fd = vm_connect(dom->id);
	struct vm_look l = { 0 };
	struct spawned s;
	struct task t = { 0 };
	char state[7] = "------";
	const char *type = "proc";
	bool alive = !domain_program(c, dom->id, &s) && spawn_alive(&s);

	if (fd >= 0 && !vm_look(fd, &l)) {
		vm_state_text(&l, state);
		type = l.pc ? "hvm" : "pvh";
	} else if (fd < 0 && alive && !task_read(s.pid, &t)) {
		state[t.state == 'R' ? 0 : 1] = t.state == 'R' ? 'r' : 'b';
		l.seconds = t.seconds;
	}
	json_object_set_new(o, "name", cli_json_str(dom->name));
	json_object_set_new(o, "domid", json_integer(dom->id));
	json_object_set_new(o, "type", json_string(type));
	json_object_set_new(o, "memory", json_integer((json_int_t)(l.memory / MIB)));
	json_object_set_new(o, "resident", json_integer((json_int_t)l.resident));
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

static json_t *exits_object(int fd, unsigned id)
{
	uint64_t exits[VM_NR_EXITS];
	json_t *o;

	if (vcpu_exits(fd, id, exits))
		return json_null();
	o = json_object();
	for (unsigned i = 0; i < VM_NR_EXITS; i++)
		json_object_set_new(o, vm_exit_name(i),
				    json_integer((json_int_t)exits[i]));
	return o;
}

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
				      json_pack("{s:o, s:i, s:i, s:o, s:s, s:f, s:o}",
						"name", cli_json_str(dom->name), "domid",
						(int)dom->id, "vcpu", (int)i, "cpu",
						ran ? json_integer(t.cpu) : json_null(),
						"state", state, "time", v.seconds,
						"exits", exits_object(fd, i)));
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
