// SPDX-License-Identifier: MIT
/*
 * Does this machine's KVM run guests of Xen's ABI? A VM with one vcpu makes a
 * hypercall that must reach us, with its registers, and get our answer.
 *
 *   test_kvm           the test
 *   test_kvm --probe   only asks: 0 if KVM can intercept Xen's hypercalls
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* all that Linux 6.12 knows, up to KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA */
#define ALL_FLAGS   0x1ffu
#define NEEDED	    (KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | KVM_XEN_HVM_CONFIG_SHARED_INFO)
#define CODE_AT	    0x1000u
#define CALLS	    1000
#define ANSWER	    0x5eed0000u
#define RESULT_PORT 0x50

static int checks, failures;

#define CHECK(cond, ...)                                    \
	do {                                                \
		checks++;                                   \
		if (!(cond)) {                              \
			failures++;                         \
			printf("FAIL line %d: ", __LINE__); \
			printf(__VA_ARGS__);                \
			putchar('\n');                      \
		}                                           \
	} while (0)

static _Noreturn void broken(const char *what)
{
	printf("FAIL %s: %s\n", what, strerror(errno));
	exit(1);
}

static int is_amd(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx;
}

/* Real mode: CALLS times hypercall 17 with two arguments, each answer to a port. */
static size_t write_guest(uint8_t *at)
{
	static const uint8_t code[] = {
		0x31, 0xf6,				   /* xor %si,%si */
		0x66, 0xb8, 17,		 0,    0,    0,	   /* again: mov $17,%eax */
		0x66, 0xbb, 0x78,	 0x56, 0x34, 0x12, /* mov $0x12345678,%ebx */
		0x66, 0x0f, 0xb7,	 0xce,		   /* movzwl %si,%ecx */
		0x0f, 0x01, 0xd9,			   /* vmmcall */
		0x66, 0xe7, RESULT_PORT,		   /* out %eax,$RESULT_PORT */
		0x46,					   /* inc %si */
		0xeb, 0xe7,				   /* jmp again */
	};
	const size_t call = 20;

	memcpy(at, code, sizeof(code));
	if (!is_amd())
		at[call + 0] = 0xc1; /* vmcall */
	return sizeof(code);
}

static void regs_set(int vcpu)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = CODE_AT, .rflags = 2 };

	if (ioctl(vcpu, KVM_GET_SREGS, &s))
		broken("KVM_GET_SREGS");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &s) || ioctl(vcpu, KVM_SET_REGS, &r))
		broken("KVM_SET_REGS");
}

/* One exit for the call, one for what the guest made of the answer. */
static void round_trip(int vcpu, struct kvm_run *run, uint32_t i)
{
	if (ioctl(vcpu, KVM_RUN, 0))
		broken("KVM_RUN");
	CHECK(run->exit_reason == KVM_EXIT_XEN, "call %u: exit %u", i, run->exit_reason);
	CHECK(run->xen.type == KVM_EXIT_XEN_HCALL, "call %u: type %u", i, run->xen.type);
	CHECK(run->xen.u.hcall.input == 17 && run->xen.u.hcall.longmode == 0,
	      "call %u: hypercall %llu", i, run->xen.u.hcall.input);
	CHECK(run->xen.u.hcall.params[0] == 0x12345678 && run->xen.u.hcall.params[1] == i,
	      "call %u: arguments %llx %llx", i, run->xen.u.hcall.params[0],
	      run->xen.u.hcall.params[1]);
	run->xen.u.hcall.result = ANSWER + i;
	if (ioctl(vcpu, KVM_RUN, 0))
		broken("KVM_RUN");
	CHECK(run->exit_reason == KVM_EXIT_IO && run->io.port == RESULT_PORT &&
		      run->io.size == 4,
	      "answer %u: exit %u", i, run->exit_reason);
	CHECK(*(uint32_t *)((uint8_t *)run + run->io.data_offset) == ANSWER + i,
	      "answer %u did not arrive", i);
}

static void hypercalls(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu,
	    size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_xen_hvm_config conf = { .flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
					   .msr = 0x40000000 };
	uint8_t *ram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region mem = { .memory_size = 0x10000,
						   .userspace_addr = (uintptr_t)ram };
	struct kvm_run *run;
	struct timespec a, b;

	if (vm < 0 || size < 0 || ram == MAP_FAILED)
		broken("KVM_CREATE_VM");
	if (ioctl(vm, KVM_XEN_HVM_CONFIG, &conf))
		broken("KVM_XEN_HVM_CONFIG");
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem))
		broken("KVM_SET_USER_MEMORY_REGION");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (vcpu < 0 || run == MAP_FAILED)
		broken("KVM_CREATE_VCPU");
	write_guest(ram + CODE_AT);
	regs_set(vcpu);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (uint32_t i = 0; i < CALLS && failures == 0; i++)
		round_trip(vcpu, run, i);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("a hypercall and an output: %.1f us\n",
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
		       CALLS / 1e3);
	close(vcpu);
	close(vm);
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int flags = kvm < 0 ? 0 : ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_XEN_HVM);

	if (argc > 1 && strcmp(argv[1], "--probe") == 0)
		return flags < 0 || ((unsigned)flags & NEEDED) != NEEDED;
	if (kvm < 0)
		broken("/dev/kvm");
	printf("KVM_CAP_XEN_HVM: 0x%x\n", (unsigned)flags);
	CHECK(((unsigned)flags & ALL_FLAGS) == ALL_FLAGS, "KVM_CAP_XEN_HVM lacks 0x%x",
	      ALL_FLAGS & ~(unsigned)flags);
	if (flags > 0 && ((unsigned)flags & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL))
		hypercalls(kvm);
	printf("%d checks, %d failed\n", checks, failures);
	return failures > 0;
}
