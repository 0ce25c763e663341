#define _POSIX_C_SOURCE 200809L /* clock_gettime, mkstemp */
#include "test/cabi/fake_host.h"

#include <string.h>
#include <time.h>

struct signet_text fake_text(const char* text) {
  struct signet_text borrowed;
  borrowed.data = text;
  borrowed.size = text == NULL ? 0 : strlen(text);
  return borrowed;
}

static enum signet_expanded expand(struct signet_call* call, uint32_t option,
                                   const struct signet_value** value) {
  if (option >= FAKE_OPTIONS) return SIGNET_UNSET;
  ++call->expanded[option];
  if (call->param[option] == SIGNET_EXPANDED) *value = &call->value[option];
  return call->param[option] == 0 ? SIGNET_UNSET : call->param[option];
}

static void keep(struct fake_kept* kept, struct signet_text text) {
  const size_t most = sizeof kept->text - 1;
  kept->size = text.size < most ? text.size : most;
  if (kept->size != 0) memcpy(kept->text, text.data, kept->size);
  kept->text[kept->size] = '\0';
  ++kept->times;
}

static struct signet_text value_text(const struct signet_value* value) {
  struct signet_text text = fake_text(value->text);
  if (value->size != 0) text.size = value->size;
  return text;
}

static size_t value_count(const struct signet_value* value) {
  return value->count == 0 ? 1 : value->count;
}

static struct signet_text value_element(const struct signet_value* value, size_t index) {
  static const struct signet_text none = {NULL, 0};
  if (value->count == 0) return index == 0 ? value_text(value) : none;
  return index < value->count ? fake_text(value->elements[index]) : none;
}

static size_t value_own(const struct signet_value* value) {
  return value->outsiders_from == 0 ? value_text(value).size : value->outsiders_from;
}

/* Lists are made by the test, or are text without separators. */
static const struct signet_value* value_list(struct signet_call* call,
                                             const struct signet_value* value) {
  (void)call;
  return value->count > FAKE_ELEMENTS ? NULL : value;
}

static int option_text(struct signet_call* call, uint32_t option, struct signet_text* text) {
  if (option >= FAKE_OPTIONS || call->plain[option] == NULL) return 0;
  *text = fake_text(call->plain[option]);
  return 1;
}

static int option_number(struct signet_call* call, uint32_t option, int64_t* number) {
  if (option >= FAKE_OPTIONS) return 0;
  *number = call->number[option];
  return 1;
}

static void set_auth_text(struct signet_call* call, uint32_t number, struct signet_text text) {
  ++call->vars_set;
  if (number >= 5) return;
  keep(&call->auth_text[number], text);
  call->auth[number] = call->auth_text[number].text;
}

static void reason(struct signet_call* call, struct signet_text text) { keep(&call->reason, text); }

static void challenge(struct signet_call* call, struct signet_text text) {
  keep(&call->challenge, text);
}

static void set_state(struct signet_call* call, const struct signet_value* value) {
  keep(&call->state, value_text(value));
}

static void identity(struct signet_call* call, const struct signet_value* value, size_t from) {
  struct signet_text text = value_text(value);
  if (from > text.size) from = text.size;
  text.data += from;
  text.size -= from;
  keep(&call->identity, text);
}

static void log_line(struct signet_call* call, struct signet_text line) {
  const size_t most = sizeof call->logged - 1;
  const size_t size = line.size < most ? line.size : most;
  memcpy(call->logged, line.data, size);
  call->logged[size] = '\0';
}

static int same(struct signet_text a, const char* b) {
  return b != NULL && a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

static enum signet_expanded variable(struct signet_call* call, struct signet_text name,
                                     const struct signet_value** value) {
  static struct signet_value given;
  if (!same(name, call->variable[0])) return SIGNET_UNSET;
  memset(&given, 0, sizeof given);
  given.text = call->variable[1];
  *value = &given;
  return SIGNET_EXPANDED;
}

static struct signet_text public_name(struct signet_call* call) {
  return fake_text(call->public_name);
}

static int advertised(struct signet_call* call, struct signet_text mechanism) {
  return same(mechanism, call->advertised);
}

static int channel_binding(struct signet_call* call, struct signet_text type,
                           struct signet_text* octets) {
  if (!same(type, "tls-exporter") || call->binding.size == 0) return 0;
  *octets = call->binding;
  return 1;
}

static struct signet_worker* call_worker(struct signet_call* call) { return call->worker; }

static void set_auth(struct signet_call* call, uint32_t number, const struct signet_value* value) {
  ++call->vars_set;
  if (number < 5) call->auth[number] = value->text;
}

static enum signet_verdict check_condition(struct signet_call* call) {
  ++call->conditions_checked;
  call->vars_set_when_checked = call->vars_set;
  return call->condition == 0 ? SIGNET_ACCEPT : call->condition;
}

static void answer(struct signet_lookup_call* call, struct signet_text text) {
  struct fake_lookup* lookup = (struct fake_lookup*)call;
  const size_t most = sizeof lookup->answer - 1;
  lookup->answer_size = text.size < most ? text.size : most;
  memcpy(lookup->answer, text.data, lookup->answer_size);
  lookup->answer[lookup->answer_size] = '\0';
}

static void changed(struct signet_lookup_call* call) { ++((struct fake_lookup*)call)->changed; }

static void worker_log(struct signet_worker* worker, struct signet_text line) {
  const size_t most = sizeof worker->logged - 1;
  const size_t size = line.size < most ? line.size : most;
  memcpy(worker->logged, line.data, size);
  worker->logged[size] = '\0';
}

static int main_option(struct signet_worker* worker, struct signet_text name,
                       struct signet_text* text) {
  const struct signet_text known = fake_text(worker->option_name);
  if (worker->option_name == NULL) return 0;
  if (known.size != name.size || memcmp(known.data, name.data, name.size) != 0) return 0;
  *text = fake_text(worker->option_text);
  return 1;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void run_blocking(struct signet_worker* worker, void (*body)(void*), void* context) {
  if (worker != NULL) ++worker->blocking_runs;
  body(context);
}

/* What is not here is NULL: a driver that used it would be caught at once. */
const struct signet_host fake_host = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_host),
    .expand = expand,
    .set_auth = set_auth,
    .check_condition = check_condition,
    .answer = answer,
    .main_option = main_option,
    .now_ms = now_ms,
    .run_blocking = run_blocking,
    .changed = changed,
    .worker_log = worker_log,
    .option_text = option_text,
    .option_number = option_number,
    .value_text = value_text,
    .value_count = value_count,
    .value_element = value_element,
    .value_own = value_own,
    .value_list = value_list,
    .set_auth_text = set_auth_text,
    .reason = reason,
    .challenge = challenge,
    .log = log_line,
    .set_state = set_state,
    .identity = identity,
    .variable = variable,
    .public_name = public_name,
    .advertised = advertised,
    .channel_binding = channel_binding,
    .call_worker = call_worker,
};

enum signet_verdict fake_step(const struct signet_module* module, struct signet_call* call,
                              void** state, struct signet_text response) {
  return module->auths[0]->step(&fake_host, call, state, response);
}

enum signet_verdict fake_answer(const struct signet_module* module, struct signet_call* call,
                                void** state, const char* response) {
  return fake_step(module, call, state, fake_text(response));
}

void fake_end(const struct signet_module* module, void* state) {
  if (module->auths[0]->end != NULL) module->auths[0]->end(&fake_host, state);
}
