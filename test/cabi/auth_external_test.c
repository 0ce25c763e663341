/* The external authenticator, seen through the C ABI alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_external(void);

static enum signet_verdict answer(struct signet_call* call, const char* response) {
  void* state = NULL;
  const enum signet_verdict verdict = fake_answer(signet_driver_external(), call, &state, response);
  fake_end(signet_driver_external(), state);
  return verdict;
}

static void module_offers_a_mechanism_that_needs_a_condition(void** state) {
  const struct signet_module* module = signet_driver_external();
  (void)state;
  assert_int_equal(module->auth_count, 1);
  assert_int_equal(module->auths[0]->flags, SIGNET_AUTH_ADVERTISED);
  assert_true(module->auths[0]->needs.size == sizeof "server_condition" - 1);
  assert_memory_equal(module->auths[0]->needs.data, "server_condition", 16);
}

static void without_an_initial_response_the_client_is_asked_for_nothing(void** state) {
  struct signet_call call = {0};
  (void)state;
  assert_int_equal(answer(&call, NULL), SIGNET_CONTINUE);
  assert_int_equal(call.challenge.times, 1);
  assert_int_equal(call.challenge.size, 0);
  assert_int_equal(call.conditions_checked, 0);
}

static void who_the_client_wants_to_be_is_auth_1(void** state) {
  struct signet_call call = {0};
  (void)state;
  assert_int_equal(answer(&call, "alice@example.org"), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "alice@example.org");
  assert_null(call.auth[2]);
  assert_int_equal(call.conditions_checked, 1);
}

static void empty_identity_is_an_identity(void** state) {
  struct signet_call call = {0};
  (void)state;
  assert_int_equal(answer(&call, ""), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "");
  assert_int_equal(call.challenge.times, 0);
}

static void parameters_become_auth_2_and_3_before_the_condition(void** state) {
  struct signet_call both = {.param = {SIGNET_EXPANDED, SIGNET_EXPANDED},
                             .value = {{.text = "two"}, {.text = "three"}}};
  struct signet_call last = {.param = {SIGNET_UNSET, SIGNET_EXPANDED},
                             .value = {{0}, {.text = "three"}}};
  (void)state;
  assert_int_equal(answer(&both, "one"), SIGNET_ACCEPT);
  assert_string_equal(both.auth[2], "two");
  assert_string_equal(both.auth[3], "three");
  assert_int_equal(both.vars_set_when_checked, 3);
  assert_int_equal(answer(&last, "one"), SIGNET_ACCEPT);
  assert_null(last.auth[2]);
  assert_string_equal(last.auth[3], "three");
}

static void nul_in_the_identity_rejects(void** state) {
  static const char sent[] = "alice\0alice\0alice";
  const struct signet_text response = {sent, sizeof sent - 1};
  struct signet_call call = {0};
  void* exchange = NULL;
  (void)state;
  assert_int_equal(fake_step(signet_driver_external(), &call, &exchange, response), SIGNET_REJECT);
  assert_null(call.auth[2]);
  assert_int_equal(call.conditions_checked, 0);
}

static void forced_failure_rejects_and_any_other_defers(void** state) {
  size_t i;
  (void)state;
  for (i = 0; i < 2; ++i) {
    struct signet_call forced = {0}, temporary = {0}, permanent = {0}, unknown = {0};
    forced.param[i] = SIGNET_FORCED_FAIL;
    temporary.param[i] = SIGNET_TEMPORARY_FAIL;
    permanent.param[i] = SIGNET_PERMANENT_FAIL;
    unknown.param[i] = (enum signet_expanded)77;
    assert_int_equal(answer(&forced, "one"), SIGNET_REJECT);
    assert_int_equal(answer(&temporary, "one"), SIGNET_DEFER);
    assert_int_equal(answer(&permanent, "one"), SIGNET_DEFER);
    assert_int_equal(answer(&unknown, "one"), SIGNET_DEFER);
    assert_int_equal(forced.conditions_checked + temporary.conditions_checked, 0);
  }
}

static void condition_decides(void** state) {
  struct signet_call reject = {.condition = SIGNET_REJECT};
  struct signet_call defer = {.condition = SIGNET_DEFER};
  (void)state;
  assert_int_equal(answer(&reject, "one"), SIGNET_REJECT);
  assert_int_equal(answer(&defer, "one"), SIGNET_DEFER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(module_offers_a_mechanism_that_needs_a_condition),
      cmocka_unit_test(without_an_initial_response_the_client_is_asked_for_nothing),
      cmocka_unit_test(who_the_client_wants_to_be_is_auth_1),
      cmocka_unit_test(empty_identity_is_an_identity),
      cmocka_unit_test(parameters_become_auth_2_and_3_before_the_condition),
      cmocka_unit_test(nul_in_the_identity_rejects),
      cmocka_unit_test(forced_failure_rejects_and_any_other_defers),
      cmocka_unit_test(condition_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
