/* The scram authenticator, seen through the C ABI alone, with a client of SCRAM-SHA-256 that is
 * written here. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_scram(void);

enum { SECRET, PLAIN, ITERATIONS, SALT_SIZE, SALT_KEY };

/* The password "pencil" and the salt of RFC 7677, as Dovecot keeps them. */
#define STORED                                    \
  "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==," \
  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

#define ACCOUNT(secret)                                                                    \
  {                                                                                        \
    .param = {SIGNET_EXPANDED}, .value = {{.text = (secret)}}, .number = {0, 0, 4096, 16}, \
    .public_name = "SCRAM-SHA-256"                                                         \
  }

/* --- the client ---------------------------------------------------------------------------- */

struct client {
  const char* header; /* GS2 */
  const char* password;
  struct signet_text binding; /* behind the header */
  char bare[256];
  char final[1280];
  unsigned char server_signature[32];
};

static void encode(const void* octets, size_t size, char* text) {
  const gnutls_datum_t data = {(unsigned char*)octets, (unsigned)size};
  gnutls_datum_t encoded;
  gnutls_base64_encode2(&data, &encoded);
  memcpy(text, encoded.data, encoded.size);
  text[encoded.size] = '\0';
  gnutls_free(encoded.data);
}

static void hmac(const unsigned char* key, const char* text, unsigned char* digest) {
  gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, 32, text, strlen(text), digest);
}

/* What the client answers to `server_first`. */
static void finish(struct client* client, const char* server_first) {
  char nonce[256], salt[256], binding[512], bound[512], without_proof[1024], message[2560],
      proof[64];
  unsigned char salted[32], client_key[32], stored_key[32], signature[32], server_key[32];
  unsigned iterations = 1, i;
  gnutls_datum_t password = {(unsigned char*)client->password, (unsigned)strlen(client->password)};
  gnutls_datum_t encoded_salt, octets = {NULL, 0};
  size_t header = strlen(client->header);
  if (sscanf(server_first, "r=%255[^,],s=%255[^,],i=%u", nonce, salt, &iterations) != 3) return;
  encoded_salt.data = (unsigned char*)salt;
  encoded_salt.size = (unsigned)strlen(salt);
  gnutls_base64_decode2(&encoded_salt, &octets);
  gnutls_pbkdf2(GNUTLS_MAC_SHA256, &password, &octets, iterations, salted, sizeof salted);
  gnutls_free(octets.data);
  hmac(salted, "Client Key", client_key);
  hmac(salted, "Server Key", server_key);
  gnutls_hash_fast(GNUTLS_DIG_SHA256, client_key, 32, stored_key);
  memcpy(binding, client->header, header);
  if (client->binding.size != 0)
    memcpy(binding + header, client->binding.data, client->binding.size);
  encode(binding, header + client->binding.size, bound);
  snprintf(without_proof, sizeof without_proof, "c=%s,r=%s", bound, nonce);
  snprintf(message, sizeof message, "%s,%s,%s", client->bare, server_first, without_proof);
  hmac(stored_key, message, signature);
  hmac(server_key, message, client->server_signature);
  for (i = 0; i < 32; ++i) client_key[i] ^= signature[i];
  encode(client_key, 32, proof);
  snprintf(client->final, sizeof client->final, "%s,p=%s", without_proof, proof);
}

/* --- whole exchanges ------------------------------------------------------------------------- */

static enum signet_verdict exchange(struct signet_call* call, struct client* client) {
  const struct signet_module* module = signet_driver_scram();
  char first[512], signature[64];
  void* state = NULL;
  enum signet_verdict verdict;
  if (client->bare[0] == '\0') strcpy(client->bare, "n=user,r=rOprNGfwEbeRWgbNEkqO");
  snprintf(first, sizeof first, "%s%s", client->header, client->bare);
  verdict = fake_answer(module, call, &state, first);
  if (verdict == SIGNET_CONTINUE) {
    finish(client, call->challenge.text);
    verdict = fake_answer(module, call, &state, client->final);
  }
  if (verdict == SIGNET_CONTINUE) {
    /* The server proves that it knows the account, too. */
    encode(client->server_signature, 32, signature);
    if (strncmp(call->challenge.text, "v=", 2) != 0 ||
        strcmp(call->challenge.text + 2, signature) != 0)
      abort();
    verdict = fake_answer(module, call, &state, "");
  }
  fake_end(module, state);
  return verdict;
}

static enum signet_verdict try_password(struct signet_call* call, const char* password) {
  struct client client = {.header = "n,,", .password = password};
  return exchange(call, &client);
}

