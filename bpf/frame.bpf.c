// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ppn0, in and out (PROTOCOL 5 and 6, DESIGN 5.1 and 8): the 16-byte command frame, the diode, and the
 * isolated node. Generic XDP and clsact on a device without Ethernet: byte 0 is the IP version.
 *
 * A frame, in this order: an IPv6 packet without extension header; source and destination inside the
 * fleet prefix; UDP to 8090; to our own address, 16 bytes; target = our number; slot by inner source;
 * tag; known op; above the reserved end (handed up, nothing else happens); window. No frame ever passes
 * to the stack: there is no reply path.
 *
 * One number, one command: an op of either kind marks its number in the window, and refuses one that
 * is marked. State-changing ops go by last_state alone otherwise, and may lie below the window. What
 * is refused (unknown op, ring buffer full) consumes no number, so that it can be sent again.
 *
 * Observe mode is the external seal's: the verdicts here always hold.
 */
#define PPN_PROGRAM_FRAME
#include "maps.h"
#include "account.h"
#include "parse.h"
#include "policy.h"
#include "siphash.h"

#define PPN_OP_BIT(op) (1ULL << (op))
#define X(name, number, text, state) | PPN_OP_BIT(number)
static const __u64 ops_known = 0 PPN_OPS(X);
#undef X
#define X(name, number, text, state) | ((state) ? PPN_OP_BIT(number) : 0)
static const __u64 ops_state = 0 PPN_OPS(X);
#undef X
static const __u64 ops_kernel = PPN_OP_BIT(PPN_OP_ISOLATE) | PPN_OP_BIT(PPN_OP_RELEASE);
PPN_STATIC_ASSERT(_PPN_OP_MAX <= 64, "one word holds the ops");

static __always_inline __u32 load24(const __u8 *p)
{
	return (__u32)p[0] << 16 | (__u32)p[1] << 8 | p[2];
}

/* The open slot whose seat has this mesh address. */
static __always_inline const struct ppn_slot *seat_slot(const void *address, __u32 *ret_index)
{
#pragma unroll
	for (__u32 i = 0; i < PPN_SEATS_MAX; i++) {
		__u32 key = i;
		const struct ppn_slot *slot = bpf_map_lookup_elem(&slots, &key);

		if (slot && *(const volatile __u32 *)&slot->valid &&
		    ppn_same_address(slot->address, address)) {
			*ret_index = i;
			return slot;
		}
	}
	return NULL;
}

static __always_inline _Bool is_seat(const void *address)
{
	__u32 index;

	return seat_slot(address, &index) != NULL;
}

/* On ppn0 the frame's word is enough, whatever column ppnd has written. */
static __always_inline _Bool mesh_isolated(const struct ppn_view *view)
{
	__u32 zero = 0;
	const struct ppn_command *c = bpf_map_lookup_elem(&command, &zero);

	return view->column == PPN_COLUMN_ISOLATED || !c || *(const volatile __u32 *)&c->isolated;
}

/*
 * Takes a number, or says why not and changes nothing. Of another generation than the slot's, the
 * window is empty above the slot's floor, which seq lies above.
 */
static __always_inline int take_seq(struct ppn_window *w, __u32 generation, __u32 floor, __u32 seq,
				    _Bool state)
{
	const _Bool fresh = w->generation != generation;
	const __u32 top = fresh ? floor : w->top;
	const __u32 last_state = fresh ? floor : w->last_state;
	const __u64 seen = fresh ? ~0ULL : w->seen;
	const __u32 back = top - seq, ahead = seq - top;

	if (state && seq <= last_state)
		return PPN_REASON_FRAME_STALE;
	if (seq > top) {
		w->seen = (ahead < PPN_WINDOW ? seen << ahead : 0) | 1;
		w->top = seq;
	} else {
		if (back < PPN_WINDOW ? seen >> back & 1 : !state)
			return PPN_REASON_FRAME_REPLAY;
		w->seen = seen | (back < PPN_WINDOW ? 1ULL << back : 0);
		w->top = top;
	}
	w->last_state = state ? seq : last_state;
	w->generation = generation;
	return PPN_REASON_NONE;
}

