/* SPDX-License-Identifier: MIT */
/* tandem create: a domain from a name or a configuration in xl.cfg's syntax. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/proc/hvclient.h"
#include "tools/cmd_domain.h"
#include "tools/cmd_vm.h"
#include "tools/create_dev.h"
#include "tools/create_vm.h"
#include "tools/vm_keeper.h"
#include "tools/vm_xs.h"
#include "tools/xlcfg.h"

/* What a configuration says, checked. */
struct guest {
	const char *name;
	uint32_t domid; /* 0: any */
	struct guest_devices devices;
	char **exec; /* NULL, or as execvp() wants it */
	char *words; /* what exec points into, if split here */
	bool is_vm;  /* whose program is tandem-vm */
	struct vm_keys vm;
	struct vm_command command;
};

static void guest_clear(struct guest *g)
{
	devices_clear(&g->devices);
	free(g->exec);
	free(g->words);
	vm_command_clear(&g->command);
	vm_keys_clear(&g->vm);
}

static int bad_name(struct cli *c, const char *name)
{
	return cli_fail(
		c,
		"'%.80s' is no name for a domain: 1 to 63 letters, digits, _ . -, "
		"not digits alone, would be right",
		name);
}

/* ----------------------------------------------------------- configuration */

static int cfg_fail(struct cli *c, char *why, int err)
{
	int status = cli_fail(c, "%s", why ? why : strerror(-err));

	free(why);
	return status;
}

/* The first argument, a file or a name, then the others as lines of their own. */
static int read_config(struct cli *c, struct xlcfg *cfg)
{
	const char *arg = c->argv[0];
	size_t len = strlen(arg);
	char *why, line[HVCALL_NAME_MAX + 16];
	int err;

	if (strchr(arg, '/') || (len > 4 && !strcmp(arg + len - 4, ".cfg"))) {
		err = xlcfg_parse_file(cfg, arg, &why);
	} else if (!domain_name_ok(arg)) {
		return bad_name(c, arg);
	} else {
		snprintf(line, sizeof(line), "name='%s'", arg);
		err = xlcfg_parse(cfg, "name", line, &why);
	}
	if (err)
		return cfg_fail(c, why, err);
	for (int i = 1; i < c->argc; i++) {
		err = xlcfg_parse(cfg, "argument", c->argv[i], &why);
		if (err)
			return cfg_fail(c, why, err);
	}
	return 0;
}

static int take_name(struct cli *c, struct guest *g, const struct xlcfg_value *v)
{
	if (v->is_list || !domain_name_ok(v->items[0]))
		return bad_name(c, v->is_list ? "[list]" : v->items[0]);
	g->name = v->items[0];
	return 0;
}

static int take_type(struct cli *c, struct guest *g, const struct xlcfg_value *v)
{
	const char *type = v->is_list ? "[list]" : v->items[0];

	g->vm.hvm = !strcmp(type, "hvm");
	g->is_vm = g->vm.hvm || !strcmp(type, "pvh");
	if (g->is_vm || !strcmp(type, "proc"))
		return 0;
	return cli_fail(c,
			"type '%.40s' is not supported: \"pvh\", \"hvm\" or \"proc\" "
			"would be right",
			type);
}

static int take_domid(struct cli *c, struct guest *g, const struct xlcfg_value *v)
{
	uint64_t id = 0;

	if (v->is_list || cli_parse_number(v->items[0], DOMID_FIRST_RESERVED - 1, &id) ||
	    !id)
		return cli_fail(c, "domid '%.40s' is no number from 1 to %u",
				v->is_list ? "[list]" : v->items[0],
				DOMID_FIRST_RESERVED - 1);
	g->domid = (uint32_t)id;
	return 0;
}

static int take_exec(struct cli *c, struct guest *g, const struct xlcfg_value *v)
{
	size_t n = 0, max = v->is_list ? v->n : strlen(v->items[0]) / 2 + 1;
	char *save = NULL;

	g->exec = calloc(max + 1, sizeof(*g->exec));
	if (!v->is_list)
		g->words = strdup(v->items[0]);
	if (!g->exec || (!v->is_list && !g->words))
		return cli_fail(c, "out of memory");
	for (; v->is_list && n < v->n; n++)
		g->exec[n] = v->items[n];
	if (!v->is_list)
		for (char *w = strtok_r(g->words, " \t\n", &save); w;
		     w = strtok_r(NULL, " \t\n", &save))
			g->exec[n++] = w;
	if (!n || !*g->exec[0])
		return cli_fail(c, "exec names no program: exec=['PROGRAM', 'ARGUMENT'] "
				   "would be right");
	return 0;
}

static int take_disks(struct cli *c, struct guest *g, const struct xlcfg_value *v)
{
	return devices_take_disks(c, &g->devices, v);
}

static int take_vifs(struct cli *c, struct guest *g, const struct xlcfg_value *v)
{
	return devices_take_vifs(c, &g->devices, v);
}

static const struct {
	const char *key;
	int (*take)(struct cli *c, struct guest *g, const struct xlcfg_value *v);
} keys[] = {
	{ "name", take_name },	{ "type", take_type }, { "domid", take_domid },
	{ "disk", take_disks }, { "vif", take_vifs },  { "exec", take_exec },
};

