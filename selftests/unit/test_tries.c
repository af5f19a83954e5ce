// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* admin/tries: the addresses of one host in their order, and what is said when none of them is a node. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "admin/tries.c"

static void add_all(struct ppn_tries *tries, size_t n)
{
	char ip[16];

	memset(tries, 0, sizeof(*tries));
	for (size_t i = 1; i <= n; i++) {
		snprintf(ip, sizeof(ip), "192.0.2.%zu", i);
		assert_int_equal(ppn_tries_add(tries, ip, 9443), 0);
	}
}

static void what_is_an_address(void **state)
{
	struct ppn_tries tries = { 0 };
	char longer[200];

	(void)state;
	memset(longer, '1', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(ppn_tries_add(&tries, "host", 1), -EINVAL);
	assert_int_equal(ppn_tries_add(&tries, "", 1), -EINVAL);
	assert_int_equal(ppn_tries_add(&tries, longer, 1), -EINVAL);
	assert_int_equal(tries.n, 0);
	assert_null(ppn_tries_next(&tries, 0));
	assert_int_equal(ppn_tries_add(&tries, "fe80::1%lo", 4711), 0);
	assert_int_equal(tries.address[0].sin6_scope_id, if_nametoindex("lo"));
	assert_int_equal(tries.address[0].sin6_port, htons(4711));
	add_all(&tries, PPN_TRIES_MAX);
	assert_int_equal(ppn_tries_add(&tries, "192.0.2.99", 1), -ENOSPC);
	assert_int_equal(tries.n, PPN_TRIES_MAX);
}

static void in_their_order(void **state)
{
	struct ppn_tries tries;

	(void)state;
	add_all(&tries, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_ptr_equal(ppn_tries_next(&tries, 1000), &tries.address[i]);
		assert_ptr_equal(ppn_tries_now(&tries), &tries.address[i]);
		ppn_tries_failed(&tries, PPN_CLAIM_CLIENT_SILENT, "silent");
	}
	assert_null(ppn_tries_next(&tries, 1000));
	ppn_tries_free(&tries);
}

static void no_longer_than_said(void **state)
{
	struct ppn_tries tries;
	char why[PPN_TRIES_WHY];

	(void)state;
	add_all(&tries, 3);
	assert_non_null(ppn_tries_next(&tries, 5000));
	ppn_tries_failed(&tries, PPN_CLAIM_CLIENT_SILENT, "no answer");
	assert_non_null(ppn_tries_next(&tries, 5000 + PPN_TRIES_MS - 1));
	ppn_tries_failed(&tries, PPN_CLAIM_CLIENT_SILENT, "no answer");
	assert_null(ppn_tries_next(&tries, 5000 + PPN_TRIES_MS));
	assert_string_equal(
		ppn_tries_why(&tries, why),
		"at 192.0.2.1: no answer; 192.0.2.2 silent, 192.0.2.3 not tried in time");
	ppn_tries_free(&tries);
}

static void one_address_needs_no_name(void **state)
{
	struct ppn_tries tries;
	char why[PPN_TRIES_WHY];

	(void)state;
	add_all(&tries, 1);
	(void)ppn_tries_next(&tries, 0);
	ppn_tries_failed(&tries, PPN_CLAIM_CLIENT_REFUSED, "nothing listens there");
	assert_string_equal(ppn_tries_why(&tries, why), "nothing listens there");
	ppn_tries_free(&tries);
}

/* From the one that tells least: each of them yields to every later one, in either order. */
static void the_furthest_is_said(void **state)
{
	static const enum ppn_claim_client_end order[] = {
		PPN_CLAIM_CLIENT_LOCAL,	   PPN_CLAIM_CLIENT_UNREACHABLE, PPN_CLAIM_CLIENT_SILENT,
		PPN_CLAIM_CLIENT_REFUSED,  PPN_CLAIM_CLIENT_NO_UPGRADE,	 PPN_CLAIM_CLIENT_NO_HELLO,
		PPN_CLAIM_CLIENT_PROTOCOL, PPN_CLAIM_CLIENT_TIMEOUT,	 PPN_CLAIM_CLIENT_CLOSED,
		PPN_CLAIM_CLIENT_NO_PROOF,
	};
	char why[PPN_TRIES_WHY], wanted[40];
	struct ppn_tries tries;

	(void)state;
	assert_int_equal(sizeof(order) / sizeof(order[0]), _PPN_CLAIM_CLIENT_MAX);
	for (size_t low = 0; low < _PPN_CLAIM_CLIENT_MAX; low++) {
		for (size_t high = low + 1; high < _PPN_CLAIM_CLIENT_MAX; high++) {
			for (size_t first = 0; first < 2; first++) {
				add_all(&tries, 2);
				for (size_t i = 0; i < 2; i++) {
					bool best = i == first;

					(void)ppn_tries_next(&tries, 0);
					ppn_tries_failed(&tries, order[best ? high : low],
							 best ? "far" : "near");
				}
				snprintf(wanted, sizeof(wanted),
					 "at 192.0.2.%zu: far; 192.0.2.%zu ", first + 1, 2 - first);
				assert_non_null(strstr(ppn_tries_why(&tries, why), wanted));
				ppn_tries_free(&tries);
			}
		}
	}
}

/* Of two that came as far, the resolver's first. */
static void the_first_of_equals(void **state)
{
	struct ppn_tries tries;
	char why[PPN_TRIES_WHY];

	(void)state;
	add_all(&tries, 2);
	(void)ppn_tries_next(&tries, 0);
	ppn_tries_failed(&tries, PPN_CLAIM_CLIENT_SILENT, "one");
	(void)ppn_tries_next(&tries, 0);
	ppn_tries_failed(&tries, PPN_CLAIM_CLIENT_SILENT, "two");
	assert_string_equal(ppn_tries_why(&tries, why), "at 192.0.2.1: one; 192.0.2.2 silent");
	ppn_tries_free(&tries);
}

/* Eight long addresses and a long reason are cut by nothing, and never overrun. */
static void as_long_as_it_gets(void **state)
{
	static const char ip[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	struct ppn_tries tries = { 0 };
	char why[PPN_TRIES_WHY], reason[2000];

	(void)state;
	memset(reason, 'x', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	for (size_t i = 0; i < PPN_TRIES_MAX; i++)
		assert_int_equal(ppn_tries_add(&tries, ip, 1), 0);
	for (size_t i = 0; i < PPN_TRIES_MAX; i++) {
		(void)ppn_tries_next(&tries, 0);
		ppn_tries_failed(&tries, PPN_CLAIM_CLIENT_NO_PROOF, reason);
	}
	ppn_tries_why(&tries, why);
	assert_true(strlen(why) > 800 && strlen(why) < sizeof(why) - 1);
	assert_string_equal(why + strlen(why) - 8, " refused");
	ppn_tries_free(&tries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_an_address),	cmocka_unit_test(in_their_order),
		cmocka_unit_test(no_longer_than_said),	cmocka_unit_test(one_address_needs_no_name),
		cmocka_unit_test(the_furthest_is_said), cmocka_unit_test(the_first_of_equals),
		cmocka_unit_test(as_long_as_it_gets),
	};

	return cmocka_run_group_tests_name("tries", tests, NULL, NULL);
}
