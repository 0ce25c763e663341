/* The sasl authenticator, seen through the C ABI alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_sasl(void);

enum { STATE = 9, INITIAL = 10 };

/* What the first step makes of an answer where its expression gives `text`. */
static enum signet_verdict first(struct signet_call* call, const char* text) {
  void* state = NULL;
  enum signet_verdict verdict;
  call->param[0] = SIGNET_EXPANDED;
  call->value[0].text = text;
  call->number[INITIAL] = 1;
  verdict = fake_answer(signet_driver_sasl(), call, &state, "hello");
  fake_end(signet_driver_sasl(), state);
  return verdict;
}

static void options_are_nine_steps_a_state_and_who_begins(void** state) {
  const struct signet_auth_driver* driver = signet_driver_sasl()->auths[0];
  (void)state;
  assert_int_equal(driver->flags, SIGNET_AUTH_ADVERTISED);
  assert_int_equal(driver->option_count, 11);
  assert_memory_equal(driver->options[8].name.data, "server_step9", 12);
  assert_memory_equal(driver->needs.data, "server_step1", 12);
}

static void accept_without_an_identity_leaves_it_to_server_set_id(void** state) {
  struct signet_call call = {0};
  (void)state;
  assert_int_equal(first(&call, "accept"), SIGNET_ACCEPT);
  assert_int_equal(call.identity.times, 0);
  assert_int_equal(call.conditions_checked, 1);
}

static void accept_with_an_identity_gives_it(void** state) {
  struct signet_call call = {0}, blanks = {0};
  (void)state;
  assert_int_equal(first(&call, "accept alice@example.org"), SIGNET_ACCEPT);
  assert_string_equal(call.identity.text, "alice@example.org");
  assert_int_equal(first(&blanks, " \n accept \t alice"), SIGNET_ACCEPT);
  assert_string_equal(blanks.identity.text, "alice");
}

static void condition_decides_in_the_end(void** state) {
  struct signet_call reject = {.condition = SIGNET_REJECT}, defer = {.condition = SIGNET_DEFER};
  (void)state;
  assert_int_equal(first(&reject, "accept alice"), SIGNET_REJECT);
  assert_int_equal(first(&defer, "accept alice"), SIGNET_DEFER);
}

static void reject_and_defer_give_their_reasons_to_the_log(void** state) {
  struct signet_call reject = {0}, defer = {0}, bare = {0};
  (void)state;
  assert_int_equal(first(&reject, "reject the token is old"), SIGNET_REJECT);
  assert_string_equal(reject.reason.text, "the token is old");
  assert_int_equal(first(&defer, "defer no answer"), SIGNET_DEFER);
  assert_string_equal(defer.reason.text, "no answer");
  assert_int_equal(first(&bare, "reject"), SIGNET_REJECT);
  assert_int_equal(bare.conditions_checked, 0);
}

static void reply_asks_the_client_for_what_stands_behind_one_blank(void** state) {
  struct signet_call call = {0}, empty = {0}, blanks = {0};
  (void)state;
  assert_int_equal(first(&call, "reply code 17?"), SIGNET_CONTINUE);
  assert_string_equal(call.challenge.text, "code 17?");
  assert_int_equal(first(&empty, "reply"), SIGNET_CONTINUE);
  assert_int_equal(empty.challenge.times, 1);
  assert_int_equal(empty.challenge.size, 0);
  assert_int_equal(first(&blanks, "reply   x "), SIGNET_CONTINUE);
  assert_string_equal(blanks.challenge.text, "  x ");
}

static void anything_else_defers(void** state) {
  static const char* const wrong[] = {"",         " ",       "yes",     "1",    "ACCEPT",
                                      "accepted", "accept:", "rejects", "true", "\"accept\""};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    struct signet_call call = {0};
    assert_int_equal(first(&call, wrong[i]), SIGNET_DEFER);
    assert_int_equal(call.conditions_checked, 0);
    assert_int_equal(call.identity.times, 0);
  }
}

