/* The cram_md5 authenticator, seen through the C ABI alone. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_cram_md5(void);

#define ALICE                                                                          \
  {                                                                                    \
    .param = {SIGNET_EXPANDED}, .value = {{.text = "tanstaaftanstaaf"}}, .variable = { \
      "primary_hostname",                                                              \
      "mx.example.org"                                                                 \
    }                                                                                  \
  }

/* "NAME DIGEST" for the challenge that the call was given. */
static void make_answer(const struct signet_call* call, const char* name, const char* secret,
                        char* answer) {
  unsigned char digest[16];
  size_t i;
  gnutls_hmac_fast(GNUTLS_MAC_MD5, secret, strlen(secret), call->challenge.text,
                   call->challenge.size, digest);
  answer += sprintf(answer, "%s ", name);
  for (i = 0; i < sizeof digest; ++i) answer += sprintf(answer, "%02x", digest[i]);
}

/* A whole exchange with what `secret` gives as an answer. */
static enum signet_verdict exchange(struct signet_call* call, const char* secret) {
  const struct signet_module* module = signet_driver_cram_md5();
  char response[512];
  void* state = NULL;
  enum signet_verdict verdict = fake_answer(module, call, &state, NULL);
  if (verdict == SIGNET_CONTINUE) {
    make_answer(call, "alice", secret, response);
    verdict = fake_answer(module, call, &state, response);
  }
  fake_end(module, state);
  return verdict;
}

/* The same with an answer as it is. */
static enum signet_verdict exchange_raw(struct signet_call* call, const char* response) {
  const struct signet_module* module = signet_driver_cram_md5();
  void* state = NULL;
  enum signet_verdict verdict = fake_answer(module, call, &state, NULL);
  if (verdict == SIGNET_CONTINUE) verdict = fake_answer(module, call, &state, response);
  fake_end(module, state);
  return verdict;
}

static void server_speaks_first_and_needs_a_secret(void** state) {
  const struct signet_auth_driver* driver = signet_driver_cram_md5()->auths[0];
  (void)state;
  assert_int_equal(driver->flags, SIGNET_AUTH_ADVERTISED | SIGNET_AUTH_NO_INITIAL);
  assert_int_equal(driver->needs.size, sizeof "server_secret" - 1);
}

static void challenge_is_unique_and_names_the_host(void** state) {
  struct signet_call first = ALICE, second = ALICE;
  (void)state;
  exchange(&first, "");
  exchange(&second, "");
  assert_int_equal(first.challenge.text[0], '<');
  assert_non_null(strstr(first.challenge.text, "@mx.example.org>"));
  assert_true(strcmp(first.challenge.text, second.challenge.text) != 0);
}

static void right_digest_accepts(void** state) {
  struct signet_call call = ALICE;
  (void)state;
  assert_int_equal(exchange(&call, "tanstaaftanstaaf"), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "alice");
  assert_int_equal(call.conditions_checked, 1);
}

static void wrong_digest_rejects_before_the_condition(void** state) {
  struct signet_call call = ALICE;
  (void)state;
  assert_int_equal(exchange(&call, "something else"), SIGNET_REJECT);
  assert_int_equal(call.conditions_checked, 0);
}

static void digest_in_capitals_rejects(void** state) {
  struct signet_call call = ALICE;
  const struct signet_module* module = signet_driver_cram_md5();
  char response[512], *c;
  void* exchange_state = NULL;
  (void)state;
  fake_answer(module, &call, &exchange_state, NULL);
  make_answer(&call, "alice", "tanstaaftanstaaf", response);
  for (c = response + 6; *c != '\0'; ++c)
    if (*c >= 'a') *c = (char)(*c - 'a' + 'A');
  assert_int_equal(fake_answer(module, &call, &exchange_state, response), SIGNET_REJECT);
  fake_end(module, exchange_state);
}