static __always_inline void fill_event(struct ppn_frame_event *event, __u32 kind, __u32 index,
				       const struct ppn_slot *slot, const struct ppn_frame *frame)
{
	event->kind = kind;
	event->slot = index;
	event->generation = slot->generation;
	event->seq = load24(frame->seq);
	__builtin_memcpy(&event->frame, frame, sizeof(event->frame));
	event->at_ns = bpf_ktime_get_ns();
}

static __always_inline int hand_up(__u32 index, const struct ppn_slot *slot,
				   const struct ppn_frame *frame)
{
	struct ppn_frame_event *event = bpf_ringbuf_reserve(&frames, sizeof(*event), 0);

	if (!event)
		return PPN_REASON_FRAME_LOST;
	fill_event(event, PPN_FRAME_ABOVE, index, slot, frame);
	bpf_ringbuf_submit(event, 0);
	return PPN_REASON_FRAME_ABOVE;
}

struct attempt {
	__u32 index, generation, floor, seq;
	_Bool state, here, isolate;
};

/* A function of its own: inlined twice, 6.1 loses track of whether there is an event. */
static __noinline int take(struct ppn_command *c, const struct attempt *a)
{
	struct ppn_window *w = &c->window[a->index & (PPN_SEATS_MAX - 1)];
	const __u32 generation = a->generation, floor = a->floor, seq = a->seq;
	const _Bool state = a->state, here = a->here, isolate = a->isolate;
	int reason;

	bpf_spin_lock(&c->lock);
	reason = take_seq(w, generation, floor, seq, state);
	if (!reason && here)
		c->isolated = isolate;
	bpf_spin_unlock(&c->lock);
	return reason;
}

/* The event's room comes first: a number is taken only when its frame reaches ppnd, or acts here. */
static __always_inline int act(__u32 index, const struct ppn_slot *slot,
			       const struct ppn_frame *frame)
{
	const __u64 op = PPN_OP_BIT(frame->op & 63);
	const struct attempt attempt = {
		.index = index,
		.generation = slot->generation,
		.floor = slot->floor,
		.seq = load24(frame->seq),
		.state = ops_state & op,
		.here = ops_kernel & op,
		.isolate = frame->op == PPN_OP_ISOLATE,
	};
	const int taken = attempt.here ? PPN_REASON_FRAME_ACTED : PPN_REASON_FRAME_TAKEN;
	struct ppn_frame_event *event;
	struct ppn_command *c;
	__u32 zero = 0;
	int refused;

	c = bpf_map_lookup_elem(&command, &zero);
	if (!c)
		return PPN_REASON_NONE;
	event = bpf_ringbuf_reserve(&frames, sizeof(*event), 0);
	if (!event) {
		if (!attempt.here)
			return PPN_REASON_FRAME_LOST;
		refused = take(c, &attempt);
		return refused ? refused : taken;
	}
	refused = take(c, &attempt);
	if (refused) {
		bpf_ringbuf_discard(event, 0);
		return refused;
	}
	fill_event(event, attempt.here ? PPN_FRAME_ACTED : PPN_FRAME_ADMITTED, index, slot, frame);
	bpf_ringbuf_submit(event, 0);
	return taken;
}
PPN_STATIC_ASSERT((PPN_SEATS_MAX & (PPN_SEATS_MAX - 1)) == 0, "a mask bounds the slot");

/* UDP to 8090, parsed: `pos` is at its payload. */
static __always_inline int judge_frame(struct ppn_packet *p, const struct ppn_policy_table *table)
{
	const struct ppn_frame *frame;
	const struct ppn_slot *slot;
	__u32 index = 0, seq;

	if (p->len != sizeof(*frame) || !ppn_same_address(&p->ip6->daddr, table->address))
		return PPN_REASON_FRAME_FORM;
	frame = ppn_take(p, sizeof(*frame));
	if (!frame)
		return PPN_REASON_FRAME_FORM;
	if (!table->number || load24(frame->target) != table->number)
		return PPN_REASON_FRAME_OTHER;
	slot = seat_slot(&p->ip6->saddr, &index);
	if (!slot)
		return PPN_REASON_FRAME_SLOT;
	if (ppn_load64(frame->tag) != ppn_siphash8(slot->key, frame))
		return PPN_REASON_FRAME_TAG;
	if (frame->op >= 64 || !(ops_known & PPN_OP_BIT(frame->op & 63)))
		return PPN_REASON_FRAME_UNKNOWN;
	seq = load24(frame->seq);
	if (seq <= slot->floor)
		return PPN_REASON_FRAME_REPLAY;
	if (seq > slot->reserved)
		return hand_up(index, slot, frame);
	return act(index, slot, frame);
}

