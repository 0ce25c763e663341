#include "drivers/host/registry.h"

#include <gtest/gtest.h>
#include <signet/driver.h>

#include "drivers/host/host_api.h"

namespace signet::drivers {
namespace {

signet_verdict Accept(const signet_host*, signet_call*) { return SIGNET_ACCEPT; }
signet_found NotFound(const signet_host*, void*, signet_lookup_call*) { return SIGNET_NOT_FOUND; }

const signet_option kRows[] = {
    {SIGNET_TEXT("color"), SIGNET_OPTION_EXPANDED, 0, {}, {}, SIGNET_TEXT("its colour")},
    {SIGNET_TEXT("colour"), SIGNET_OPTION_EXPANDED, 0, SIGNET_TEXT("color"), {}, {}},
};

signet_auth_driver MakeAuth() {
  signet_auth_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.size = sizeof driver;
  driver.flags = SIGNET_AUTH_AFTER_TLS;
  driver.name = SIGNET_TEXT("stamp");
  driver.options = kRows;
  driver.option_count = 2;
  driver.option_size = sizeof kRows[0];
  driver.authenticate = Accept;
  return driver;
}

const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("shelf"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE, 0, {}},
    {SIGNET_TEXT("wire"), SIGNET_LOOKUP_BLOCKING, SIGNET_QUOTE_LDAP_DN, {}},
};

signet_lookup_driver MakeLookup() {
  signet_lookup_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.size = sizeof driver;
  driver.name = SIGNET_TEXT("things");
  driver.types = kTypes;
  driver.type_count = 2;
  driver.type_size = sizeof kTypes[0];
  driver.find = NotFound;
  return driver;
}

TEST(Registry, BuiltinHasTheTlsAuthenticatorWithItsOptions) {
  const auto registry = Registry::MakeBuiltin();
  const AuthDriver* tls = registry->FindAuth("tls");
  ASSERT_NE(tls, nullptr);
  EXPECT_TRUE(tls->after_tls);
  EXPECT_TRUE(tls->single);
  EXPECT_FALSE(tls->advertised);
  ASSERT_EQ(tls->options.size(), 4u);
  EXPECT_EQ(tls->options[0].name, "server_param1");
  EXPECT_EQ(tls->options[3].alias_of, "server_param1");
  for (const OptionRow& row : tls->options) EXPECT_FALSE(row.manual.empty()) << row.name;
}

TEST(Registry, EveryBuiltinDriverDocumentsItsOptions) {
  const auto registry = Registry::MakeBuiltin();
  for (const auto& driver : registry->lookups())
    for (const OptionRow& row : driver->main_options)
      EXPECT_FALSE(row.manual.empty()) << driver->name << " " << row.name;
}

TEST(Registry, AddsAnAuthenticator) {
  const auto registry = Registry::MakeEmpty();
  const auto driver = MakeAuth();
  ASSERT_TRUE(registry->Add(&driver).ok());
  EXPECT_EQ(registry->FindAuth("stamp")->options.size(), 2u);
  EXPECT_EQ(registry->FindAuth("nothing"), nullptr);
}

TEST(Registry, TypesOfOneLookupDriverShareItsTable) {
  const auto registry = Registry::MakeEmpty();
  const auto driver = MakeLookup();
  ASSERT_TRUE(registry->Add(&driver).ok());
  const LookupDriver* shelf = registry->FindLookup("shelf");
  const LookupDriver* wire = registry->FindLookup("wire");
  ASSERT_NE(shelf, nullptr);
  ASSERT_NE(wire, nullptr);
  EXPECT_EQ(shelf->abi, wire->abi);
  EXPECT_EQ(shelf->type.handle, 0);
  EXPECT_EQ(wire->type.handle, 1);
  EXPECT_EQ(wire->type_index, 1u);
  EXPECT_TRUE(shelf->type.single_key);
  EXPECT_TRUE(shelf->type.absolute_file);
  EXPECT_TRUE(wire->blocking);
  EXPECT_EQ(wire->type.accepts, std::vector<Quote>{Quote::kLdapDn});
}

int QuoteWithIndex(std::uint32_t type, signet_text option, signet_text text,
                   void (*add)(void*, signet_text), void* context) {
  const std::string head = std::to_string(type) + "/" + std::string(View(option)) + "/";
  add(context, Borrow(head));
  add(context, text);
  return View(option) != "none";
}

TEST(Registry, EachDriversQuotingIsItsOwn) {
  const signet_lookup_type rows[] = {
      {SIGNET_TEXT("a"),
       SIGNET_LOOKUP_FIRST_WORD,
       SIGNET_QUOTE_OWN | SIGNET_QUOTE_IN_STRING,
       {},
       SIGNET_TEXT("x= y=1")},
      {SIGNET_TEXT("b"), 0, SIGNET_QUOTE_OWN, {}, {}},
  };
  auto driver = MakeLookup();
  driver.types = rows;
  driver.quote = QuoteWithIndex;
  const signet_lookup_type more[] = {{SIGNET_TEXT("c"), 0, SIGNET_QUOTE_OWN, {}, {}},
                                     {SIGNET_TEXT("d"), 0, SIGNET_QUOTE_NOT_NEEDED, {}, {}}};
  auto other = MakeLookup();
  other.types = more;
  other.quote = QuoteWithIndex;
  const auto registry = Registry::MakeEmpty();
  ASSERT_TRUE(registry->Add(&driver).ok());
  ASSERT_TRUE(registry->Add(&other).ok());
  const expand::LookupType& a = registry->FindLookup("a")->type;
  const expand::LookupType& b = registry->FindLookup("b")->type;
  const expand::LookupType& c = registry->FindLookup("c")->type;
  ASSERT_EQ(a.accepts.size(), 1u);
  EXPECT_GE(a.accepts[0], Quote::kFirstOfDrivers);
  EXPECT_EQ(a.accepts, b.accepts);
  EXPECT_NE(a.accepts, c.accepts);
  EXPECT_TRUE(a.in_string && a.first_word);
  EXPECT_FALSE(b.in_string || b.first_word || b.any_text);
  EXPECT_EQ(a.options, "x= y=1");
  EXPECT_FALSE(b.options.has_value());
  EXPECT_TRUE(registry->FindLookup("d")->type.any_text);
  EXPECT_FALSE(registry->FindLookup("d")->type.quote);
  std::string quoted;
  EXPECT_TRUE(b.quote("o", "te\"xt", &quoted));
  EXPECT_EQ(quoted, "1/o/te\"xt");
  EXPECT_FALSE(a.quote("none", "", &quoted));
}

TEST(Registry, ATypeThatTestsCredentialsNeedsAFunctionThatDoes) {
  const signet_lookup_type rows[] = {{SIGNET_TEXT("a"),
                                      SIGNET_LOOKUP_CREDENTIALS,
                                      SIGNET_QUOTE_OWN,
                                      {},
                                      {},
                                      SIGNET_TEXT("user pass /")}};
  auto driver = MakeLookup();
  driver.types = rows;
  driver.type_count = 1;
  driver.quote = QuoteWithIndex;
  const auto registry = Registry::MakeEmpty();
  const auto refused = registry->Add(&driver);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().find("has no `authenticate`"), std::string::npos);
  driver.authenticate = [](const signet_host*, void*, signet_lookup_call*) {
    return SIGNET_REJECT;
  };
  ASSERT_TRUE(registry->Add(&driver).ok());
  EXPECT_TRUE(registry->FindLookup("a")->type.credentials);
  EXPECT_EQ(registry->FindLookup("a")->type.outsiders, "user pass /");
}

