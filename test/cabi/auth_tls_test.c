/* The tls authenticator, seen through the C ABI alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_tls(void);

static enum signet_verdict authenticate(struct signet_call* call) {
  return signet_driver_tls()->auths[0]->authenticate(&fake_host, call);
}

static void module_offers_one_authenticator(void** state) {
  const struct signet_module* module = signet_driver_tls();
  (void)state;
  assert_int_equal(module->abi_version, SIGNET_ABI_VERSION);
  assert_int_equal(module->size, sizeof(struct signet_module));
  assert_int_equal(module->auth_count, 1);
  assert_int_equal(module->lookup_count, 0);
  assert_int_equal(module->auths[0]->abi_version, SIGNET_ABI_VERSION);
  assert_int_equal(module->auths[0]->flags, SIGNET_AUTH_AFTER_TLS | SIGNET_AUTH_SINGLE);
  assert_true(module == signet_driver_tls());
}

static void nothing_set_leaves_it_to_the_condition(void** state) {
  struct signet_call call = {0};
  (void)state;
  assert_int_equal(authenticate(&call), SIGNET_ACCEPT);
  assert_int_equal(call.conditions_checked, 1);
  assert_int_equal(call.vars_set, 0);
}

static void parameters_become_auth_1_to_3_before_the_condition(void** state) {
  struct signet_call call = {.param = {SIGNET_EXPANDED, SIGNET_EXPANDED, SIGNET_EXPANDED},
                             .value = {{.text = "one"}, {.text = "two"}, {.text = "three"}}};
  (void)state;
  assert_int_equal(authenticate(&call), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "one");
  assert_string_equal(call.auth[2], "two");
  assert_string_equal(call.auth[3], "three");
  assert_int_equal(call.vars_set_when_checked, 3);
}

static void unset_parameter_moves_no_other(void** state) {
  struct signet_call call = {.param = {SIGNET_UNSET, SIGNET_EXPANDED},
                             .value = {{0}, {.text = "two"}}};
  (void)state;
  assert_int_equal(authenticate(&call), SIGNET_ACCEPT);
  assert_null(call.auth[1]);
  assert_string_equal(call.auth[2], "two");
}

static void forced_failure_rejects(void** state) {
  size_t i;
  (void)state;
  for (i = 0; i < 3; ++i) {
    struct signet_call call = {.condition = SIGNET_ACCEPT};
    call.param[i] = SIGNET_FORCED_FAIL;
    assert_int_equal(authenticate(&call), SIGNET_REJECT);
    assert_int_equal(call.vars_set, 0);
    assert_int_equal(call.conditions_checked, 0);
  }
}

static void any_other_failure_defers(void** state) {
  size_t i;
  (void)state;
  for (i = 0; i < 3; ++i) {
    struct signet_call temporary = {0}, permanent = {0}, unknown = {0};
    temporary.param[i] = SIGNET_TEMPORARY_FAIL;
    permanent.param[i] = SIGNET_PERMANENT_FAIL;
    unknown.param[i] = (enum signet_expanded)77;
    assert_int_equal(authenticate(&temporary), SIGNET_DEFER);
    assert_int_equal(authenticate(&permanent), SIGNET_DEFER);
    assert_int_equal(authenticate(&unknown), SIGNET_DEFER);
    assert_int_equal(temporary.conditions_checked, 0);
  }
}

static void first_failure_ends_the_run(void** state) {
  struct signet_call call = {.param = {SIGNET_FORCED_FAIL, SIGNET_TEMPORARY_FAIL}};
  (void)state;
  assert_int_equal(authenticate(&call), SIGNET_REJECT);
  assert_int_equal(call.expanded[0], 1);
  assert_int_equal(call.expanded[1], 0);
}

static void condition_decides(void** state) {
  struct signet_call reject = {.condition = SIGNET_REJECT};
  struct signet_call defer = {.condition = SIGNET_DEFER};
  (void)state;
  assert_int_equal(authenticate(&reject), SIGNET_REJECT);
  assert_int_equal(authenticate(&defer), SIGNET_DEFER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(module_offers_one_authenticator),
      cmocka_unit_test(nothing_set_leaves_it_to_the_condition),
      cmocka_unit_test(parameters_become_auth_1_to_3_before_the_condition),
      cmocka_unit_test(unset_parameter_moves_no_other),
      cmocka_unit_test(forced_failure_rejects),
      cmocka_unit_test(any_other_failure_defers),
      cmocka_unit_test(first_failure_ends_the_run),
      cmocka_unit_test(condition_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
