#!/bin/bash
# SPDX-License-Identifier: MIT
# memtest86+ on the emulated PC, from its CD, in long mode with paging: it finds the memory
# that E820 tells of, and no error in its first tests. tests/vm/long has a full pass.
# images: pc, timeout: 240 s
. "$(dirname "${BASH_SOURCE[0]}")/pc.sh"
pc_start
pc_create memtest 'boot = "d"' 'memory = 16' "disk = [ $(pc_cd "$images/memtest-x64.iso") ]"
pc_screen_wait memtest 'Memtest86' 90
pc_screen_wait memtest "${MEMTEST_UNTIL-Test #[2-9]}" "${MEMTEST_SECONDS-120}"
pc_shot memtest
matches "errors" 'Errors: *0' "$(pc_text memtest)"
ok tandem destroy memtest
finish
