/* The dovecot authenticator against a Dovecot that a test plays, octet by octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_dovecot(void);

/* --- a connection with a script: what is read, and when writing is wanted in between ------- */

#define WAIT "\v" /* in a script: nothing more until the driver has written */

static struct signet_stream {
  const char* script;
  char written[20000];
  size_t written_size;
  int open; /* connections that were made and not closed */
  int connects;
  enum signet_io connect_ends;
  char path[200], host[200];
  uint32_t port;
  int write_fails, silent;
  size_t piece; /* octets that one read gives; 0: all there are */
} peer;

static enum signet_io connect_to(struct signet_worker* worker,
                                 const struct signet_endpoint* endpoint, int64_t deadline_ms,
                                 struct signet_stream** stream) {
  (void)worker, (void)deadline_ms;
  ++peer.connects;
  ++peer.open;
  snprintf(peer.path, sizeof peer.path, "%.*s", (int)endpoint->unix_path.size,
           endpoint->unix_path.size != 0 ? endpoint->unix_path.data : "");
  snprintf(peer.host, sizeof peer.host, "%.*s", (int)endpoint->host.size,
           endpoint->host.size != 0 ? endpoint->host.data : "");
  peer.port = endpoint->port;
  *stream = &peer;
  return peer.connect_ends;
}

static int64_t read_some(struct signet_stream* stream, void* data, size_t size,
                         int64_t deadline_ms) {
  size_t ready = strcspn(stream->script, WAIT);
  (void)deadline_ms;
  if (ready == 0) return stream->silent ? SIGNET_IO_TIMEOUT : SIGNET_IO_CLOSED;
  if (ready > size) ready = size;
  if (stream->piece != 0 && ready > stream->piece) ready = stream->piece;
  memcpy(data, stream->script, ready);
  stream->script += ready;
  return (int64_t)ready;
}

static enum signet_io write_all(struct signet_stream* stream, struct signet_text data,
                                int64_t deadline_ms) {
  (void)deadline_ms;
  if (stream->write_fails) return SIGNET_IO_CLOSED;
  if (stream->written_size + data.size < sizeof stream->written) {
    memcpy(stream->written + stream->written_size, data.data, data.size);
    stream->written_size += data.size;
  }
  if (*stream->script == *WAIT) ++stream->script;
  return SIGNET_IO_OK;
}

static int read_pending(struct signet_stream* stream) {
  return *stream->script != '\0' && *stream->script != *WAIT;
}

static struct signet_text stream_why(struct signet_stream* stream) {
  (void)stream;
  return fake_text("No such file or directory");
}

static void close_stream(struct signet_stream* stream) { --stream->open; }

static struct signet_host host;
static struct signet_worker worker;

static void set_up(void) {
  host = fake_host;
  host.connect = connect_to;
  host.read = read_some;
  host.write = write_all;
  host.read_pending = read_pending;
  host.stream_why = stream_why;
  host.close = close_stream;
  memset(&peer, 0, sizeof peer);
}

#define HELLO \
  "VERSION\t1\t2\n" WAIT "MECH\tPLAIN\tplaintext\nMECH\tLogin\nSPID\t7\nCUID\t1\nDONE\n" WAIT

static struct signet_call call_of(const char* mechanism) {
  struct signet_call call = {0};
  call.plain[0] = "/run/dovecot/auth-client";
  call.public_name = mechanism;
  call.worker = &worker;
  return call;
}

static enum signet_verdict step(struct signet_call* call, void** state, const char* response) {
  return signet_driver_dovecot()->auths[0]->step(&host, call, state, fake_text(response));
}

static void end(void* state) { signet_driver_dovecot()->auths[0]->end(&host, state); }

/* One exchange by PLAIN with an initial response, to its end. */
static const struct signet_text kPlain = {"\0ann\0pw", 7};
static enum signet_verdict run(struct signet_call* call, const char* script) {
  void* state = NULL;
  enum signet_verdict verdict;
  peer.script = script;
  verdict = signet_driver_dovecot()->auths[0]->step(&host, call, &state, kPlain);
  end(state);
  return verdict;
}

