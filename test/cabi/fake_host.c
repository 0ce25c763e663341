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
  ++worker->blocking_runs;
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
};