static void mechanism_needs_a_secret(void** state) {
  const struct signet_auth_driver* driver = signet_driver_scram()->auths[0];
  (void)state;
  assert_int_equal(driver->flags, SIGNET_AUTH_ADVERTISED);
  assert_memory_equal(driver->needs.data, "server_secret", 13);
}

static void stored_form_proves_the_password(void** state) {
  struct signet_call right = ACCOUNT(STORED), wrong = ACCOUNT(STORED);
  (void)state;
  assert_int_equal(try_password(&right, "pencil"), SIGNET_ACCEPT);
  assert_string_equal(right.auth[1], "user");
  assert_string_equal(right.auth[2], "");
  assert_int_equal(right.conditions_checked, 1);
  assert_int_equal(try_password(&wrong, "Pencil"), SIGNET_REJECT);
  assert_int_equal(wrong.conditions_checked, 0);
}

static void password_proves_itself_where_it_is_said_to_be_one(void** state) {
  struct signet_worker worker = {0};
  struct signet_call right = ACCOUNT("pencil"), wrong = ACCOUNT("pencil");
  (void)state;
  right.number[PLAIN] = wrong.number[PLAIN] = 1;
  right.worker = &worker;
  assert_int_equal(try_password(&right, "pencil"), SIGNET_ACCEPT);
  assert_int_equal(worker.blocking_runs, 1);
  assert_int_equal(try_password(&wrong, "pen"), SIGNET_REJECT);
}

static void neither_form_is_taken_for_the_other(void** state) {
  struct signet_call password = ACCOUNT("pencil"), stored = ACCOUNT(STORED);
  (void)state;
  assert_int_equal(try_password(&password, "pencil"), SIGNET_DEFER);
  assert_null(strstr(password.reason.text, "pencil"));
  stored.number[PLAIN] = 1;
  assert_int_equal(try_password(&stored, STORED), SIGNET_DEFER);
}

static void client_without_an_initial_response_is_asked(void** state) {
  struct signet_call call = ACCOUNT(STORED);
  const struct signet_module* module = signet_driver_scram();
  void* exchange_state = NULL;
  (void)state;
  assert_int_equal(fake_answer(module, &call, &exchange_state, NULL), SIGNET_CONTINUE);
  assert_int_equal(call.challenge.size, 0);
  assert_int_equal(fake_answer(module, &call, &exchange_state, "n,,n=user,r=abc"), SIGNET_CONTINUE);
  assert_memory_equal(call.challenge.text, "r=abc", 5);
  assert_int_equal(call.expanded[SECRET], 1);
  fake_end(module, exchange_state);
}

static void something_behind_the_last_message_rejects(void** state) {
  struct signet_call call = ACCOUNT(STORED);
  struct client client = {.header = "n,,", .password = "pencil"};
  const struct signet_module* module = signet_driver_scram();
  void* exchange_state = NULL;
  (void)state;
  strcpy(client.bare, "n=user,r=abc");
  fake_answer(module, &call, &exchange_state, "n,,n=user,r=abc");
  finish(&client, call.challenge.text);
  assert_int_equal(fake_answer(module, &call, &exchange_state, client.final), SIGNET_CONTINUE);
  assert_int_equal(fake_answer(module, &call, &exchange_state, "x"), SIGNET_REJECT);
  fake_end(module, exchange_state);
}

static void nonces_are_never_the_same(void** state) {
  struct signet_call one = ACCOUNT(STORED), two = ACCOUNT(STORED);
  const struct signet_module* module = signet_driver_scram();
  void *first = NULL, *second = NULL;
  (void)state;
  fake_answer(module, &one, &first, "n,,n=user,r=abc");
  fake_answer(module, &two, &second, "n,,n=user,r=abc");
  assert_true(strcmp(one.challenge.text, two.challenge.text) != 0);
  fake_end(module, first);
  fake_end(module, second);
}

static void proof_for_another_nonce_rejects(void** state) {
  struct signet_call first = ACCOUNT(STORED), second = ACCOUNT(STORED);
  struct client client = {.header = "n,,", .password = "pencil"};
  const struct signet_module* module = signet_driver_scram();
  void *one = NULL, *two = NULL;
  (void)state;
  strcpy(client.bare, "n=user,r=abc");
  fake_answer(module, &first, &one, "n,,n=user,r=abc");
  fake_answer(module, &second, &two, "n,,n=user,r=abc");
  finish(&client, first.challenge.text);
  assert_int_equal(fake_answer(module, &second, &two, client.final), SIGNET_REJECT);
  fake_end(module, one);
  fake_end(module, two);
}

/* --- who is somebody else -----------------------------------------------------------------------
 */