/* What the driver wrote, with the client number left out. */
static const char* written(void) {
  static char text[20000];
  char* number;
  memcpy(text, peer.written, peer.written_size);
  text[peer.written_size] = '\0';
  number = strstr(text, "CPID\t");
  if (number != NULL) {
    number += 5;
    memmove(number, number + strcspn(number, "\n"), strlen(number + strcspn(number, "\n")) + 1);
  }
  return text;
}

/* --- tests -------------------------------------------------------------------------------- */

static void an_account_that_dovecot_accepts_is_auth_1(void** state) {
  struct signet_call call = call_of("PLAIN");
  (void)state;
  set_up();
  assert_int_equal(run(&call, HELLO "OK\t1\tuser=ann\n"), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "ann");
  assert_int_equal(call.conditions_checked, 1);
  assert_int_equal(call.vars_set_when_checked, 1);
  assert_string_equal(written(),
                      "VERSION\t1\t0\nCPID\t\nAUTH\t1\tPLAIN\tservice=smtp\trip=\tlip=\t"
                      "nologin\tresp=AGFubgBwdw==\n");
  assert_string_equal(peer.path, "/run/dovecot/auth-client");
  assert_int_equal(peer.open, 0);
}

static void the_condition_has_the_last_word(void** state) {
  struct signet_call call = call_of("PLAIN");
  (void)state;
  set_up();
  call.condition = SIGNET_REJECT;
  assert_int_equal(run(&call, HELLO "OK\t1\tuser=ann\n"), SIGNET_REJECT);
}

static void challenges_and_answers_are_passed_on(void** state) {
  struct signet_call call = call_of("LOGIN");
  void* exchange = NULL;
  (void)state;
  set_up();
  peer.script =
      HELLO "CONT\t1\tVXNlcm5hbWU6\n" WAIT "CONT\t1\t\n" WAIT "OK\t1\tx=y\tuser=a\001tb\n";
  assert_int_equal(step(&call, &exchange, NULL), SIGNET_CONTINUE);
  assert_string_equal(call.challenge.text, "Username:");
  assert_int_equal(step(&call, &exchange, "ann"), SIGNET_CONTINUE);
  assert_int_equal(call.challenge.size, 0);
  assert_int_equal(step(&call, &exchange, "a\tb\nc"), SIGNET_ACCEPT);
  assert_string_equal(call.auth[1], "a\tb");
  end(exchange);
  assert_string_equal(written(),
                      "VERSION\t1\t0\nCPID\t\nAUTH\t1\tLOGIN\tservice=smtp\trip=\tlip=\t"
                      "nologin\nCONT\t1\tYW5u\nCONT\t1\tYQliCmM=\n");
  assert_int_equal(peer.open, 0);
}

#define OWN_HELLO "VERSION\t1\t2\n" WAIT "MECH\tLOGIN-LIKE\nDONE\n" WAIT

static void an_empty_response_is_not_the_same_as_none(void** state) {
  struct signet_call call = call_of("login-like");
  void* exchange = NULL;
  (void)state;
  set_up();
  peer.script = OWN_HELLO "FAIL\t1\n";
  assert_int_equal(step(&call, &exchange, ""), SIGNET_REJECT);
  end(exchange);
  assert_non_null(strstr(written(), "\tresp==\n"));
}

/* Rule L6. */
static void an_empty_password_is_never_asked_about(void** state) {
  static const struct {
    const char* mechanism;
    struct signet_text response;
  } cases[] = {{"PLAIN", {"", 0}},
               {"PLAIN", {"\0ann\0", 5}},
               {"PLAIN", {"\0\0", 2}},
               {"PLAIN", {"\0\0secret", 8}},
               {"PLAIN", {"\0ann", 4}},
               {"PLAIN", {"ann\0secret", 10}},
               {"LOGIN", {"", 0}},
               /* Dovecot's passwords end at their first NUL. */
               {"PLAIN", {"\0ann\0\0x", 7}},
               {"PLAIN", {"\0ann\0s\0x", 8}},
               {"LOGIN", {"\0x", 2}}};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct signet_call call = call_of(cases[i].mechanism);
    void* exchange = NULL;
    set_up();
    peer.script = HELLO "OK\t1\tuser=ann\n";
    assert_int_equal(
        signet_driver_dovecot()->auths[0]->step(&host, &call, &exchange, cases[i].response),
        SIGNET_REJECT);
    end(exchange);
    assert_int_equal(peer.connects, 0);
  }
}