/* Does all of it go together? */
static int check_guest(struct cli *c, struct guest *g)
{
	int status = 0;

	if (!g->name)
		return cli_fail(c, "name is missing: name=\"guest0\" would be right");
	if (!g->is_vm && vm_keys_given(&g->vm))
		return cli_fail(c, "kernel, memory and the like are a VM's: type=\"pvh\" "
				   "or \"hvm\" would be right");
	if (g->is_vm && g->exec)
		return cli_fail(c, "exec: a VM has a kernel instead");
	if (g->is_vm)
		status = vm_keys_check(c, &g->vm);
	if (!status && g->vm.hvm)
		status = pc_devices_take(c, &g->vm.pc, &g->devices);
	return status;
}

static int check_config(struct cli *c, const struct xlcfg *cfg, struct guest *g)
{
	const size_t n = sizeof(keys) / sizeof(*keys);

	for (const struct xlcfg_entry *e = cfg->first; e; e = e->next) {
		size_t i = 0;
		int status;

		while (i < n && strcmp(keys[i].key, e->key))
			i++;
		status = i < n ? keys[i].take(c, g, &e->value)
			       : vm_key_take(c, &g->vm, e->key, &e->value);
		if (status == -ENOENT)
			return cli_fail(
				c,
				"key '%.64s' is not supported: name, type, domid, disk, "
				"vif, exec, kernel, ramdisk, cmdline, root, extra, "
				"memory, maxmem, vcpus, maxvcpus, hugepages, uuid, "
				"on_poweroff, on_reboot, on_crash and on_watchdog are, "
				"and "
				"those of a PC in tandem-pc(5)",
				e->key);
		if (status)
			return status;
	}
	return check_guest(c, g);
}

/* ----------------------------------------------------------------- creation */

static int create_domain(struct cli *c, const struct guest *g, struct cli_domain *dom)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_CREATE,
			       .domid = g->domid,
			       .flags = g->is_vm ? HVCALL_DOMAIN_VM : 0 };
	struct hvreply reply;
	int err = hvclient_str(&call, g->name);

	if (!err)
		err = hvclient_call(c->hv, &call, &reply, NULL, NULL);
	if (err == -EEXIST)
		return cli_fail(c, "there is a domain of that name or id already: %s",
				g->name);
	if (err)
		return cli_fail(c, "%s: %s", g->name, cli_strerror(err));
	dom->id = (domid_t)reply.domid;
	snprintf(dom->name, sizeof(dom->name), "%s", g->name);
	return 0;
}

static int start_program(struct cli *c, const struct guest *g,
			 const struct cli_domain *dom, struct spawned *s)
{
	cleanup_close int conn = -1;
	const char *what = "connection";
	int err = hvclient_domain_connect(c->hv, dom->id, NULL, &conn);

	if (!err)
		err = spawn_program(g->exec, conn, g->name, s, &what);
	if (err)
		return cli_fail(c, "exec: %s: %s", what, cli_strerror(err));
	err = domain_record(c, dom->id, s);
	if (!err)
		return 0;
	(void)spawn_end(s); /* cannot fail in a way that could be mended */
	return cli_fail(c, "xenstore: %s", cli_strerror(err));
}

static int destroy_again(struct cli *c, const struct guest *g,
			 const struct cli_domain *dom)
{
	int err = domain_destroy(c, dom);

	if (err && err != -ENOTCONN) /* that was said */
		cli_warn(c, "%s: cannot take it back: %s", g->name, cli_strerror(err));
	return CLI_EXIT_FAILURE;
}

/* The domain with its keys and devices, without a program. */
static int build(struct cli *c, void *arg, struct cli_domain *dom)
{
	struct guest *g = arg;
	int status = create_domain(c, g, dom);

	if (status)
		return status;
	vm_command_clear(&g->command);
	if (g->is_vm) /* again: a PC may have other media than in its life before */
		status = vm_command_make(c, &g->vm, g->name, &g->command);
	if (!status && g->is_vm)
		status = vm_xs_make(c, dom->id, g->name, g->vm.life.uuid);
	if (!status && g->is_vm)
		status = vm_keys_write(c, &g->vm, dom->id);
	if (!status)
		status = devices_attach(c, dom, &g->devices);
	return status ? destroy_again(c, g, dom) : 0;
}

static int create_process(struct cli *c, struct guest *g)
{
	struct cli_domain dom = { 0 };
	struct spawned program = { 0 };
	int status = cli_need_plat(c);

	if (!status)
		status = build(c, g, &dom);
	if (status)
		return status;
	if (g->exec && start_program(c, g, &dom, &program))
		return destroy_again(c, g, &dom);
	if (!c->json)
		return 0;
	return cli_print_json(c, json_pack("{s:s, s:i, s:o}", "name", g->name, "domid",
					   (int)dom.id, "pid",
					   program.pid ? json_integer(program.pid)
						       : json_null()));
}

static int create_vm(struct cli *c, struct guest *g)
{
	const struct vm_plan plan = { .name = g->name,
				      .argv = g->command.argv,
				      .keys = &g->vm,
				      .paused = c->paused,
				      .build = build,
				      .arg = g };
	int status;

	life_uuid_make(&g->vm.life);
	status = vm_keep(c, &plan);
	return status || !c->console ? status : console_attach(c, g->name);
}

int cli_create(struct cli *c)
{
	struct xlcfg cfg = { 0 };
	struct guest g = { 0 };
	int status = read_config(c, &cfg);

	if (!status)
		status = check_config(c, &cfg, &g);
	if (!status && !g.is_vm && (c->paused || c->console))
		status = cli_fail(c, "--paused and --console are for VMs: type=\"pvh\" "
				     "would be right");
	if (!status)
		status = g.is_vm ? create_vm(c, &g) : create_process(c, &g);
	guest_clear(&g);
	xlcfg_clear(&cfg);
	return status;
}
