/* The lookup `hello`: greets who is asked for, and knows nobody called "nobody". A driver
 * that is complete and does nothing useful, built outside the tree by `make installcheck`
 * and shown in doc/drivers.md. */
#include <signet/driver.h>
#include <string.h>

struct state {
  struct signet_text greeting;
};

static struct state only; /* the same for every worker: the option does not change */

static void* open_state(const struct signet_host* host, struct signet_worker* worker) {
  static const struct signet_text name = SIGNET_TEXT("hello_greeting");
  host->main_option(worker, name, &only.greeting);
  return &only;
}

static enum signet_found find(const struct signet_host* host, void* state,
                              struct signet_lookup_call* call) {
  static const struct signet_text too_long = SIGNET_TEXT("hello: the name is too long");
  const struct signet_text greeting = ((struct state*)state)->greeting;
  char answer[256];
  struct signet_text text = {answer, greeting.size + 1 + call->query.size};
  if (text.size > sizeof answer) {
    host->answer(call, too_long);
    return SIGNET_LATER;
  }
  if (call->query.size == 6 && memcmp(call->query.data, "nobody", 6) == 0) return SIGNET_NOT_FOUND;
  memcpy(answer, greeting.data, greeting.size);
  answer[greeting.size] = ' ';
  memcpy(answer + greeting.size + 1, call->query.data, call->query.size);
  host->answer(call, text);
  return SIGNET_FOUND;
}

static const struct signet_option options[] = {
    {.name = SIGNET_TEXT("hello_greeting"),
     .kind = SIGNET_OPTION_TEXT,
     .default_text = SIGNET_TEXT("hello"),
     .manual = SIGNET_TEXT("what the hello lookup says before a name")},
};

static const struct signet_lookup_type types[] = {
    {.name = SIGNET_TEXT("hello"), .manual = SIGNET_TEXT("greets who is asked for")},
};

static const struct signet_lookup_driver lookup = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_lookup_driver),
    .name = SIGNET_TEXT("hello"),
    .main_options = options,
    .main_option_count = 1,
    .main_option_size = sizeof options[0],
    .types = types,
    .type_count = 1,
    .type_size = sizeof types[0],
    .open = open_state,
    .find = find,
};

static const struct signet_lookup_driver* const lookups[] = {&lookup};

static const struct signet_module module = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_module),
    .name = SIGNET_TEXT("hello"),
    .version = SIGNET_TEXT("1.0"),
    .lookups = lookups,
    .lookup_count = 1,
};

SIGNET_DRIVER_ENTRY(hello) { return &module; }