static void a_refusal_names_the_account_where_dovecot_does(void** state) {
  struct signet_call call = call_of("PLAIN");
  (void)state;
  set_up();
  assert_int_equal(run(&call, HELLO "FAIL\t1\tuser=bob\tauthz\treason=Not today\n"), SIGNET_REJECT);
  assert_string_equal(call.auth[1], "bob");
  assert_string_equal(call.reason.text, "Dovecot: Not today");
  assert_int_equal(call.conditions_checked, 0);
}

static void trouble_of_dovecots_own_is_no_refusal(void** state) {
  struct signet_call old = call_of("PLAIN"), new = call_of("PLAIN");
  (void)state;
  set_up();
  assert_int_equal(run(&old, HELLO "FAIL\t1\tuser=bob\ttemp\n"), SIGNET_DEFER);
  assert_string_equal(old.reason.text, "Dovecot cannot tell now");
  assert_int_equal(run(&new, HELLO "FAIL\t1\tcode=temp_fail\treason=down\n"), SIGNET_DEFER);
  assert_string_equal(new.reason.text, "Dovecot cannot tell now: down");
}

static void what_the_session_is_like_is_said(void** state) {
  struct signet_call call = call_of("PLAIN");
  (void)state;
  set_up();
  call.variable[0] = "tls_in_cipher";
  call.variable[1] = "TLS1.3";
  run(&call, HELLO "FAIL\t1\n");
  assert_non_null(strstr(written(), "service=smtp\tsecured\trip="));
  set_up();
  call = call_of("PLAIN");
  call.variable[0] = "sender_host_address";
  call.variable[1] = "192.0.2.1\tsecured";
  run(&call, HELLO "FAIL\t1\n");
  assert_non_null(strstr(written(), "service=smtp\trip=192.0.2.1\001tsecured\tlip="));
}

static unsigned long client_number(void) {
  unsigned long number = 0;
  peer.written[peer.written_size] = '\0';
  return sscanf(strstr(peer.written, "CPID"), "CPID\t%lu\n", &number) == 1 ? number : 0;
}

static void each_exchange_is_another_client(void** state) {
  struct signet_call call = call_of("PLAIN");
  unsigned long first;
  (void)state;
  set_up();
  run(&call, HELLO "FAIL\t1\n");
  first = client_number();
  assert_true(first >= 1ul << 22 && first < 1ul << 31);
  set_up();
  run(&call, HELLO "FAIL\t1\n");
  assert_true(client_number() != first);
}

