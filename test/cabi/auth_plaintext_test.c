/* The plaintext authenticator, seen through the C ABI alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_plaintext(void);

static const char* const login_prompts[] = {"Username:", "Password:"};
static const char* const plain_prompts[] = {""};

#define LOGIN                                                                       \
  {                                                                                 \
    .param = {SIGNET_EXPANDED}, .value = {{.elements = login_prompts, .count = 2}}, \
    .public_name = "LOGIN"                                                          \
  }
#define PLAIN                                                                       \
  {                                                                                 \
    .param = {SIGNET_EXPANDED}, .value = {{.elements = plain_prompts, .count = 1}}, \
    .public_name = "PLAIN"                                                          \
  }

/* Text with NUL in it, as a response. */
#define SENT(literal) ((struct signet_text){literal, sizeof(literal) - 1})

/* The answers, one per step until the verdict is there. What was asked last is in the call. */
static enum signet_verdict exchange(struct signet_call* call, const struct signet_text* answers,
                                    size_t count) {
  void* state = NULL;
  enum signet_verdict verdict = SIGNET_CONTINUE;
  size_t i;
  for (i = 0; i < count && verdict == SIGNET_CONTINUE; ++i)
    verdict = fake_step(signet_driver_plaintext(), call, &state, answers[i]);
  fake_end(signet_driver_plaintext(), state);
  return verdict;
}

static const struct signet_text nothing = {NULL, 0};

static void module_offers_a_mechanism_that_needs_a_condition(void** state) {
  const struct signet_auth_driver* driver = signet_driver_plaintext()->auths[0];
  (void)state;
  assert_int_equal(driver->flags, SIGNET_AUTH_ADVERTISED);
  assert_int_equal(driver->needs.size, sizeof "server_condition" - 1);
  assert_int_equal(driver->option_count, 1);
}

static void plain_in_the_initial_response_is_three_strings(void** state) {
  struct signet_call call = PLAIN;
  const struct signet_text answers[] = {SENT("\0alice\0secret")};
  (void)state;
  assert_int_equal(exchange(&call, answers, 1), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "");
  assert_string_equal(call.auth[2], "alice");
  assert_string_equal(call.auth[3], "secret");
  assert_int_equal(call.challenge.times, 0);
  assert_int_equal(call.vars_set_when_checked, 3);
}

static void plain_without_one_is_asked_for_nothing_in_particular(void** state) {
  struct signet_call call = PLAIN;
  const struct signet_text answers[] = {nothing, SENT("zid\0alice\0secret")};
  (void)state;
  assert_int_equal(exchange(&call, answers, 2), SIGNET_ACCEPT);
  assert_int_equal(call.challenge.times, 1);
  assert_int_equal(call.challenge.size, 0);
  assert_int_equal(call.expanded[0], 1);
  assert_string_equal(call.auth[1], "zid");
}

static void plain_has_three_strings_exactly(void** state) {
  static const struct signet_text wrong[] = {
      {"", 0},          {"\0alice", 6}, {"\0alice\0secret\0", 14}, {"alice", 5}, {"\0\0secret", 8},
      {"\0alice\0", 7}, {"\0\0", 2}};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    struct signet_call call = PLAIN;
    assert_int_equal(exchange(&call, &wrong[i], 1), SIGNET_REJECT);
    assert_int_equal(call.conditions_checked, 0);
    assert_true(call.reason.times > 0);
  }
}

/* "alice NUL secret", which lacks the first of the three: where the name should be is the password.
 */
static void rule_a6_nothing_becomes_a_name_where_a_string_is_missing(void** state) {
  static const struct signet_text wrong[] = {{"alice\0secret", 12}, {"alice\0x\0secret\0", 15}};
  size_t i, number;
  (void)state;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    struct signet_call call = PLAIN;
    assert_int_equal(exchange(&call, &wrong[i], 1), SIGNET_REJECT);
    for (number = 1; number <= 4; ++number) assert_null(call.auth[number]);
  }
}

static void login_is_asked_prompt_by_prompt(void** state) {
  struct signet_call call = LOGIN;
  void* exchange_state = NULL;
  const struct signet_module* module = signet_driver_plaintext();
  (void)state;
  assert_int_equal(fake_answer(module, &call, &exchange_state, NULL), SIGNET_CONTINUE);
  assert_string_equal(call.challenge.text, "Username:");
  assert_int_equal(fake_answer(module, &call, &exchange_state, "alice"), SIGNET_CONTINUE);
  assert_string_equal(call.challenge.text, "Password:");
  assert_int_equal(call.conditions_checked, 0);
  assert_int_equal(fake_answer(module, &call, &exchange_state, "secret"), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "alice");
  assert_string_equal(call.auth[2], "secret");
  fake_end(module, exchange_state);
}

static void strings_that_are_there_are_not_asked_for(void** state) {
  struct signet_call name = LOGIN, both = LOGIN;
  const struct signet_text in_two[] = {SENT("alice"), SENT("secret")};
  const struct signet_text at_once[] = {nothing, SENT("alice\0secret")};
  (void)state;
  assert_int_equal(exchange(&name, in_two, 2), SIGNET_ACCEPT);
  assert_int_equal(name.challenge.times, 1);
  assert_string_equal(name.challenge.text, "Password:");
  assert_int_equal(exchange(&both, at_once, 2), SIGNET_ACCEPT);
  assert_int_equal(both.challenge.times, 1);
  assert_string_equal(both.auth[2], "secret");
}

