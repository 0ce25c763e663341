/* A host that a test plays: it does what it is told and remembers what it was asked.
 * Assertions come after a driver has returned, because a failed one leaves by longjmp. */
#ifndef SIGNET_TEST_CABI_FAKE_HOST_H_
#define SIGNET_TEST_CABI_FAKE_HOST_H_

#include <signet/driver.h>

#define FAKE_OPTIONS 8

struct signet_value {
  const char* text;
};

/* One run of an authenticator: what expansions give, and what the driver did. */
struct signet_call {
  enum signet_expanded param[FAKE_OPTIONS]; /* 0 counts as SIGNET_UNSET */
  struct signet_value value[FAKE_OPTIONS];
  enum signet_verdict condition; /* 0 counts as SIGNET_ACCEPT */

  int expanded[FAKE_OPTIONS]; /* how often */
  int vars_set;
  const char* auth[5]; /* by number */
  int conditions_checked;
  int vars_set_when_checked;
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

#endif
