#!/bin/bash
# SPDX-License-Identifier: MIT
# The PC's tables under foreign readers: the DSDT is disassembled and compiled again by
# iasl without an error, and dmidecode reads the SMBIOS structures.
#
# usage: test_pc_tables.sh TEST_PC_ACPI
set -euo pipefail

for program in iasl dmidecode; do
	command -v "$program" >/dev/null || {
		echo "no $program: install tools/deps.d/pc"
		exit 77
	}
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" "$dir" >/dev/null 2>&1

fail() {
	echo "$*"
	exit 1
}

cd "$dir"
for name in RSDT FACP APIC FACS DSDT; do
	mv "$name" "${name,,}.dat"
	iasl -d "${name,,}.dat" >out 2>&1 || fail "iasl -d $name: $(tail -n 5 out)"
	! grep -iE 'error|invalid|incorrect checksum' out || fail "iasl -d $name"
done
mv dsdt.dsl again.dsl
iasl -p again again.dsl >out 2>&1 || fail "iasl: $(grep -A 3 -i error out)"
grep -q '0 Errors' out || fail "iasl: $(tail -n 3 out)"
# what the guest finds in it
for text in 'Device (PCI0)' 'Device (LNKD)' 'EisaId ("PNP0A03")' 'EisaId ("PNP0303")' \
	'EisaId ("PNP0F13")' 'EisaId ("PNP0B00")' 'EisaId ("PNP0501")' 'EisaId ("PNP0700")' \
	'Processor (C002, 0x02, 0x00000000, 0x00)' 'Name (\_S5' \
	'OperationRegion (PIRQ, PCI_Config, 0x60, 0x04)'; do
	grep -qF "$text" again.dsl || fail "the DSDT has no $text"
done
# slot 1's INTA# is PIRQA#, and so on round
[ "$(grep -A 4 'Package (0x04)' again.dsl | grep -c LNK)" = 128 ] || fail "_PRT"

# as /dev/mem has them: the entry point, and the structures at 32
python3 - <<'PY'
import struct
ep = bytearray(open('anchor', 'rb').read())
ep[24:28] = struct.pack('<I', 32)
ep[21] = -sum(ep[16:31]) & 255
ep[4] = -sum(ep[:31]) & 255
open('dump', 'wb').write(bytes(ep).ljust(32, b'\0') + open('smbios', 'rb').read())
PY
dmidecode --from-dump dump >out 2>&1
! grep -iE 'wrong|broken|invalid|truncated|bad|out of spec' out || fail "dmidecode"
for text in 'SMBIOS 2.5 present' 'Manufacturer: tandem' 'UUID: aa010203' 'virtual machine' \
	'Socket Designation: CPU 2' 'Range Size: 40 GB' 'Size: 10 GB' 'End Of Table'; do
	grep -q "$text" out || fail "dmidecode shows no $text: $(cat out)"
done