static void only_the_own_name_is_an_authorization_identity(void** state) {
  struct signet_call own = ACCOUNT(STORED), other = ACCOUNT(STORED);
  struct client as_own = {.header = "n,a=user,", .password = "pencil"};
  struct client as_other = {.header = "n,a=root,", .password = "pencil"};
  (void)state;
  assert_int_equal(exchange(&own, &as_own), SIGNET_ACCEPT);
  assert_int_equal(exchange(&other, &as_other), SIGNET_REJECT);
  assert_string_equal(other.auth[2], "root");
  assert_int_equal(other.expanded[SECRET], 0);
}

/* --- channel binding
 * ------------------------------------------------------------------------------ */

static const struct signet_text channel = SIGNET_TEXT("0123456789abcdef0123456789abcdef");
static const struct signet_text other_channel = SIGNET_TEXT("0123456789abcdef0123456789abcdeF");

static struct signet_call bound_account(void) {
  struct signet_call call = ACCOUNT(STORED);
  call.public_name = "SCRAM-SHA-256-PLUS";
  call.binding = channel;
  return call;
}

static void plus_binds_the_channel(void** state) {
  struct signet_call right = bound_account(), wrong = bound_account(), none = bound_account();
  struct client client = {.header = "p=tls-exporter,,", .password = "pencil", .binding = channel};
  struct client between = client, silent = client;
  (void)state;
  assert_int_equal(exchange(&right, &client), SIGNET_ACCEPT);
  between.binding = other_channel;
  assert_int_equal(exchange(&wrong, &between), SIGNET_REJECT);
  silent.binding.size = 0;
  assert_int_equal(exchange(&none, &silent), SIGNET_REJECT);
}

static void plus_wants_the_binding_that_there_is(void** state) {
  static const char* const wrong[] = {"n,,", "y,,", "p=tls-unique,,", "p=tls-server-end-point,,"};
  struct signet_call nothing = bound_account();
  struct client bound = {.header = "p=tls-exporter,,", .password = "pencil", .binding = channel};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    struct signet_call call = bound_account();
    struct client client = {.header = wrong[i], .password = "pencil"};
    assert_int_equal(exchange(&call, &client), SIGNET_REJECT);
    assert_int_equal(call.expanded[SECRET], 0);
  }
  nothing.binding.size = 0;
  assert_int_equal(exchange(&nothing, &bound), SIGNET_REJECT);
}

static void without_plus_the_channel_is_not_bound(void** state) {
  struct signet_call call = ACCOUNT(STORED);
  struct client client = {.header = "p=tls-exporter,,", .password = "pencil", .binding = channel};
  (void)state;
  call.binding = channel;
  assert_int_equal(exchange(&call, &client), SIGNET_REJECT);
}

static void client_that_was_not_shown_plus_is_refused_where_it_was_offered(void** state) {
  struct signet_call hidden = ACCOUNT(STORED), absent = ACCOUNT(STORED), able = ACCOUNT(STORED);
  struct client client = {.header = "y,,", .password = "pencil"};
  (void)state;
  hidden.advertised = able.advertised = "SCRAM-SHA-256-PLUS";
  assert_int_equal(exchange(&hidden, &client), SIGNET_REJECT);
  assert_int_equal(exchange(&absent, &client), SIGNET_ACCEPT);
  client.header = "n,,";
  assert_int_equal(exchange(&able, &client), SIGNET_ACCEPT);
}

static void plus_is_offered_where_a_channel_can_be_bound(void** state) {
  const struct signet_auth_driver* driver = signet_driver_scram()->auths[0];
  struct signet_call bound = bound_account(), nothing = bound_account(), plain = ACCOUNT(STORED);
  struct signet_call unknown = ACCOUNT(STORED), old = bound_account();
  (void)state;
  bound.variable[0] = nothing.variable[0] = old.variable[0] = "tls_in_ver";
  bound.variable[1] = nothing.variable[1] = "TLS1.3";
  old.variable[1] = "TLS1.2"; /* clients would bind it in another way */
  nothing.binding.size = 0;
  unknown.public_name = "SCRAM-SHA-1";
  assert_int_equal(driver->offered(&fake_host, &bound), 1);
  assert_int_equal(driver->offered(&fake_host, &nothing), 0);
  assert_int_equal(driver->offered(&fake_host, &old), 0);
  assert_int_equal(driver->offered(&fake_host, &plain), 1);
  assert_int_equal(driver->offered(&fake_host, &unknown), 0);
  assert_non_null(strstr(unknown.logged, "public_name is neither"));
  unknown.logged[0] = '\0';
  assert_int_equal(driver->offered(&fake_host, &unknown), 0);
  assert_string_equal(unknown.logged, ""); /* said once */
}

