/* SPDX-License-Identifier: MIT */
/* tandem image: disk images made, converted, shown, checked and committed. */
#ifndef TANDEM_TOOLS_IMAGE_H
#define TANDEM_TOOLS_IMAGE_H

/*
 * argv[0] is "image", argv[1] the verb. Returns the exit status: 0 good, 1
 * damaged (check), 2 anything else, after one line on stderr; 130 and the like
 * after a signal. Changes signal handlers and restores them.
 */
int image_main(int argc, char **argv);

#endif
