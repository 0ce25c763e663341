// The lookups `ldap`, `ldapm` and `ldapdn`, and the bind test of ${if ldapauth{…}}.
//
// libldap only encodes and decodes (ldap_codec.cc). Connections, TLS and waiting are the
// host's, so that no directory, however slow, holds up a session that does not need it.
#include <ldap.h>
#include <signet/driver_cpp.h>
#include <stdlib.h>

#include "drivers/lookup/ldap_directory.h"

namespace {

using signet::driver::Text;
using signet::driver::View;
using signet::ldap::Answer;
using signet::ldap::Directory;
using signet::ldap::Form;

void* Open(const signet_host* host, signet_worker* worker) noexcept {
  return new Directory(host, worker);
}
void Close(const signet_host*, void* state) noexcept { delete static_cast<Directory*>(state); }

constexpr Form kForms[] = {Form::kOne, Form::kMany, Form::kDn};  // in the order of kTypes
constexpr std::uint32_t kBindTest = 3;                           // ldapauth, the fourth

signet_verdict Authenticate(const signet_host* host, void* state,
                            signet_lookup_call* call) noexcept {
  std::string why;
  const signet_verdict verdict =
      static_cast<Directory*>(state)->Authenticate(View(call->query), call->deadline_ms, &why);
  host->answer(call, Text(why));
  return verdict;
}

// ${lookup ldapauth{…}}: found, and empty, where the directory accepts the credentials.
signet_found FindByBinding(const signet_host* host, void* state,
                           signet_lookup_call* call) noexcept {
  switch (Authenticate(host, state, call)) {
    case SIGNET_ACCEPT:
      return SIGNET_FOUND;
    case SIGNET_REJECT:
      return SIGNET_NOT_FOUND;
    default:
      return SIGNET_LATER;
  }
}

signet_found Find(const signet_host* host, void* state, signet_lookup_call* call) noexcept {
  if (call->query.size == 0) return SIGNET_NOT_FOUND;
  if (call->type == kBindTest) return FindByBinding(host, state, call);
  const Answer answer = static_cast<Directory*>(state)->Find(View(call->query), kForms[call->type],
                                                             call->deadline_ms);
  host->answer(call, Text(answer.text));
  if (!answer.dn.empty() && SIGNET_HAS(host, entry)) host->entry(call, Text(answer.dn));
  switch (answer.kind) {
    case Answer::kFound:
      return SIGNET_FOUND;
    case Answer::kNotFound:
      return SIGNET_NOT_FOUND;
    case Answer::kDeferred:
      break;
  }
  return SIGNET_LATER;
}

// clang-format off
const signet_option kOptions[] = {
    {SIGNET_TEXT("ldap_default_servers"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("servers, in order, of LDAP URLs that name none; a list of host, host::port or /socket")},
    {SIGNET_TEXT("ldap_start_tls"), SIGNET_OPTION_BOOLEAN, 0, {}, SIGNET_TEXT("false"),
     SIGNET_TEXT("start TLS on ldap:// connections before binding")},
    {SIGNET_TEXT("ldap_ca_cert_file"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("PEM file of the CAs that may issue a directory server's certificate")},
    {SIGNET_TEXT("ldap_ca_cert_dir"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("directory of such PEM files")},
    {SIGNET_TEXT("ldap_cert_file"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("our own certificate for directory servers, PEM")},
    {SIGNET_TEXT("ldap_cert_key"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("the private key of ldap_cert_file, PEM")},
    {SIGNET_TEXT("ldap_cipher_suite"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("GnuTLS priority string for connections to directories")},
    {SIGNET_TEXT("ldap_require_cert"), SIGNET_OPTION_TEXT, 0, {}, SIGNET_TEXT("demand"),
     SIGNET_TEXT("hard, demand, try: a server's certificate must verify; allow, never: any will do"),
     SIGNET_TEXT("allow never"),
     SIGNET_TEXT("whoever stands between here and a directory can answer in its name (weakens rule T14)")},
    {SIGNET_TEXT("ldap_version"), SIGNET_OPTION_NUMBER, 0, {}, {},
     SIGNET_TEXT("version of the protocol; only 3 is spoken")},
};

constexpr std::uint32_t kQuotes = SIGNET_QUOTE_LDAP_FILTER | SIGNET_QUOTE_LDAP_DN;
const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("ldap"), 0, kQuotes, SIGNET_TEXT("attributes of one entry of an LDAP directory")},
    {SIGNET_TEXT("ldapm"), 0, kQuotes, SIGNET_TEXT("attributes of several entries, one a line")},
    {SIGNET_TEXT("ldapdn"), 0, kQuotes, SIGNET_TEXT("the distinguished name of one entry")},
    {SIGNET_TEXT("ldapauth"), SIGNET_LOOKUP_NOT_KEPT | SIGNET_LOOKUP_CREDENTIALS, kQuotes,
     SIGNET_TEXT("empty, where a directory accepts the USER and PASS of the query")},
};

const signet_lookup_driver kDriver = {
    .abi_version = SIGNET_ABI_VERSION,
    .reserved = 0,
    .size = sizeof(signet_lookup_driver),
    .name = SIGNET_TEXT("ldap"),
    .main_options = kOptions,
    .main_option_count = sizeof kOptions / sizeof kOptions[0],
    .main_option_size = sizeof kOptions[0],
    .types = kTypes,
    .type_count = sizeof kTypes / sizeof kTypes[0],
    .type_size = sizeof kTypes[0],
    .open = Open,
    .close = Close,
    .find = Find,
    .authenticate = Authenticate,
    .quote = nullptr,
};
const signet_lookup_driver* const kLookups[] = {&kDriver};

const signet_module kModule = {
    .abi_version = SIGNET_ABI_VERSION,
    .reserved = 0,
    .size = sizeof(signet_module),
    .name = SIGNET_TEXT("ldap"),
    .version = {},
    .auths = nullptr,
    .auth_count = 0,
    .lookups = kLookups,
    .lookup_count = 1,
};
// clang-format on

// Rule L10: libldap reads no ldap.conf, no .ldaprc and no LDAP… variables. It looks at
// this when it is first used, so it is used here, before there are threads.
bool InitialiseLibrary() {
  ::setenv("LDAPNOINIT", "1", 1);
  int version = 0;
  return ldap_get_option(nullptr, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_SUCCESS;
}

}  // namespace

SIGNET_DRIVER_ENTRY(ldap) {
  static const bool ready = InitialiseLibrary();
  return ready ? &kModule : nullptr;
}