/* --- accounts that do not exist
 * --------------------------------------------------------------------- */

/* The server's first message to a name, but for the nonce. */
static void ask(struct signet_call* call, const char* name, char* salt) {
  const struct signet_module* module = signet_driver_scram();
  char first[128];
  void* state = NULL;
  snprintf(first, sizeof first, "n,,n=%s,r=abc", name);
  salt[0] = '\0';
  if (fake_answer(module, call, &state, first) == SIGNET_CONTINUE)
    strcpy(salt, strchr(call->challenge.text, ','));
  fake_end(module, state);
}

static void rule_a4_unknown_account_has_a_salt_of_its_own(void** state) {
  struct signet_call first = ACCOUNT(NULL), again = ACCOUNT(""), other = ACCOUNT(NULL);
  struct signet_call keyed = ACCOUNT(NULL), short_salt = ACCOUNT(NULL);
  char salt[128], same[128], different[128];
  (void)state;
  first.param[0] = other.param[0] = keyed.param[0] = short_salt.param[0] = SIGNET_FORCED_FAIL;
  ask(&first, "nobody", salt);
  ask(&again, "nobody", same);
  ask(&other, "none", different);
  assert_string_equal(salt, same);
  assert_true(strcmp(salt, different) != 0);
  assert_int_equal(strlen(salt), strlen(",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
  assert_non_null(strstr(salt, ",i=4096"));
  keyed.plain[SALT_KEY] = "a key";
  ask(&keyed, "nobody", different);
  assert_true(strcmp(salt, different) != 0);
  short_salt.number[SALT_SIZE] = 12;
  short_salt.number[ITERATIONS] = 10000;
  ask(&short_salt, "nobody", different);
  assert_int_equal(strlen(different), strlen(",s=W22ZaJ0SNY7soEsU,i=10000"));
}

/* As an account has that a lookup finds under both. */
static void rule_a4_unknown_account_has_its_salt_in_capitals_too(void** state) {
  struct signet_call small = ACCOUNT(NULL), capital = ACCOUNT(NULL);
  char salt[128], same[128];
  (void)state;
  small.param[0] = capital.param[0] = SIGNET_FORCED_FAIL;
  ask(&small, "nobody@example.org", salt);
  ask(&capital, "NoBody@EXAMPLE.org", same);
  assert_string_equal(salt, same);
}

static void rule_a4_unknown_account_has_as_many_steps_and_the_same_work(void** state) {
  int plain;
  (void)state;
  for (plain = 0; plain < 2; ++plain) {
    struct signet_worker worker = {0};
    struct signet_call call = ACCOUNT(NULL), empty = ACCOUNT("");
    call.param[0] = SIGNET_FORCED_FAIL;
    call.number[PLAIN] = empty.number[PLAIN] = plain;
    call.worker = &worker;
    assert_int_equal(try_password(&call, "pencil"), SIGNET_REJECT);
    assert_int_equal(call.challenge.times, 1);
    assert_int_equal(worker.blocking_runs, plain);
    assert_int_equal(call.conditions_checked, 0);
    assert_int_equal(try_password(&empty, ""), SIGNET_REJECT);
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of a refused exchange, without the client's part; the least time of many is the work. */
static double least_time(struct signet_call like, int runs) {
  const struct signet_module* module = signet_driver_scram();
  double least = 1e9;
  while (runs-- > 0) {
    struct signet_call call = like;
    struct client client = {.header = "n,,", .password = "wrong"};
    void* state = NULL;
    double begin, took;
    strcpy(client.bare, "n=user,r=abc");
    begin = seconds();
    fake_answer(module, &call, &state, "n,,n=user,r=abc");
    took = seconds() - begin;
    finish(&client, call.challenge.text);
    begin = seconds();
    fake_answer(module, &call, &state, client.final);
    took += seconds() - begin;
    fake_end(module, state);
    if (took < least) least = took;
  }
  return least;
}

static void rule_a4_unknown_account_takes_as_long_as_a_wrong_password(void** state) {
  int plain;
  (void)state;
  for (plain = 0; plain < 2; ++plain) {
    struct signet_call known = ACCOUNT(STORED), unknown = ACCOUNT(NULL);
    double wrong, nobody;
    if (plain != 0) known.value[0].text = "pencil";
    known.number[PLAIN] = unknown.number[PLAIN] = plain;
    unknown.param[0] = SIGNET_FORCED_FAIL;
    wrong = least_time(known, 100);
    nobody = least_time(unknown, 100);
    assert_true(nobody < wrong * 1.5 + 1e-5);
    assert_true(wrong < nobody * 1.5 + 1e-5);
  }
}

/* --- trouble
 * ----------------------------------------------------------------------------------------- */

static void failures_that_are_not_forced_defer(void** state) {
  static const enum signet_expanded kinds[] = {SIGNET_UNSET, SIGNET_TEMPORARY_FAIL,
                                               SIGNET_PERMANENT_FAIL, (enum signet_expanded)77};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    struct signet_call call = ACCOUNT(STORED);
    call.param[0] = kinds[i];
    assert_int_equal(try_password(&call, "pencil"), SIGNET_DEFER);
  }
}

static void numbers_beyond_their_limits_defer(void** state) {
  static const int64_t iterations[] = {4095, 4096, 1000000, 1000001, 16, 16, 16, 16};
  static const int64_t sizes[] = {16, 16, 16, 16, 7, 8, 32, 33};
  static const int good[] = {0, 1, 1, 0, 0, 1, 1, 0};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof good / sizeof good[0]; ++i) {
    struct signet_call call = ACCOUNT(NULL);
    char salt[128];
    call.param[0] = SIGNET_FORCED_FAIL;
    call.number[ITERATIONS] = i < 4 ? iterations[i] : 4096;
    call.number[SALT_SIZE] = sizes[i];
    ask(&call, "nobody", salt);
    assert_int_equal(salt[0] != '\0', good[i]);
  }
}

static void malformed_messages_reject(void** state) {
  static const char* const first[] = {"", "n,,", "n,,n=,r=abc", "user", "n,,n=user"};
  static const char* const last[] = {"", "c=biws", "c=biws,r=abc,p=AAAA", "p=AAAA"};
  const struct signet_module* module = signet_driver_scram();
  size_t i;
  (void)state;
  for (i = 0; i < sizeof first / sizeof first[0]; ++i) {
    struct signet_call call = ACCOUNT(STORED);
    void* exchange_state = NULL;
    assert_int_equal(fake_answer(module, &call, &exchange_state, first[i]), SIGNET_REJECT);
    assert_int_equal(call.expanded[SECRET], 0);
    fake_end(module, exchange_state);
  }
  for (i = 0; i < sizeof last / sizeof last[0]; ++i) {
    struct signet_call call = ACCOUNT(STORED);
    void* exchange_state = NULL;
    fake_answer(module, &call, &exchange_state, "n,,n=user,r=abc");
    assert_int_equal(fake_answer(module, &call, &exchange_state, last[i]), SIGNET_REJECT);
    fake_end(module, exchange_state);
  }
}

static void condition_decides_in_the_end(void** state) {
  struct signet_call reject = ACCOUNT(STORED), defer = ACCOUNT(STORED);
  (void)state;
  reject.condition = SIGNET_REJECT;
  defer.condition = SIGNET_DEFER;
  assert_int_equal(try_password(&reject, "pencil"), SIGNET_REJECT);
  assert_int_equal(try_password(&defer, "pencil"), SIGNET_DEFER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mechanism_needs_a_secret),
      cmocka_unit_test(stored_form_proves_the_password),
      cmocka_unit_test(password_proves_itself_where_it_is_said_to_be_one),
      cmocka_unit_test(neither_form_is_taken_for_the_other),
      cmocka_unit_test(client_without_an_initial_response_is_asked),
      cmocka_unit_test(something_behind_the_last_message_rejects),
      cmocka_unit_test(nonces_are_never_the_same),
      cmocka_unit_test(proof_for_another_nonce_rejects),
      cmocka_unit_test(only_the_own_name_is_an_authorization_identity),
      cmocka_unit_test(plus_binds_the_channel),
      cmocka_unit_test(plus_wants_the_binding_that_there_is),
      cmocka_unit_test(without_plus_the_channel_is_not_bound),
      cmocka_unit_test(client_that_was_not_shown_plus_is_refused_where_it_was_offered),
      cmocka_unit_test(plus_is_offered_where_a_channel_can_be_bound),
      cmocka_unit_test(rule_a4_unknown_account_has_a_salt_of_its_own),
      cmocka_unit_test(rule_a4_unknown_account_has_its_salt_in_capitals_too),
      cmocka_unit_test(rule_a4_unknown_account_has_as_many_steps_and_the_same_work),
      cmocka_unit_test(rule_a4_unknown_account_takes_as_long_as_a_wrong_password),
      cmocka_unit_test(failures_that_are_not_forced_defer),
      cmocka_unit_test(numbers_beyond_their_limits_defer),
      cmocka_unit_test(malformed_messages_reject),
      cmocka_unit_test(condition_decides_in_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
