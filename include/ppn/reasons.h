/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a packet was passed or dropped: the one list behind verdicts, per-CPU counters, `ppn status` and
 * the tests. Every stage of every program returns a reason; bpf/account.h alone turns it into a verdict.
 *
 * X(ENUM, verdict, "name", "help"). The name is what status, metrics and tests show. A reason's number
 * is its row; row 0 is the closed one. Append within a family only together with PPN_ABI.
 */
#ifndef PPN_REASONS_H
#define PPN_REASONS_H

#define PPN_REASONS(X)                                                                             \
	X(NONE, DROP, "none", "no stage gave a reason")                                            \
	/* parsing: any program */                                                                 \
	X(SHORT, DROP, "short", "shorter than its headers say")                                    \
	X(ETHERTYPE, DROP, "ethertype", "neither ARP, IPv4 nor IPv6")                              \
	X(VLAN, DROP, "vlan", "more than two VLAN tags")                                           \
	X(IP_HEADER, DROP, "ip_header", "IP version, length or kind of address wrong")             \
	X(IP_OPTION, DROP, "ip_option", "IPv4 source route, or malformed options")                 \
	X(FRAGMENT, DROP, "fragment", "IPv4 fragment")                                             \
	X(EXTENSION, DROP, "extension", "IPv6 extension header, atomic fragments included")        \
	X(L4_HEADER, DROP, "l4_header", "TCP, UDP or ICMP header wrong")                           \
	X(PROTOCOL, DROP, "protocol", "IP protocol that no row of the seal names")                 \
	/* seal and egress: drops */                                                               \
	X(MESH_OUTSIDE, DROP, "mesh_outside", "an address inside the fleet prefix, outside ppn0")  \
	X(ARP_BAD, DROP, "arp_bad", "malformed ARP")                                               \
	X(ND_BAD, DROP, "nd_bad", "neighbour discovery against RFC 4861 7.1")                      \
	X(MLD_BAD, DROP, "mld_bad", "MLD against RFC 3810 5, 6")                                   \
	X(MLD_GROUP, DROP, "mld_group", "unclaimed, and the MLD report names another group")       \
	X(ICMP, DROP, "icmp", "ICMP that no row names")                                            \
	X(RA, DROP, "ra", "router advertisement or solicitation the underlay does not allow")      \
	X(DHCP, DROP, "dhcp", "DHCP the underlay does not allow, or outside a transaction")        \
	X(RATE, DROP, "rate", "above the rate of what may pass")                                   \
	X(BEACON, DROP, "beacon", "beacon handed to ppnd")                                         \
	X(BEACON_BAD, DROP, "beacon_bad", "beacon head malformed, or its tag wrong")               \
	X(BEACON_OLD, DROP, "beacon_old", "beacon not newer than the last one of its certificate") \
	X(BEACON_LOST, DROP, "beacon_lost", "ring buffer full")                                    \
	X(BEACON_NO_PIN, DROP, "beacon_no_pin", "beacon, and no root is pinned to check it")       \
	X(KNOCK, DROP, "knock", "knock, where none is taken")                                      \
	X(HERE, DROP, "here", "here, and no seat runs on this machine")                            \
	X(NO_SEAT, DROP, "no_seat", "beacon or knock outwards, no seat runs here")                 \
	X(CLAIM_SHUT, DROP, "claim_shut", "SYN to the claim port while it is shut")                \
	X(CLAIM_NO_SOCKET, DROP, "claim_no_socket", "claim port segment of no connection")         \
	X(WG_SHUT, DROP, "wg_shut", "WireGuard while the column does not pass it")                 \
	X(PORT_SHUT, DROP, "port_shut", "TCP or UDP to a port that no row opens")                  \
	X(PORT_SOURCE, DROP, "port_source", "open port, source outside its prefixes")              \
	X(RST, DROP, "rst", "TCP reset of no claim connection, outwards")                          \
	X(EGRESS_SHUT, DROP, "egress_shut", "new flow out that no rule allows, or no more")        \
	X(FLOW_FULL, DROP, "flow_full", "new flow out, and the table of flows is full")            \
	X(FLOW_BAD, DROP, "flow_bad", "segment that its flow's state does not allow")              \
	/* seal and egress: passes */                                                              \
	X(PASS_ARP, PASS, "pass_arp", "ARP")                                                       \
	X(PASS_ND, PASS, "pass_nd", "neighbour solicitation or advertisement")                     \
	X(PASS_MLD, PASS, "pass_mld", "MLD with router alert")                                     \
	X(PASS_LACP, PASS, "pass_lacp", "LACP on a bond's member")                                 \
	X(PASS_EAPOL, PASS, "pass_eapol", "EAPOL where 802.1X is on")                              \
	X(PASS_RA, PASS, "pass_ra", "router discovery the underlay allows")                        \
	X(PASS_DHCP, PASS, "pass_dhcp", "DHCP the underlay allows")                                \
	X(PASS_PTB, PASS, "pass_ptb", "packet too big that quotes our claim connection")           \
	X(PASS_HERE, PASS, "pass_here", "here: to a seat, or the node's answer")                   \
	X(PASS_BEACON, PASS, "pass_beacon", "beacon or knock of a seat, outwards")                 \
	X(PASS_SEAT, PASS, "pass_seat", "claim connection that a seat here opened")                \
	X(PASS_SYN, PASS, "pass_syn", "SYN or SYN-ACK of the claim port")                          \
	X(PASS_CLAIM, PASS, "pass_claim", "segment of a claim connection the kernel has")          \
	X(PASS_WG, PASS, "pass_wg", "WireGuard")                                                   \
	X(PASS_OPEN, PASS, "pass_open", "port the roster opens")                                   \
	X(PASS_RESCUE, PASS, "pass_rescue", "port the local config opens")                         \
	X(PASS_FLOW, PASS, "pass_flow", "flow this node was allowed to open")                      \
	X(PASS_FLOW_ERROR, PASS, "pass_flow_error", "ICMP error that quotes such a flow")          \
	X(PASS_EGRESS, PASS, "pass_egress", "new flow out that the egress list allows")            \
	X(PASS_TRIAL, PASS, "pass_trial", "the flow of whoever tries the seal")                    \
	X(PASS_GUEST, PASS, "pass_guest", "frame of a guest behind a bridge's port")               \
	/* frame: on ppn0 */                                                                       \
	X(FRAME_OTHER, DROP, "frame_other", "frame for another node")                              \
	X(FRAME_FORM, DROP, "frame_form", "frame of a wrong length, or not to our own address")    \
	X(FRAME_SLOT, DROP, "frame_slot", "frame from an address that has no command slot")        \
	X(FRAME_TAG, DROP, "frame_tag", "frame with a wrong tag")                                  \
	X(FRAME_REPLAY, DROP, "frame_replay", "frame seen before, or below the window")            \
	X(FRAME_STALE, DROP, "frame_stale", "state-changing frame not above the last one")         \
	X(FRAME_ABOVE, DROP, "frame_above", "frame above the reserved numbers, handed to ppnd")    \
	X(FRAME_UNKNOWN, DROP, "frame_unknown", "frame with an unknown op")                        \
	X(FRAME_LOST, DROP, "frame_lost", "frame admitted, ring buffer full")                      \
	X(FRAME_ACTED, DROP, "frame_acted", "isolate or release, acted here")                      \
	X(FRAME_TAKEN, DROP, "frame_taken", "frame admitted and handed to ppnd")                   \
	X(NOT_SEAT, DROP, "not_seat", "claim endpoint on ppn0, and the source is no seat")         \
	X(ISOLATED, DROP, "isolated", "isolated, and the other side is no seat")                   \
	X(MESH_SOURCE, DROP, "mesh_source", "on ppn0, an address outside the fleet prefix")        \
	X(PASS_MESH, PASS, "pass_mesh", "between members on ppn0")

enum ppn_reason {
#define X(name, verdict, text, help) PPN_REASON_##name,
	PPN_REASONS(X)
#undef X
		_PPN_REASON_MAX,
};

enum ppn_verdict {
	PPN_VERDICT_DROP = 0,
	PPN_VERDICT_PASS = 1,
};

#endif