TEST(Registry, TypesOfAnOlderDriverHaveShorterRows) {
  struct Old {
    signet_text name;
    std::uint32_t flags, accepts;
    signet_text manual;
  };
  const Old rows[] = {{SIGNET_TEXT("old"), 0, 0, {}}, {SIGNET_TEXT("older"), 0, 0, {}}};
  auto driver = MakeLookup();
  driver.types = reinterpret_cast<const signet_lookup_type*>(rows);
  driver.type_size = sizeof rows[0];
  const auto registry = Registry::MakeEmpty();
  ASSERT_TRUE(registry->Add(&driver).ok());
  ASSERT_NE(registry->FindLookup("older"), nullptr);
  EXPECT_FALSE(registry->FindLookup("older")->type.options.has_value());
  driver.type_size = sizeof rows[0] - 1;
  EXPECT_FALSE(Registry::MakeEmpty()->Add(&driver).ok());
}

TEST(Registry, AnotherAbiVersionIsRefusedNamingBoth) {
  const auto registry = Registry::MakeEmpty();
  auto driver = MakeAuth();
  driver.abi_version = SIGNET_ABI_VERSION + 6;
  const auto added = registry->Add(&driver);
  ASSERT_FALSE(added.ok());
  EXPECT_NE(added.error().find("version " + std::to_string(SIGNET_ABI_VERSION + 6)),
            std::string::npos);
  EXPECT_NE(added.error().find("has version " + std::to_string(SIGNET_ABI_VERSION)),
            std::string::npos);
  EXPECT_TRUE(registry->auths().empty());
}