/* What the transport header decides; PPN_REASON_NONE: nothing. */
static __always_inline int judge_transport(struct ppn_packet *p,
					   const struct ppn_policy_table *table)
{
	const __be16 claim = table->claim_port ? table->claim_port : bpf_htons(PPN_PORT_CLAIM);
	struct tcphdr *tcp;
	struct udphdr *udp;
	int reason;

	switch (p->proto) {
	case IPPROTO_UDP:
		reason = ppn_parse_udp(p, &udp);
		if (reason || udp->dest != bpf_htons(PPN_PORT_FRAME))
			return reason;
		return judge_frame(p, table);
	case IPPROTO_TCP:
		reason = ppn_parse_tcp(p, &tcp);
		if (reason || tcp->dest != claim || is_seat(&p->ip6->saddr))
			return reason;
		return PPN_REASON_NOT_SEAT;
	default:
		return ppn_peek(p, PPN_ICMP_HLEN) ? PPN_REASON_NONE : PPN_REASON_L4_HEADER;
	}
}

/* The fixed header. No IPv4 address lies inside the fleet prefix; WireGuard leaves no padding behind. */
static __always_inline int judge_ip(struct ppn_packet *p, const struct ppn_policy_table *table)
{
	const __u8 *first = ppn_peek(p, 1);
	int reason;

	if (!first)
		return PPN_REASON_SHORT;
	if (*first >> 4 == 4)
		return PPN_REASON_MESH_SOURCE;
	reason = ppn_parse_ip6(p);
	if (reason)
		return reason;
	if (p->end - p->pos != p->len)
		return PPN_REASON_IP_HEADER;
	if (p->proto == IPPROTO_HOPOPTS)
		return PPN_REASON_EXTENSION;
	reason = ppn_parse_next(p);
	if (reason)
		return reason;
	if (!ppn_in_fleet(table->fleet, &p->ip6->saddr) ||
	    !ppn_in_fleet(table->fleet, &p->ip6->daddr))
		return PPN_REASON_MESH_SOURCE;
	return PPN_REASON_NONE;
}

static __always_inline int judge_in(struct ppn_packet *p)
{
	struct ppn_view view;
	int reason;

	if (!ppn_policy_read(&view))
		return PPN_REASON_NONE;
	reason = judge_ip(p, view.table);
	if (reason)
		return reason;
	reason = judge_transport(p, view.table);
	if (reason)
		return reason;
	if (mesh_isolated(&view) && !is_seat(&p->ip6->saddr))
		return PPN_REASON_ISOLATED;
	return PPN_REASON_PASS_MESH;
}

SEC("xdp")
int frame_in(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct ppn_packet p = { .pos = data, .end = end, .len = end - data };

	return ppn_account_xdp(&frame_count, 0, judge_in(&p), end - data, 0);
}

static __always_inline int judge_out(struct __sk_buff *skb)
{
	struct ppn_view view;
	struct ipv6hdr ip;

	if (!ppn_policy_read(&view))
		return PPN_REASON_NONE;
	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
		return PPN_REASON_SHORT;
	if (ip.version != 6 || !ppn_in_fleet(view.table->fleet, &ip.saddr) ||
	    !ppn_in_fleet(view.table->fleet, &ip.daddr))
		return PPN_REASON_MESH_SOURCE;
	if (mesh_isolated(&view) && !is_seat(&ip.daddr))
		return PPN_REASON_ISOLATED;
	return PPN_REASON_PASS_MESH;
}

SEC("tc")
int frame_out(struct __sk_buff *skb)
{
	return ppn_account_tc(&frame_count, 0, judge_out(skb), skb->len, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
