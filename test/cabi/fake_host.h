/* A host that a test plays: it does what it is told and remembers what it was asked.
 * Assertions come after a driver has returned, because a failed one leaves by longjmp. */
#ifndef SIGNET_TEST_CABI_FAKE_HOST_H_
#define SIGNET_TEST_CABI_FAKE_HOST_H_

#include <signet/driver.h>

#define FAKE_OPTIONS 12
#define FAKE_ELEMENTS 24

/* What an expansion gives: text, or a list. */
struct signet_value {
  const char* text;
  size_t size;           /* 0 counts as the length of the text */
  size_t outsiders_from; /* where octets of outsiders begin; 0: there are none */
  const char* const* elements;
  size_t count; /* 0: no list */
};

/* Text that a driver gave, kept. */
struct fake_kept {
  char text[1024];
  size_t size;
  int times;
};

/* One run of an authenticator: what expansions give, and what the driver did. */
struct signet_call {
  enum signet_expanded param[FAKE_OPTIONS]; /* 0 counts as SIGNET_UNSET */
  struct signet_value value[FAKE_OPTIONS];
  const char* plain[FAKE_OPTIONS]; /* options that are not expanded */
  int64_t number[FAKE_OPTIONS];
  enum signet_verdict condition; /* 0 counts as SIGNET_ACCEPT */
  const char* public_name;
  const char* variable[2]; /* name and text of the one variable that there is */
  const char* advertised;  /* the one mechanism that the host advertises */
  struct signet_text binding;
  struct signet_worker* worker;

  int expanded[FAKE_OPTIONS]; /* how often */
  int vars_set;
  const char* auth[5]; /* by number */
  struct fake_kept auth_text[5];
  int conditions_checked;
  int vars_set_when_checked;
  struct fake_kept reason, challenge, identity, state;
  char logged[512]; /* the last line */
};

/* One lookup. `call` comes first, so that the fake finds the rest behind it. */
struct fake_lookup {
  struct signet_lookup_call call;
  char answer[512];
  size_t answer_size;
  int changed; /* how often the driver said so */
};

struct signet_worker {
  const char *option_name, *option_text; /* the one main option that is set */
  int blocking_runs;
  char logged[512]; /* the last line */
};

extern const struct signet_host fake_host;

struct signet_text fake_text(const char* text);

/* One step of an exchange with the mechanism of a module; `response` as driver.h has it. */
enum signet_verdict fake_step(const struct signet_module* module, struct signet_call* call,
                              void** state, struct signet_text response);
/* The same, of text: NULL for no response at all. */
enum signet_verdict fake_answer(const struct signet_module* module, struct signet_call* call,
                                void** state, const char* response);
void fake_end(const struct signet_module* module, void* state);

#endif
