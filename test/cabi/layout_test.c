/* What ABI version 1 promised about its structures on 64-bit machines. A line that fails
 * here means that drivers which exist would break: append instead, or raise
 * SIGNET_ABI_VERSION. Appending a member changes a size, and only that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <signet/driver.h>

#if UINTPTR_MAX == 0xffffffffffffffff
#define AT(structure, member, offset) \
  _Static_assert(offsetof(struct structure, member) == (offset), #structure "." #member)

/* clang-format off */
AT(signet_text, data, 0);
AT(signet_text, size, 8);
AT(signet_option, name, 0);
AT(signet_option, kind, 16);
AT(signet_option, reserved, 20);
AT(signet_option, alias_of, 24);
AT(signet_option, default_text, 40);
AT(signet_option, manual, 56);
AT(signet_endpoint, size, 0);
AT(signet_endpoint, host, 8);
AT(signet_endpoint, unix_path, 24);
AT(signet_endpoint, port, 40);
AT(signet_endpoint, reserved, 44);
AT(signet_tls_options, size, 0);
AT(signet_tls_options, verify_name, 8);
AT(signet_tls_options, ca_file, 24);
AT(signet_tls_options, ca_directory, 40);
AT(signet_tls_options, certificate_file, 56);
AT(signet_tls_options, key_file, 72);
AT(signet_tls_options, ciphers, 88);
AT(signet_tls_options, do_not_verify, 104);
AT(signet_tls_options, reserved, 108);
AT(signet_host, abi_version, 0);
AT(signet_host, reserved, 4);
AT(signet_host, size, 8);
AT(signet_host, expand, 16);
AT(signet_host, option_text, 24);
AT(signet_host, option_number, 32);
AT(signet_host, value_text, 40);
AT(signet_host, value_count, 48);
AT(signet_host, value_element, 56);
AT(signet_host, set_auth, 64);
AT(signet_host, set_auth_text, 72);
AT(signet_host, check_condition, 80);
AT(signet_host, reason, 88);
AT(signet_host, challenge, 96);
AT(signet_host, log, 104);
AT(signet_host, answer, 112);
AT(signet_host, main_option, 120);
AT(signet_host, worker_log, 128);
AT(signet_host, now_ms, 136);
AT(signet_host, spawn, 144);
AT(signet_host, run_blocking, 152);
AT(signet_host, run_on_big_stack, 160);
AT(signet_host, event_new, 168);
AT(signet_host, event_wait, 176);
AT(signet_host, event_signal, 184);
AT(signet_host, event_free, 192);
AT(signet_host, connect, 200);
AT(signet_host, start_tls, 208);
AT(signet_host, read, 216);
AT(signet_host, write, 224);
AT(signet_host, read_pending, 232);
AT(signet_host, stream_why, 240);
AT(signet_host, shutdown, 248);
AT(signet_host, close, 256);
AT(signet_host, changed, 264);
AT(signet_host, entry, 272);
AT(signet_host, match_pattern, 280);
AT(signet_host, variable, 288);
AT(signet_host, public_name, 296);
AT(signet_host, advertised, 304);
AT(signet_host, channel_binding, 312);
AT(signet_host, call_worker, 320);
AT(signet_host, set_state, 328);
AT(signet_host, value_own, 336);
AT(signet_host, identity, 344);
AT(signet_host, value_list, 352);
AT(signet_auth_driver, abi_version, 0);
AT(signet_auth_driver, flags, 4);
AT(signet_auth_driver, size, 8);
AT(signet_auth_driver, name, 16);
AT(signet_auth_driver, manual, 32);
AT(signet_auth_driver, options, 48);
AT(signet_auth_driver, option_count, 56);
AT(signet_auth_driver, option_size, 64);
AT(signet_auth_driver, authenticate, 72);
AT(signet_auth_driver, step, 80);
AT(signet_auth_driver, end, 88);
AT(signet_auth_driver, needs, 96);
AT(signet_auth_driver, offered, 112);
AT(signet_lookup_type, name, 0);
AT(signet_lookup_type, flags, 16);
AT(signet_lookup_type, accepts, 20);
AT(signet_lookup_type, manual, 24);
AT(signet_lookup_type, options, 40);
AT(signet_lookup_type, outsiders, 56);
AT(signet_lookup_call, size, 0);
AT(signet_lookup_call, type, 8);
AT(signet_lookup_call, reserved, 12);
AT(signet_lookup_call, key, 16);
AT(signet_lookup_call, query, 32);
AT(signet_lookup_call, options, 48);
AT(signet_lookup_call, deadline_ms, 64);
AT(signet_lookup_driver, abi_version, 0);
AT(signet_lookup_driver, reserved, 4);
AT(signet_lookup_driver, size, 8);
AT(signet_lookup_driver, name, 16);
AT(signet_lookup_driver, main_options, 32);
AT(signet_lookup_driver, main_option_count, 40);
AT(signet_lookup_driver, main_option_size, 48);
AT(signet_lookup_driver, types, 56);
AT(signet_lookup_driver, type_count, 64);
AT(signet_lookup_driver, type_size, 72);
AT(signet_lookup_driver, open, 80);
AT(signet_lookup_driver, close, 88);
AT(signet_lookup_driver, find, 96);
AT(signet_lookup_driver, authenticate, 104);
AT(signet_lookup_driver, quote, 112);
AT(signet_module, abi_version, 0);
AT(signet_module, reserved, 4);
AT(signet_module, size, 8);
AT(signet_module, name, 16);
AT(signet_module, version, 32);
AT(signet_module, auths, 48);
AT(signet_module, auth_count, 56);
AT(signet_module, lookups, 64);
AT(signet_module, lookup_count, 72);
/* clang-format on */
#endif

static void has_tells_whether_a_table_is_new_enough(void** state) {
  const struct signet_host whole = {.size = sizeof whole};
  const struct signet_host old = {.size = offsetof(struct signet_host, close)};
  (void)state;
  assert_true(SIGNET_HAS(&whole, close));
  assert_false(SIGNET_HAS(&old, close));
  assert_true(SIGNET_HAS(&old, shutdown));
}

static void text_of_a_literal_has_its_length(void** state) {
  static const struct signet_text text = SIGNET_TEXT("a\0b");
  (void)state;
  assert_int_equal(text.size, 3);
  assert_memory_equal(text.data, "a\0b", 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(has_tells_whether_a_table_is_new_enough),
      cmocka_unit_test(text_of_a_literal_has_its_length),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
