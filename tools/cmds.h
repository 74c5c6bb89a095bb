/* SPDX-License-Identifier: MIT */
/* The groups of verbs, each a table that ends with a NULL name. */
#ifndef TANDEM_TOOLS_CMDS_H
#define TANDEM_TOOLS_CMDS_H

#include "tools/cli.h"

extern const struct verb verbs_domain[];  /* cmd_domain.c */
extern const struct verb verbs_life[];	  /* cmd_life.c */
extern const struct verb verbs_pc[];	  /* cmd_pc.c */
extern const struct verb verbs_vm[];	  /* cmd_vm.c */
extern const struct verb verbs_block[];	  /* cmd_block.c */
extern const struct verb verbs_network[]; /* cmd_network.c */
extern const struct verb verbs_capture[]; /* cmd_capture.c */
extern const struct verb verbs_replay[];  /* cmd_replay.c */
extern const struct verb verbs_export[];  /* cmd_export.c */
extern const struct verb verbs_xs[];	  /* cmd_xs.c */
extern const struct verb verbs_save[];	  /* cmd_save.c */
extern const struct verb verbs_top[];	  /* cmd_top.c */
extern const struct verb verbs_info[];	  /* cmd_info.c */

/* cmd_migrate.c */
int cli_migrate(struct cli *c);
int cli_migrate_receive(struct cli *c);

#endif