static void rule_e2_word_of_an_outsider_decides_nothing(void** state) {
  static const char* const words[] = {"accept alice", "reject no", "defer later", "reply what"};
  size_t i, from;
  (void)state;
  for (i = 0; i < sizeof words / sizeof words[0]; ++i) {
    const size_t word = strcspn(words[i], " ");
    /* Each octet of the word and the blank behind it have to be the administrator's. */
    for (from = 1; from <= word; ++from) {
      struct signet_call call = {0};
      call.value[0].outsiders_from = from;
      assert_int_equal(first(&call, words[i]), SIGNET_DEFER);
      assert_int_equal(call.identity.times + call.challenge.times, 0);
    }
  }
}

static void outsiders_may_be_named_behind_the_word(void** state) {
  struct signet_call call = {0};
  (void)state;
  call.value[0].outsiders_from = 7;
  assert_int_equal(first(&call, "accept alice"), SIGNET_ACCEPT);
  assert_string_equal(call.identity.text, "alice");
}

static void each_answer_has_its_step(void** state) {
  struct signet_call call = {
      .param = {SIGNET_EXPANDED, SIGNET_EXPANDED, SIGNET_EXPANDED},
      .value = {{.text = "reply one"}, {.text = "reply two"}, {.text = "accept"}}};
  const struct signet_module* module = signet_driver_sasl();
  void* exchange = NULL;
  (void)state;
  assert_int_equal(fake_answer(module, &call, &exchange, NULL), SIGNET_CONTINUE);
  assert_string_equal(call.challenge.text, "one");
  assert_int_equal(fake_answer(module, &call, &exchange, "a"), SIGNET_CONTINUE);
  assert_string_equal(call.challenge.text, "two");
  assert_int_equal(fake_answer(module, &call, &exchange, "b"), SIGNET_ACCEPT);
  assert_int_equal(call.expanded[0] + call.expanded[1] + call.expanded[2], 3);
  fake_end(module, exchange);
}

static void answer_beyond_the_last_step_rejects(void** state) {
  struct signet_call call = {.param = {SIGNET_EXPANDED}, .value = {{.text = "reply again"}}};
  const struct signet_module* module = signet_driver_sasl();
  void* exchange = NULL;
  (void)state;
  assert_int_equal(fake_answer(module, &call, &exchange, NULL), SIGNET_CONTINUE);
  assert_int_equal(fake_answer(module, &call, &exchange, "a"), SIGNET_REJECT);
  assert_string_equal(call.reason.text, "more messages than steps");
  fake_end(module, exchange);
}

static void nine_steps_are_the_most(void** state) {
  struct signet_call call = {0};
  const struct signet_module* module = signet_driver_sasl();
  void* exchange = NULL;
  int i;
  (void)state;
  for (i = 0; i < 9; ++i) {
    call.param[i] = SIGNET_EXPANDED;
    call.value[i].text = "reply more";
  }
  assert_int_equal(fake_answer(module, &call, &exchange, NULL), SIGNET_CONTINUE);
  for (i = 1; i < 9; ++i)
    assert_int_equal(fake_answer(module, &call, &exchange, "x"), SIGNET_CONTINUE);
  assert_int_equal(fake_answer(module, &call, &exchange, "x"), SIGNET_REJECT);
  assert_int_equal(call.expanded[STATE], 9);
  fake_end(module, exchange);
}

static void strings_between_nuls_are_auth_1_to_3_and_all_is_auth_4(void** state) {
  static const char sent[] = "one\0two\0three\0four";
  const struct signet_text all = {sent, sizeof sent - 1}, little = {"x", 1};
  struct signet_call call = {.param = {SIGNET_EXPANDED, SIGNET_EXPANDED},
                             .value = {{.text = "reply"}, {.text = "reject"}}};
  const struct signet_module* module = signet_driver_sasl();
  void* exchange = NULL;
  (void)state;
  call.number[INITIAL] = 1;
  fake_step(module, &call, &exchange, all);
  assert_string_equal(call.auth[1], "one");
  assert_string_equal(call.auth[2], "two");
  assert_string_equal(call.auth[3], "three");
  assert_int_equal(call.auth_text[4].size, sizeof sent - 1);
  assert_memory_equal(call.auth_text[4].text, sent, sizeof sent - 1);
  /* What an earlier answer had is not there in the next step. */
  fake_step(module, &call, &exchange, little);
  assert_string_equal(call.auth[1], "x");
  assert_string_equal(call.auth[2], "");
  assert_string_equal(call.auth[3], "");
  fake_end(module, exchange);
}