/* Rules U3, U4: whatever is out of order ends the exchange, and nobody is refused for it. */
static void what_is_out_of_order_defers(void** state) {
  static const struct {
    const char *script, *reason;
  } cases[] = {
      {"VERSION\t2\t0\n", "authentication socket protocol version mismatch"},
      {"VERSION\t11\t0\n", "authentication socket protocol version mismatch"},
      {"VERSION\n", "authentication socket protocol version mismatch"},
      {"VERSION\t1\t0\n" WAIT "VERSION\t1\t0\n", "authentication socket protocol version mismatch"},
      {"VERSION\t1\t0\n" WAIT "SPID\t1\n",
       "authentication socket type mismatch (connected to auth-master instead of auth-client)"},
      {"VERSION\t1\t0\n" WAIT "MECH\tPLAINT\nDONE\n",
       "Dovecot did not advertise mechanism \"PLAIN\" to us"},
      {"VERSION\t1\t0\n" WAIT "DONE\n", "Dovecot did not advertise mechanism \"PLAIN\" to us"},
      {"MECH\tPLAIN\nDONE\n", "authentication socket protocol error"},
      {"", "authentication socket read error or premature eof"},
      {"VERSION\t1\t0", "authentication socket read error or premature eof"},
      {HELLO, "authentication socket read error or premature eof"},
      {HELLO "OK\t1\n", "authentication socket protocol error, username missing"},
      {HELLO "OK\t1\tuser=\n", "authentication socket protocol error, username missing"},
      {HELLO "OK\t1\tuser=ann", "authentication socket read error or premature eof"},
      {HELLO "OK\t2\tuser=ann\n", "authentication socket connection id mismatch"},
      {HELLO "OK\t11\tuser=ann\n", "authentication socket connection id mismatch"},
      {HELLO "OK\n", "authentication socket connection id mismatch"},
      {HELLO "FAIL\t2\n", "authentication socket connection id mismatch"},
      {HELLO "CONT\t2\t\n", "authentication socket connection id mismatch"},
      {HELLO "CONT\t1\t!!!!\n", "authentication socket protocol error"},
      {HELLO "CONT\t1\tabc\n", "authentication socket protocol error"},
      {HELLO "NOTFOUND\t1\n", "authentication socket protocol error"},
      {HELLO "ok\t1\tuser=ann\n", "authentication socket protocol error"},
      {HELLO "\n", "authentication socket protocol error"},
      /* Answers to what was not asked yet, or more than one. */
      {"VERSION\t1\t0\n" WAIT "MECH\tPLAIN\nDONE\nOK\t1\tuser=ann\n",
       "authentication socket protocol error"},
      {HELLO "OK\t1\tuser=ann\nOK\t1\tuser=root\n", "authentication socket protocol error"},
      {HELLO "FAIL\t1\nOK\t1\tuser=root\n", "authentication socket protocol error"},
  };
  size_t i;
  (void)state;
  set_up();
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct signet_call call = call_of("PLAIN");
    set_up();
    assert_int_equal(run(&call, cases[i].script), SIGNET_DEFER);
    assert_string_equal(call.reason.text, cases[i].reason);
    assert_int_equal(call.vars_set, 0);
    assert_int_equal(call.conditions_checked, 0);
    assert_int_equal(peer.open, 0);
  }
}

static void lines_may_come_in_any_pieces(void** state) {
  size_t piece;
  (void)state;
  set_up();
  for (piece = 1; piece < 8; ++piece) {
    struct signet_call call = call_of("PLAIN");
    set_up();
    peer.piece = piece;
    assert_int_equal(run(&call, HELLO "OK\t1\tuser=ann\n"), SIGNET_ACCEPT);
  }
}

static void lines_and_greetings_have_limits(void** state) {
  static char script[40000];
  struct signet_call call = call_of("PLAIN");
  size_t length, i;
  (void)state;
  set_up();
  for (length = 8192; length <= 8193; ++length) {
    call = call_of("PLAIN");
    set_up();
    strcpy(script, HELLO "OK\t1\tuser=ann\t");
    memset(script + strlen(HELLO) + 14, 'x', length - 14);
    strcpy(script + strlen(HELLO) + length, "\n");
    assert_int_equal(run(&call, script), length == 8192 ? SIGNET_ACCEPT : SIGNET_DEFER);
  }
  assert_string_equal(call.reason.text, "authentication socket protocol line too long");
  /* Version, 97 or 98 others, mechanism, end. */
  for (length = 97; length <= 98; ++length) {
    call = call_of("PLAIN");
    set_up();
    strcpy(script, "VERSION\t1\t0\n" WAIT);
    for (i = 0; i < length; ++i) strcat(script, "OTHER\tthing\n");
    strcat(script, "MECH\tPLAIN\nDONE\n" WAIT "OK\t1\tuser=ann\n");
    assert_int_equal(run(&call, script), length == 97 ? SIGNET_ACCEPT : SIGNET_DEFER);
  }
  assert_string_equal(call.reason.text, "authentication socket protocol error");
  /* A line that never ends is not kept. */
  set_up();
  memset(script, 'x', sizeof script - 1);
  script[sizeof script - 1] = '\0';
  assert_int_equal(run(&call, script), SIGNET_DEFER);
  assert_string_equal(call.reason.text, "authentication socket protocol line too long");
}

