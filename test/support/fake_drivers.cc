#include "test/support/fake_drivers.h"

#include <signet/driver.h>

#include <cstdlib>
#include <cstring>

namespace signet::test {
namespace {

signet_text Text(const char* text) { return {text, std::strlen(text)}; }

signet_option Option(const char* name, std::uint32_t kind, const char* default_text = "",
                     const char* alias_of = "") {
  signet_option option{};
  option.name = Text(name);
  option.kind = kind;
  option.alias_of = Text(alias_of);
  option.default_text = Text(default_text);
  option.manual = Text("for tests");
  return option;
}

signet_verdict Authenticate(const signet_host*, signet_call*) { return SIGNET_REJECT; }
signet_verdict Step(const signet_host*, signet_call*, void**, signet_text) { return SIGNET_REJECT; }
signet_found Find(const signet_host*, void*, signet_lookup_call*) { return SIGNET_NOT_FOUND; }

const signet_auth_driver* Tls() {
  static const signet_option kOptions[] = {
      Option("server_param1", SIGNET_OPTION_EXPANDED),
      Option("server_param2", SIGNET_OPTION_EXPANDED),
      Option("server_param3", SIGNET_OPTION_EXPANDED),
      Option("server_param", SIGNET_OPTION_EXPANDED, "", "server_param1"),
  };
  static signet_auth_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.flags = SIGNET_AUTH_AFTER_TLS | SIGNET_AUTH_SINGLE;
  driver.size = sizeof driver;
  driver.name = Text("tls");
  driver.options = kOptions;
  driver.option_count = std::size(kOptions);
  driver.option_size = sizeof kOptions[0];
  driver.authenticate = Authenticate;
  return &driver;
}

const signet_auth_driver* Login() {
  static const signet_option kOptions[] = {
      Option("server_prompts", SIGNET_OPTION_EXPANDED),
      Option("server_secret", SIGNET_OPTION_SECRET),
      Option("server_tries", SIGNET_OPTION_NUMBER, "3"),
      Option("server_wait", SIGNET_OPTION_TIME, "1m"),
      Option("server_strict", SIGNET_OPTION_BOOLEAN),
      Option("server_file", SIGNET_OPTION_TEXT),
  };
  static signet_auth_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.flags = SIGNET_AUTH_ADVERTISED;
  driver.size = sizeof driver;
  driver.name = Text("login");
  driver.options = kOptions;
  driver.option_count = std::size(kOptions);
  driver.option_size = sizeof kOptions[0];
  driver.step = Step;
  return &driver;
}

const signet_lookup_driver* Ldap() {
  static const signet_option kOptions[] = {
      Option("ldap_default_servers", SIGNET_OPTION_TEXT),
      Option("ldap_start_tls", SIGNET_OPTION_BOOLEAN),
      Option("ldap_version", SIGNET_OPTION_NUMBER, "3"),
      Option("ldap_wait", SIGNET_OPTION_TIME),
      Option("ldap_password", SIGNET_OPTION_SECRET),
  };
  static const signet_lookup_type kTypes[] = {
      {Text("ldap"), 0, SIGNET_QUOTE_LDAP_FILTER | SIGNET_QUOTE_LDAP_DN, Text("for tests")},
      {Text("ldapm"), 0, SIGNET_QUOTE_LDAP_FILTER | SIGNET_QUOTE_LDAP_DN, Text("for tests")},
  };
  static signet_lookup_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.size = sizeof driver;
  driver.name = Text("ldap");
  driver.main_options = kOptions;
  driver.main_option_count = std::size(kOptions);
  driver.main_option_size = sizeof kOptions[0];
  driver.types = kTypes;
  driver.type_count = std::size(kTypes);
  driver.type_size = sizeof kTypes[0];
  driver.find = Find;
  return &driver;
}

const signet_lookup_driver* Lsearch() {
  static const signet_lookup_type kTypes[] = {
      {Text("lsearch"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE, 0,
       Text("for tests")},
  };
  static signet_lookup_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.size = sizeof driver;
  driver.name = Text("lsearch");
  driver.types = kTypes;
  driver.type_count = std::size(kTypes);
  driver.type_size = sizeof kTypes[0];
  driver.find = Find;
  return &driver;
}

void MustBe(const Result<std::string, std::string>& added) {
  if (added) return;
  std::fprintf(stderr, "fake driver refused: %s\n", added.error().c_str());
  std::abort();
}

}  // namespace

std::unique_ptr<drivers::Registry> MakeFakeDrivers() {
  std::unique_ptr<drivers::Registry> registry = drivers::Registry::MakeEmpty();
  MustBe(registry->Add(Tls()));
  MustBe(registry->Add(Login()));
  MustBe(registry->Add(Ldap()));
  MustBe(registry->Add(Lsearch()));
  return registry;
}

}  // namespace signet::test
