/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SipHash-2-4 (Aumasson, Bernstein 2012) of messages of whole 8-byte words: a command frame has one,
 * the head of a beacon five. Held to selftests/unit/vectors/siphash24.json by selftests/bpf.
 */
#ifndef PPN_BPF_SIPHASH_H
#define PPN_BPF_SIPHASH_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PPN_LE64(x) (x)
#else
#define PPN_LE64(x) __builtin_bswap64(x)
#endif

#define PPN_ROTL(x, n) (((x) << (n)) | ((x) >> (64 - (n))))

struct ppn_sip {
	__u64 v0, v1, v2, v3;
};

static __always_inline void ppn_sip_round(struct ppn_sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = PPN_ROTL(s->v1, 13) ^ s->v0;
	s->v3 = PPN_ROTL(s->v3, 16) ^ s->v2;
	s->v0 = PPN_ROTL(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = PPN_ROTL(s->v1, 17) ^ s->v2;
	s->v3 = PPN_ROTL(s->v3, 21) ^ s->v0;
	s->v2 = PPN_ROTL(s->v2, 32);
}

static __always_inline void ppn_sip_word(struct ppn_sip *s, __u64 word)
{
	s->v3 ^= word;
	ppn_sip_round(s);
	ppn_sip_round(s);
	s->v0 ^= word;
}

/*
 * The tag as it lies on the wire, read as one 64-bit load of this machine. key: 16 bytes; message:
 * words * 8 bytes, words a constant. Both may lie in a packet: the caller has checked the bounds.
 */
static __always_inline __u64 ppn_siphash(const void *key, const void *message, __u32 words)
{
	const __u64 *k = key, *m = message;
	const __u64 k0 = PPN_LE64(k[0]), k1 = PPN_LE64(k[1]);
	struct ppn_sip s = {
		.v0 = k0 ^ 0x736f6d6570736575ULL,
		.v1 = k1 ^ 0x646f72616e646f6dULL,
		.v2 = k0 ^ 0x6c7967656e657261ULL,
		.v3 = k1 ^ 0x7465646279746573ULL,
	};

#pragma unroll
	for (__u32 i = 0; i < words; i++)
		ppn_sip_word(&s, PPN_LE64(m[i]));
	ppn_sip_word(&s, (__u64)(words * 8) << 56);
	s.v2 ^= 0xff;
#pragma unroll
	for (__u32 i = 0; i < 4; i++)
		ppn_sip_round(&s);
	return PPN_LE64(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}

/* A command frame's bytes 0..7. */
static __always_inline __u64 ppn_siphash8(const void *key, const void *message)
{
	return ppn_siphash(key, message, 1);
}

/* The signed 40 bytes of struct ppn_gate_head. */
static __always_inline __u64 ppn_siphash40(const void *key, const void *message)
{
	return ppn_siphash(key, message, 5);
}

#endif