static void a_dovecot_that_cannot_be_reached_defers(void** state) {
  struct signet_call call = call_of("PLAIN");
  (void)state;
  set_up();
  peer.connect_ends = SIGNET_IO_ERROR;
  assert_int_equal(run(&call, ""), SIGNET_DEFER);
  assert_string_equal(call.reason.text,
                      "unable to connect to UNIX socket (/run/dovecot/auth-client): "
                      "No such file or directory");
  assert_int_equal(peer.open, 0);
  set_up();
  peer.silent = 1;
  assert_int_equal(run(&call, HELLO), SIGNET_DEFER);
  assert_string_equal(call.reason.text,
                      "authentication socket read error or premature eof: timed out");
  set_up();
  peer.write_fails = 1;
  assert_int_equal(run(&call, HELLO "OK\t1\tuser=ann\n"), SIGNET_DEFER);
  assert_string_equal(call.reason.text, "authentication socket write error");
  set_up();
  call.worker = NULL;
  assert_int_equal(run(&call, HELLO "OK\t1\tuser=ann\n"), SIGNET_DEFER);
  assert_int_equal(peer.connects, 0);
}

static void the_socket_may_be_a_host_and_a_port(void** state) {
  static const char* const bad[] = {
      "",       "localhost", "localhost ",    "localhost x", "localhost 0", "localhost 65536",
      " 12345", "run/auth",  "localhost 12 3"};
  struct signet_call call = call_of("PLAIN");
  size_t i;
  (void)state;
  set_up();
  call.plain[0] = "127.0.0.1  12345";
  assert_int_equal(run(&call, HELLO "OK\t1\tuser=ann\n"), SIGNET_ACCEPT);
  assert_string_equal(peer.host, "127.0.0.1");
  assert_int_equal(peer.port, 12345);
  for (i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    set_up();
    call = call_of("PLAIN");
    call.plain[0] = bad[i];
    assert_int_equal(run(&call, HELLO "OK\t1\tuser=ann\n"), SIGNET_DEFER);
    assert_int_equal(peer.connects, 0);
  }
}

static void a_cancelled_exchange_leaves_no_connection(void** state) {
  struct signet_call call = call_of("LOGIN");
  void* exchange = NULL;
  (void)state;
  set_up();
  peer.script = HELLO "CONT\t1\t\n" WAIT;
  assert_int_equal(step(&call, &exchange, NULL), SIGNET_CONTINUE);
  assert_int_equal(peer.open, 1);
  end(exchange);
  assert_int_equal(peer.open, 0);
  end(NULL);
}

static void the_module_says_what_it_needs(void** state) {
  const struct signet_auth_driver* driver = signet_driver_dovecot()->auths[0];
  (void)state;
  set_up();
  assert_int_equal(driver->flags, SIGNET_AUTH_ADVERTISED);
  assert_int_equal(strncmp(driver->needs.data, "server_socket", driver->needs.size), 0);
  assert_true(signet_driver_dovecot() == signet_driver_dovecot());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_account_that_dovecot_accepts_is_auth_1),
      cmocka_unit_test(the_condition_has_the_last_word),
      cmocka_unit_test(challenges_and_answers_are_passed_on),
      cmocka_unit_test(an_empty_response_is_not_the_same_as_none),
      cmocka_unit_test(an_empty_password_is_never_asked_about),
      cmocka_unit_test(a_refusal_names_the_account_where_dovecot_does),
      cmocka_unit_test(trouble_of_dovecots_own_is_no_refusal),
      cmocka_unit_test(what_the_session_is_like_is_said),
      cmocka_unit_test(each_exchange_is_another_client),
      cmocka_unit_test(what_is_out_of_order_defers),
      cmocka_unit_test(lines_may_come_in_any_pieces),
      cmocka_unit_test(lines_and_greetings_have_limits),
      cmocka_unit_test(a_dovecot_that_cannot_be_reached_defers),
      cmocka_unit_test(the_socket_may_be_a_host_and_a_port),
      cmocka_unit_test(a_cancelled_exchange_leaves_no_connection),
      cmocka_unit_test(the_module_says_what_it_needs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
