/* SPDX-License-Identifier: MIT */
/* tandem image as a program of its own, for the tests. */
#include "tools/image.h"

int main(int argc, char **argv)
{
	return image_main(argc, argv);
}
