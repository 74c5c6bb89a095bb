/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a PVH guest: RSDP, XSDT, FADT (hardware reduced), DSDT with
 * \_S5, and a MADT with a local APIC for each vcpu. Linux starts other CPUs from it.
 */
#ifndef TANDEM_HV_KVM_ACPI_H
#define TANDEM_HV_KVM_ACPI_H

#include <stddef.h>
#include <stdint.h>

/* The sleep control and status registers, ports; SLP_EN there with type 5 is off. */
#define ACPI_SLEEP_PORT	     0x600
#define ACPI_SLEEP_TYPE_SOFT 5u
#define ACPI_SLP_TYP_SHIFT   2
#define ACPI_SLP_TYP_MASK    7u
#define ACPI_SLP_EN	     0x20u

/*
 * Writes them for memory at gpa; the RSDP comes first. How many bytes they take,
 * or -ENOSPC.
 */
int acpi_build(uint8_t *buf, size_t size, uint64_t gpa, unsigned vcpus);

#endif
