/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What cppcheck is told of macros whose headers it does not read (it reads none of the system's).
 * By -D this cannot be said: it would cut them at their semicolons and then check nothing.
 */
#define SEC(name)
#define LIBBPF_OPTS(type, name, ...) struct type name = { __VA_ARGS__ }
#define DECLARE_LIBBPF_OPTS LIBBPF_OPTS
#define DECLARE_LIBXDP_OPTS LIBBPF_OPTS
#define json_array_foreach(array, index, value) \
	for (index = 0; (value = json_array_get(array, index)); index++)
#define json_object_foreach(object, key, value)                    \
	for (key = json_object_iter_key(json_object_iter(object)); \
	     key && (value = json_object_get(object, key)); key = next_key(object, key))
