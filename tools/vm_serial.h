/* SPDX-License-Identifier: MIT */
/* A serial port's other end: two descriptors, on the loop's thread. */
#ifndef TANDEM_TOOLS_VM_SERIAL_H
#define TANDEM_TOOLS_VM_SERIAL_H

#include <pthread.h>

#include "backends/pc/uart.h"
#include "hv/base/evloop.h"

struct vm_serial;

/* in and out stay the caller's. `lock`: the board's. -errno */
int vm_serial_open(struct vm_serial **serial, struct evloop *loop, pthread_mutex_t *lock,
		   int in, int out);
/* For uart_new(). */
const struct uart_peer *vm_serial_peer(struct vm_serial *s);
/* The port, once there is one: from now on bytes are taken from `in`. */
void vm_serial_start(struct vm_serial *s, struct uart *u);
/* What was sent goes out as far as it can at once. NULL is allowed. */
void vm_serial_close(struct vm_serial *s);

#endif
