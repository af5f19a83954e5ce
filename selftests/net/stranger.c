// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stranger native|generic|link DEVICE: somebody else's XDP program, which passes everything. Says its id
 * and stays until it is killed; `link`: then its program goes with it, else it is taken off on SIGTERM.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int load(void)
{
	/* r0 = XDP_PASS; exit */
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
					  { .code = BPF_JMP | BPF_EXIT } };

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", insns, 2, NULL);
}

int main(int argc, char **argv)
{
	const char *how = argc == 3 ? argv[1] : "";
	uint32_t mode = strcmp(how, "generic") == 0 ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	int ifindex = argc == 3 ? (int)if_nametoindex(argv[2]) : 0, fd, err;
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	sigset_t set;
	int sig;

	if (!ifindex) {
		fputs("usage: stranger native|generic|link DEVICE\n", stderr);
		return 2;
	}
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	fd = load();
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len)) {
		perror("load");
		return 1;
	}
	if (strcmp(how, "link") == 0)
		err = bpf_link_create(fd, ifindex, BPF_XDP, NULL);
	else
		err = bpf_xdp_attach(ifindex, fd, mode, NULL);
	if (err < 0) {
		perror("attach");
		return 1;
	}
	printf("%u\n", info.id);
	(void)fflush(stdout);
	(void)sigwait(&set, &sig);
	if (strcmp(how, "link") != 0)
		(void)bpf_xdp_detach(ifindex, mode, NULL);
	return 0;
}
