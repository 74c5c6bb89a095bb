/* SPDX-License-Identifier: MIT */
/* A picture of the screen as a PNG file (ISO/IEC 15948), by libpng. */
#ifndef TANDEM_BACKENDS_PC_SCREENSHOT_H
#define TANDEM_BACKENDS_PC_SCREENSHOT_H

#include "backends/pc/vga_draw.h"

/*
 * Writes a picture that has been updated, 8 bits a colour, to fd, which stays open. It
 * takes no lock, and may take long. 0, -ENOMEM, or write(2)'s.
 */
int screenshot_png(const struct vga_screen *s, int fd);

#endif