TEST(Registry, ATableThatIsTooShortIsRefusedNamingBothSizes) {
  const auto registry = Registry::MakeEmpty();
  auto driver = MakeAuth();
  const std::size_t least = offsetof(signet_auth_driver, needs);  // what the first drivers had
  driver.size = least - 1;
  const auto added = registry->Add(&driver);
  ASSERT_FALSE(added.ok());
  EXPECT_NE(added.error().find(std::to_string(least - 1)), std::string::npos);
  EXPECT_NE(added.error().find(std::to_string(least)), std::string::npos);
  driver.size = least;
  EXPECT_TRUE(registry->Add(&driver).ok());
}

TEST(Registry, ALongerTableOfANewerDriverIsAccepted) {
  struct Newer {
    signet_auth_driver known = MakeAuth();
    void* appended = nullptr;
  } driver;
  driver.known.size = sizeof driver;
  const auto registry = Registry::MakeEmpty();
  EXPECT_TRUE(registry->Add(&driver.known).ok());
}

TEST(Registry, RowsOfANewerDriverMayBeLonger) {
  struct LongRow {
    signet_option row;
    std::uint64_t appended;
  };
  const LongRow rows[] = {{kRows[0], 1}, {kRows[1], 2}};
  auto driver = MakeAuth();
  driver.options = &rows[0].row;
  driver.option_size = sizeof rows[0];
  const auto registry = Registry::MakeEmpty();
  ASSERT_TRUE(registry->Add(&driver).ok());
  EXPECT_EQ(registry->FindAuth("stamp")->options[1].name, "colour");
}

struct BadAuth {
  const char* what;
  void (*spoil)(signet_auth_driver*);
  const char* message;
};
const signet_option kTwice[] = {kRows[0], kRows[0]};
const signet_option kBadAlias[] = {{SIGNET_TEXT("x"), 1, 0, SIGNET_TEXT("y"), {}, {}}};
const signet_option kBadKind[] = {{SIGNET_TEXT("x"), 99, 0, {}, {}, {}}};
const BadAuth kBadAuths[] = {
    {"no name", [](signet_auth_driver* d) { d->name = {}; }, "not a proper name"},
    {"blank", [](signet_auth_driver* d) { d->name = SIGNET_TEXT("a b"); }, "not a proper name"},
    {"no function", [](signet_auth_driver* d) { d->authenticate = nullptr; }, "no `authenticate`"},
    {"no step", [](signet_auth_driver* d) { d->flags |= SIGNET_AUTH_ADVERTISED; }, "no `step`"},
    {"no purpose", [](signet_auth_driver* d) { d->flags = 0; }, "no flag"},
    {"twice", [](signet_auth_driver* d) { d->options = kTwice; }, "appears twice"},
    {"alias", [](signet_auth_driver* d) { d->options = kBadAlias, d->option_count = 1; },
     "cannot be an alias"},
    {"kind", [](signet_auth_driver* d) { d->options = kBadKind, d->option_count = 1; },
     "unknown kind 99"},
    {"stride", [](signet_auth_driver* d) { d->option_size = 8; }, "option rows have 8 octets"},
};

TEST(Registry, TablesThatContradictThemselvesAreRefused) {
  for (const BadAuth& bad : kBadAuths) {
    const auto registry = Registry::MakeEmpty();
    auto driver = MakeAuth();
    bad.spoil(&driver);
    const auto added = registry->Add(&driver);
    ASSERT_FALSE(added.ok()) << bad.what;
    EXPECT_NE(added.error().find(bad.message), std::string::npos) << added.error();
  }
}

TEST(Registry, ANameIsTakenOnce) {
  const auto registry = Registry::MakeEmpty();
  const auto auth = MakeAuth();
  ASSERT_TRUE(registry->Add(&auth).ok());
  EXPECT_NE(registry->Add(&auth).error().find("is taken"), std::string::npos);
  const auto lookup = MakeLookup();
  ASSERT_TRUE(registry->Add(&lookup).ok());
  EXPECT_NE(registry->Add(&lookup).error().find("\"shelf\" is taken"), std::string::npos);
}

TEST(Registry, AModuleIsAddedWholeOrNotAtAll) {
  const auto good = MakeAuth();
  auto bad = MakeLookup();
  bad.find = nullptr;
  const signet_auth_driver* auths[] = {&good};
  const signet_lookup_driver* lookups[] = {&bad};
  signet_module module{};
  module.abi_version = SIGNET_ABI_VERSION;
  module.size = sizeof module;
  module.name = SIGNET_TEXT("pair");
  module.auths = auths;
  module.auth_count = 1;
  module.lookups = lookups;
  module.lookup_count = 1;
  const auto registry = Registry::MakeEmpty();
  const auto added = registry->AddModule(&module);
  ASSERT_FALSE(added.ok());
  EXPECT_NE(added.error().find("module \"pair\""), std::string::npos);
  EXPECT_TRUE(registry->auths().empty());
  EXPECT_TRUE(registry->lookups().empty());
}

}  // namespace
}  // namespace signet::drivers
