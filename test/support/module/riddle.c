/* The authenticator `riddle`: a SASL mechanism that asks a riddle and takes "NAME ANSWER" for an
 * answer, twice if need be. It shows steps, a challenge and state between them. Built outside the
 * tree by `make installcheck` and shown in doc/drivers.md. */
#include <signet/driver.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER_RIDDLE, SERVER_ANSWER, SERVER_TRIES }; /* rows of `options` */

struct exchange {
  int64_t tries_left;
};

/* Same time whether they differ early or late: an answer is a kind of password. */
static int same(struct signet_text a, struct signet_text b) {
  volatile unsigned char different = 0;
  size_t i;
  if (a.size != b.size) return 0;
  for (i = 0; i < a.size; ++i)
    different = (unsigned char)(different | (unsigned char)(a.data[i] ^ b.data[i]));
  return different == 0;
}

static enum signet_verdict ask(const struct signet_host* host, struct signet_call* call) {
  struct signet_text riddle;
  if (!host->option_text(call, SERVER_RIDDLE, &riddle)) return SIGNET_DEFER;
  host->challenge(call, riddle);
  return SIGNET_CONTINUE;
}

static enum signet_verdict reject(const struct signet_host* host, struct signet_call* call,
                                  const char* why) {
  const struct signet_text text = {why, strlen(why)};
  host->reason(call, text);
  return SIGNET_REJECT;
}

static enum signet_verdict check(const struct signet_host* host, struct signet_call* call,
                                 struct exchange* exchange, struct signet_text response) {
  const char* blank = response.size == 0 ? NULL : memchr(response.data, ' ', response.size);
  struct signet_text name = response, answer = response;
  const struct signet_value* right = NULL;
  if (blank == NULL) return reject(host, call, "no name and answer");
  name.size = (size_t)(blank - response.data);
  answer.data = blank + 1;
  answer.size = response.size - name.size - 1;
  host->set_auth_text(call, 1, name); /* so that server_answer can ask for $auth1 */
  switch (host->expand(call, SERVER_ANSWER, &right)) {
    case SIGNET_EXPANDED:
      break;
    case SIGNET_FORCED_FAIL:
      return SIGNET_REJECT;
    default:
      return SIGNET_DEFER;
  }
  if (same(answer, host->value_text(right))) return host->check_condition(call);
  if (--exchange->tries_left <= 0) return reject(host, call, "wrong answer");
  return ask(host, call);
}

static enum signet_verdict step(const struct signet_host* host, struct signet_call* call,
                                void** state, struct signet_text response) {
  struct exchange* exchange = *state;
  if (exchange != NULL) return check(host, call, exchange, response);
  exchange = calloc(1, sizeof *exchange);
  if (exchange == NULL) return SIGNET_DEFER;
  *state = exchange; /* from here on `end` frees it */
  host->option_number(call, SERVER_TRIES, &exchange->tries_left);
  return ask(host, call);
}

static void end(const struct signet_host* host, void* state) {
  (void)host;
  free(state);
}

static const struct signet_option options[] = {
    {.name = SIGNET_TEXT("server_riddle"),
     .kind = SIGNET_OPTION_TEXT,
     .default_text = SIGNET_TEXT("who are you?"),
     .manual = SIGNET_TEXT("what the client is asked")},
    {.name = SIGNET_TEXT("server_answer"),
     .kind = SIGNET_OPTION_EXPANDED,
     .manual = SIGNET_TEXT("the right answer of the account $auth1")},
    {.name = SIGNET_TEXT("server_tries"),
     .kind = SIGNET_OPTION_NUMBER,
     .default_text = SIGNET_TEXT("2"),
     .manual = SIGNET_TEXT("how often a client may answer")},
};

static const struct signet_auth_driver driver = {
    .abi_version = SIGNET_ABI_VERSION,
    .flags = SIGNET_AUTH_ADVERTISED | SIGNET_AUTH_NO_INITIAL,
    .size = sizeof(struct signet_auth_driver),
    .name = SIGNET_TEXT("riddle"),
    .manual = SIGNET_TEXT("a SASL mechanism that asks a riddle"),
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .step = step,
    .end = end,
    .needs = SIGNET_TEXT("server_answer"),
};
static const struct signet_auth_driver* const auths[] = {&driver};

static const struct signet_module module = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_module),
    .name = SIGNET_TEXT("riddle"),
    .version = SIGNET_TEXT("1.0"),
    .auths = auths,
    .auth_count = 1,
};

SIGNET_DRIVER_ENTRY(riddle) { return &module; }
