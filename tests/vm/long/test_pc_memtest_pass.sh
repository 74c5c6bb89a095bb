#!/bin/bash
# SPDX-License-Identifier: MIT
# One full pass of memtest86+ over the memory of a small PC. images: pc, timeout: 3600 s
MEMTEST_UNTIL='Pass: *[1-9]' MEMTEST_SECONDS=3400
# shellcheck source=tests/vm/test_pc_memtest.sh
. "$(dirname "$0")/../test_pc_memtest.sh"
