/* The authenticator `badge`: a certificate with a badge number in it is the badge's owner. It shows
 * what runs after a TLS handshake: options become $auth1, server_condition and server_set_id do the
 * rest. Built outside the tree by `make installcheck` and shown in doc/drivers.md. */
#include <signet/driver.h>

enum { SERVER_BADGE }; /* rows of `options` */

static enum signet_verdict authenticate(const struct signet_host* host, struct signet_call* call) {
  static const struct signet_text no_badge = SIGNET_TEXT("the certificate has no badge number");
  const struct signet_value* badge = NULL;
  switch (host->expand(call, SERVER_BADGE, &badge)) {
    case SIGNET_EXPANDED:
      break;
    case SIGNET_FORCED_FAIL:
      return SIGNET_REJECT;
    default: /* the host keeps the reason */
      return SIGNET_DEFER;
  }
  if (host->value_text(badge).size == 0) {
    host->reason(call, no_badge);
    return SIGNET_REJECT;
  }
  host->set_auth(call, 1, badge); /* the value, not its text: its origin stays known */
  return host->check_condition(call);
}

static const struct signet_option options[] = {
    {.name = SIGNET_TEXT("server_badge"),
     .kind = SIGNET_OPTION_EXPANDED,
     .manual = SIGNET_TEXT("where the badge number is; becomes $auth1")},
};

static const struct signet_auth_driver driver = {
    .abi_version = SIGNET_ABI_VERSION,
    .flags = SIGNET_AUTH_AFTER_TLS | SIGNET_AUTH_SINGLE,
    .size = sizeof(struct signet_auth_driver),
    .name = SIGNET_TEXT("badge"),
    .manual = SIGNET_TEXT("authenticates by the badge number in the client's certificate"),
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .authenticate = authenticate,
    .needs = SIGNET_TEXT("server_badge"),
};
static const struct signet_auth_driver* const auths[] = {&driver};

static const struct signet_module module = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_module),
    .name = SIGNET_TEXT("badge"),
    .version = SIGNET_TEXT("1.0"),
    .auths = auths,
    .auth_count = 1,
};

SIGNET_DRIVER_ENTRY(badge) { return &module; }