static void login_knows_no_empty_password_and_no_third_string(void** state) {
  struct signet_call empty = LOGIN, third = LOGIN, nameless = LOGIN;
  const struct signet_text no_password[] = {nothing, SENT("alice"), SENT("")};
  const struct signet_text no_name[] = {nothing, SENT(""), SENT("secret")};
  const struct signet_text too_many[] = {nothing, SENT("alice"), SENT("secret\0more")};
  (void)state;
  assert_int_equal(exchange(&empty, no_password, 3), SIGNET_REJECT);
  assert_int_equal(exchange(&nameless, no_name, 3), SIGNET_REJECT);
  assert_int_equal(exchange(&third, too_many, 3), SIGNET_REJECT);
  assert_int_equal(empty.conditions_checked + nameless.conditions_checked, 0);
  assert_int_equal(third.conditions_checked, 0);
}

static void empty_answer_is_a_string_in_other_mechanisms(void** state) {
  struct signet_call call = LOGIN;
  const struct signet_text answers[] = {nothing, SENT(""), SENT("")};
  (void)state;
  call.public_name = "QUESTIONS";
  assert_int_equal(exchange(&call, answers, 3), SIGNET_ACCEPT);
  assert_int_equal(call.vars_set_when_checked, 2);
  assert_string_equal(call.auth[1], "");
}

static void more_strings_than_prompts_are_kept_in_other_mechanisms(void** state) {
  struct signet_call call = LOGIN;
  const struct signet_text answers[] = {SENT("one\0two\0three\0four\0five")};
  (void)state;
  call.public_name = "QUESTIONS";
  assert_int_equal(exchange(&call, answers, 1), SIGNET_ACCEPT);
  assert_string_equal(call.auth[3], "three");
  assert_string_equal(call.auth[4], "four");
  assert_int_equal(call.vars_set_when_checked, 4);
}

static void twenty_strings_are_the_most(void** state) {
  static const char nuls[20] = {0}; /* n of them separate n + 1 strings */
  struct signet_call most = {.public_name = "X"}, more = {.public_name = "X"};
  const struct signet_text twenty = {nuls, 19}, twenty_one = {nuls, 20};
  (void)state;
  assert_int_equal(exchange(&most, &twenty, 1), SIGNET_ACCEPT);
  assert_int_equal(exchange(&more, &twenty_one, 1), SIGNET_REJECT);
}

static void nineteen_prompts_are_the_most(void** state) {
  static const char* const prompts[20] = {"?", "?", "?", "?", "?", "?", "?", "?", "?", "?",
                                          "?", "?", "?", "?", "?", "?", "?", "?", "?", "?"};
  struct signet_call most = {.param = {SIGNET_EXPANDED}, .public_name = "X"};
  struct signet_call more = most;
  (void)state;
  most.value[0] = (struct signet_value){.elements = prompts, .count = 19};
  more.value[0] = (struct signet_value){.elements = prompts, .count = 20};
  assert_int_equal(exchange(&most, &nothing, 1), SIGNET_CONTINUE);
  assert_int_equal(exchange(&more, &nothing, 1), SIGNET_DEFER);
}

static void without_prompts_and_data_the_condition_is_asked(void** state) {
  struct signet_call call = {.public_name = "X"};
  (void)state;
  assert_int_equal(exchange(&call, &nothing, 1), SIGNET_ACCEPT);
  assert_int_equal(call.conditions_checked, 1);
  assert_int_equal(call.vars_set, 0);
}

static void prompts_that_fail_defer_whatever_the_kind(void** state) {
  static const enum signet_expanded kinds[] = {SIGNET_FORCED_FAIL, SIGNET_TEMPORARY_FAIL,
                                               SIGNET_PERMANENT_FAIL, (enum signet_expanded)77};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    struct signet_call call = LOGIN;
    const struct signet_text answers[] = {SENT("alice\0secret")};
    call.param[0] = kinds[i];
    assert_int_equal(exchange(&call, answers, 1), SIGNET_DEFER);
    assert_int_equal(call.conditions_checked, 0);
    assert_int_equal(call.challenge.times, 0);
  }
}

static void condition_decides(void** state) {
  struct signet_call reject = PLAIN, defer = PLAIN;
  const struct signet_text answers[] = {SENT("\0alice\0secret")};
  (void)state;
  reject.condition = SIGNET_REJECT;
  defer.condition = SIGNET_DEFER;
  assert_int_equal(exchange(&reject, answers, 1), SIGNET_REJECT);
  assert_int_equal(exchange(&defer, answers, 1), SIGNET_DEFER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(module_offers_a_mechanism_that_needs_a_condition),
      cmocka_unit_test(plain_in_the_initial_response_is_three_strings),
      cmocka_unit_test(plain_without_one_is_asked_for_nothing_in_particular),
      cmocka_unit_test(plain_has_three_strings_exactly),
      cmocka_unit_test(rule_a6_nothing_becomes_a_name_where_a_string_is_missing),
      cmocka_unit_test(login_is_asked_prompt_by_prompt),
      cmocka_unit_test(strings_that_are_there_are_not_asked_for),
      cmocka_unit_test(login_knows_no_empty_password_and_no_third_string),
      cmocka_unit_test(empty_answer_is_a_string_in_other_mechanisms),
      cmocka_unit_test(more_strings_than_prompts_are_kept_in_other_mechanisms),
      cmocka_unit_test(twenty_strings_are_the_most),
      cmocka_unit_test(nineteen_prompts_are_the_most),
      cmocka_unit_test(without_prompts_and_data_the_condition_is_asked),
      cmocka_unit_test(prompts_that_fail_defer_whatever_the_kind),
      cmocka_unit_test(condition_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