static void client_that_is_to_begin_and_does_not_is_asked(void** state) {
  struct signet_call call = {.param = {SIGNET_EXPANDED}, .value = {{.text = "accept"}}};
  const struct signet_module* module = signet_driver_sasl();
  void* exchange = NULL;
  (void)state;
  call.number[INITIAL] = 1;
  assert_int_equal(fake_answer(module, &call, &exchange, NULL), SIGNET_CONTINUE);
  assert_int_equal(call.challenge.size, 0);
  assert_int_equal(call.expanded[0], 0);
  assert_int_equal(fake_answer(module, &call, &exchange, "alice"), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "alice");
  fake_end(module, exchange);
}

static void initial_response_where_the_server_begins_rejects(void** state) {
  struct signet_call call = {.param = {SIGNET_EXPANDED}, .value = {{.text = "accept"}}};
  const struct signet_module* module = signet_driver_sasl();
  void* exchange = NULL;
  (void)state;
  assert_int_equal(fake_answer(module, &call, &exchange, ""), SIGNET_REJECT);
  assert_int_equal(call.expanded[0], 0);
  fake_end(module, exchange);
}

static void state_is_expanded_after_each_reply_and_only_then(void** state) {
  struct signet_call call = {0}, accepted = {0};
  (void)state;
  call.param[STATE] = accepted.param[STATE] = SIGNET_EXPANDED;
  call.value[STATE].text = accepted.value[STATE].text = "kept";
  assert_int_equal(first(&call, "reply x"), SIGNET_CONTINUE);
  assert_string_equal(call.state.text, "kept");
  assert_int_equal(first(&accepted, "accept"), SIGNET_ACCEPT);
  assert_int_equal(accepted.expanded[STATE], 0);
}

static void forced_failure_rejects_and_any_other_defers(void** state) {
  static const uint32_t options[] = {0, STATE};
  static const enum signet_expanded kinds[] = {SIGNET_TEMPORARY_FAIL, SIGNET_PERMANENT_FAIL,
                                               (enum signet_expanded)77};
  const struct signet_module* module = signet_driver_sasl();
  size_t i, kind;
  (void)state;
  for (i = 0; i < 2; ++i) {
    struct signet_call forced = {.param = {SIGNET_EXPANDED}, .value = {{.text = "reply"}}};
    void* exchange = NULL;
    forced.param[options[i]] = SIGNET_FORCED_FAIL;
    assert_int_equal(fake_answer(module, &forced, &exchange, NULL), SIGNET_REJECT);
    fake_end(module, exchange);
    for (kind = 0; kind < 3; ++kind) {
      struct signet_call call = {.param = {SIGNET_EXPANDED}, .value = {{.text = "reply"}}};
      call.param[options[i]] = kinds[kind];
      exchange = NULL;
      assert_int_equal(fake_answer(module, &call, &exchange, NULL), SIGNET_DEFER);
      assert_int_equal(call.challenge.times, 0);
      fake_end(module, exchange);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_are_nine_steps_a_state_and_who_begins),
      cmocka_unit_test(accept_without_an_identity_leaves_it_to_server_set_id),
      cmocka_unit_test(accept_with_an_identity_gives_it),
      cmocka_unit_test(condition_decides_in_the_end),
      cmocka_unit_test(reject_and_defer_give_their_reasons_to_the_log),
      cmocka_unit_test(reply_asks_the_client_for_what_stands_behind_one_blank),
      cmocka_unit_test(anything_else_defers),
      cmocka_unit_test(rule_e2_word_of_an_outsider_decides_nothing),
      cmocka_unit_test(outsiders_may_be_named_behind_the_word),
      cmocka_unit_test(each_answer_has_its_step),
      cmocka_unit_test(answer_beyond_the_last_step_rejects),
      cmocka_unit_test(nine_steps_are_the_most),
      cmocka_unit_test(strings_between_nuls_are_auth_1_to_3_and_all_is_auth_4),
      cmocka_unit_test(client_that_is_to_begin_and_does_not_is_asked),
      cmocka_unit_test(initial_response_where_the_server_begins_rejects),
      cmocka_unit_test(state_is_expanded_after_each_reply_and_only_then),
      cmocka_unit_test(forced_failure_rejects_and_any_other_defers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