static void malformed_answers_reject_without_looking_for_the_account(void** state) {
  static const char* const wrong[] = {"",
                                      "alice",
                                      "alice ",
                                      "alice 0123456789abcdef0123456789abcde",
                                      "alice 0123456789abcdef0123456789abcdef0",
                                      "alice  0123456789abcdef0123456789abcdef",
                                      "0123456789abcdef0123456789abcdef"};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    struct signet_call call = ALICE;
    assert_int_equal(exchange_raw(&call, wrong[i]), SIGNET_REJECT);
    assert_int_equal(call.expanded[0], 0);
    assert_null(call.auth[1]); /* rule A6: it may be a password, and names are logged */
  }
}

static void rule_a4_unknown_account_answers_as_a_wrong_digest_does(void** state) {
  struct signet_call call = ALICE, empty = ALICE;
  (void)state;
  call.param[0] = SIGNET_FORCED_FAIL;
  assert_int_equal(exchange(&call, "tanstaaftanstaaf"), SIGNET_REJECT);
  assert_int_equal(call.challenge.times, 1);
  assert_int_equal(call.expanded[0], 1);
  assert_int_equal(call.conditions_checked, 0);
  /* Nor does the digest of what stands in for the secret, or of nothing, open anything. */
  assert_int_equal(exchange(&call, "there is no such account"), SIGNET_REJECT);
  empty.value[0].text = "";
  assert_int_equal(exchange(&empty, ""), SIGNET_REJECT);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The least time of many runs is the work; everything else is noise. */
static double least_time(struct signet_call like) {
  double least = 1e9;
  int i;
  for (i = 0; i < 500; ++i) {
    struct signet_call call = like;
    double begin = seconds(), took;
    exchange_raw(&call, "alice 0123456789abcdef0123456789abcdef");
    took = seconds() - begin;
    if (took < least) least = took;
  }
  return least;
}

static void rule_a4_unknown_account_takes_as_long_as_a_wrong_digest(void** state) {
  const struct signet_call known = ALICE;
  struct signet_call unknown = ALICE;
  double wrong, nobody;
  (void)state;
  unknown.param[0] = SIGNET_FORCED_FAIL;
  wrong = least_time(known);
  nobody = least_time(unknown);
  assert_true(nobody < wrong * 1.5 + 5e-6);
  assert_true(wrong < nobody * 1.5 + 5e-6);
}

static void failures_that_are_not_forced_defer(void** state) {
  static const enum signet_expanded kinds[] = {SIGNET_TEMPORARY_FAIL, SIGNET_PERMANENT_FAIL,
                                               (enum signet_expanded)77};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    struct signet_call call = ALICE;
    call.param[0] = kinds[i];
    assert_int_equal(exchange(&call, "tanstaaftanstaaf"), SIGNET_DEFER);
  }
}

static void without_a_host_name_it_defers(void** state) {
  struct signet_call call = {.param = {SIGNET_EXPANDED}, .value = {{.text = "s"}}};
  (void)state;
  assert_int_equal(exchange(&call, "s"), SIGNET_DEFER);
}

static void condition_decides(void** state) {
  struct signet_call reject = ALICE, defer = ALICE;
  (void)state;
  reject.condition = SIGNET_REJECT;
  defer.condition = SIGNET_DEFER;
  assert_int_equal(exchange(&reject, "tanstaaftanstaaf"), SIGNET_REJECT);
  assert_int_equal(exchange(&defer, "tanstaaftanstaaf"), SIGNET_DEFER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(server_speaks_first_and_needs_a_secret),
      cmocka_unit_test(challenge_is_unique_and_names_the_host),
      cmocka_unit_test(right_digest_accepts),
      cmocka_unit_test(wrong_digest_rejects_before_the_condition),
      cmocka_unit_test(digest_in_capitals_rejects),
      cmocka_unit_test(malformed_answers_reject_without_looking_for_the_account),
      cmocka_unit_test(rule_a4_unknown_account_answers_as_a_wrong_digest_does),
      cmocka_unit_test(rule_a4_unknown_account_takes_as_long_as_a_wrong_digest),
      cmocka_unit_test(failures_that_are_not_forced_defer),
      cmocka_unit_test(without_a_host_name_it_defers),
      cmocka_unit_test(condition_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
