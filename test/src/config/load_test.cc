#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/config/config.h"
#include "src/config/options.h"
#include "test/support/fake_drivers.h"

namespace signet::config {
namespace {

using testing::HasSubstr;

const drivers::Registry& Drivers() {
  static const std::unique_ptr<drivers::Registry> registry = test::MakeFakeDrivers();
  return *registry;
}

Loaded LoadString(const std::string& text, const std::vector<Macro>& macros = {}) {
  return LoadText("t.conf", text, macros, Drivers());
}

// Errors and warnings as "line:column: severity: message; hint", one a line.
std::string Said(const Loaded& loaded) {
  std::string said;
  for (const Diagnostic& d : loaded.diagnostics) {
    if (!said.empty()) said += '\n';
    std::string place = PlaceOf(d.span);
    if (place.starts_with("t.conf:")) place.erase(0, 7);
    said += place + (d.severity == Severity::kError ? ": error: " : ": warning: ") + d.message;
    if (!d.hint.empty()) said += "; " + d.hint;
    for (const DiagnosticNote& note : d.notes) {
      said += "\n  " + PlaceOf(note.span).substr(7) + ": " + note.message;
    }
  }
  return said;
}
std::string Said(const std::string& text) { return Said(LoadString(text)); }

std::shared_ptr<Config> Good(const std::string& text, const std::vector<Macro>& macros = {}) {
  Loaded loaded = LoadString(text, macros);
  EXPECT_EQ(Said(loaded), "") << text;
  return loaded.config ? loaded.config : std::make_shared<Config>();
}

constexpr char kManualExample[] = R"(# signet.conf
primary_hostname     = mx.example.org
daemon_smtp_ports    = 587 : 465
tls_on_connect_ports = 465
tls_advertise_hosts  = *
tls_certificate      = /etc/signet/server.pem
tls_privatekey       = /etc/signet/server.key
tls_try_verify_hosts = *
tls_verify_certificates = /etc/signet/client-ca.pem
ldap_default_servers = ldap.example.org

acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt

begin acl
check_mail:
  deny    authenticated = *
          !condition    = ${if inlisti{$sender_address}{<: $authenticated_id}}
          message       = $authenticated_id may not send as $sender_address
  accept
check_rcpt:
  accept  authenticated = *
  deny    message = relaying needs a client certificate

begin authenticators
tls:
  driver = tls
  server_param1 =    ${certextract {subj_altname,mail,>:} {$tls_in_peercert}}
  server_condition = ${if and { {eq{$tls_in_certificate_verified}{1}} \
                                {forany {$auth1} \
                                   {!= {0} {${lookup ldap{ldap:///\
                                     mailname=${quote_ldap_dn:${lc:$item}},\
                                     ou=users,dc=example,dc=org?mailid} {$value}{0} }} }} }}
  # signet: allow maybe-no-id
  server_set_id =    ${if = {1}{${listcount:$auth1}} {$auth1}{}}

begin routers
upstream:
  driver = manualroute
  route_list = * 127.0.0.1::10025
  transport = to_mta

begin transports
to_mta:
  driver = smtp
)";

TEST(ConfigLoad, ExampleOfTheManualLoads) {
  std::shared_ptr<Config> config = Good(kManualExample);
  EXPECT_EQ(config->main.primary_hostname, "mx.example.org");
  EXPECT_EQ(config->main.qualify_domain, "mx.example.org");
  EXPECT_EQ(config->main.daemon_smtp_ports, (std::vector<std::string>{"587", "465"}));
  EXPECT_EQ(config->main.tls_on_connect_ports, std::vector<std::string>{"465"});
  EXPECT_EQ(config->main.driver_options.at("ldap_default_servers"), "ldap.example.org");
  const Expanded& mail = config->main.acl[static_cast<std::size_t>(AclWhen::kMail)];
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail.span.view(), "check_mail");
  ASSERT_EQ(config->acls.size(), 2u);
  EXPECT_EQ(config->acls[0].lines.size(), 4u);
  ASSERT_EQ(config->authenticators.size(), 1u);
  const Authenticator& tls = config->authenticators[0];
  EXPECT_EQ(tls.driver->name, "tls");
  EXPECT_EQ(tls.public_name, "tls");
  EXPECT_TRUE(tls.server_condition);
  EXPECT_TRUE(tls.options.at(0).set);
  EXPECT_TRUE(tls.options[0].expanded);
  EXPECT_FALSE(tls.options.at(1).set);
  std::size_t at = tls.server_condition.span.view().find("ou=users");
  EXPECT_EQ(PlaceOf(tls.server_condition.span.Part(at, at + 8)), "t.conf:33:38");
  ASSERT_EQ(config->routers.size(), 1u);
  EXPECT_EQ(config->routers[0].driver, RouterDriver::kManualroute);
  EXPECT_EQ(config->routers[0].transport.text, "to_mta");
  EXPECT_EQ(config->transports.at(0).driver, TransportDriver::kSmtp);
}

TEST(ConfigLoad, EmptyConfigurationHasTheDefaultsOfTheRows) {
  std::shared_ptr<Config> config = Good("");
  const Main& main = config->main;
  EXPECT_FALSE(main.primary_hostname.empty());
  EXPECT_EQ(main.qualify_domain, main.primary_hostname);
  EXPECT_EQ(main.smtp_banner.span.view(), "$primary_hostname ESMTP Signet");
  EXPECT_EQ(PlaceOf(main.smtp_banner.span), "default of smtp_banner:1:1");
  EXPECT_EQ(main.daemon_smtp_ports, std::vector<std::string>{"smtp"});
  EXPECT_EQ(main.local_interfaces.text, "<; ::0 ; 0.0.0.0");
  EXPECT_FALSE(main.tls_certificate);
  EXPECT_FALSE(main.log_file_path.set());
  // Defaults stand twice, for those who build a Main by hand: they must not drift apart.
  Main plain;
  EXPECT_EQ(main.smtp_accept_max, plain.smtp_accept_max);
  EXPECT_EQ(main.smtp_accept_max_nonmail, plain.smtp_accept_max_nonmail);
  EXPECT_EQ(main.smtp_max_unknown_commands, plain.smtp_max_unknown_commands);
  EXPECT_EQ(main.smtp_max_synprot_errors, plain.smtp_max_synprot_errors);
  EXPECT_EQ(main.smtp_receive_timeout, plain.smtp_receive_timeout);
  EXPECT_EQ(main.smtp_enforce_sync, plain.smtp_enforce_sync);
  EXPECT_EQ(main.received_headers_max, plain.received_headers_max);
  EXPECT_EQ(main.message_size_limit.span.view(), "50M");
  EXPECT_EQ(std::size_t{50} << 20, limits::kMessageMaxBytes);
  EXPECT_EQ(main.recipients_max.span.view(), std::to_string(limits::kRecipientsMax));
  std::shared_ptr<Config> with = Good("begin transports\nt:\n driver = smtp\n");
  Transport transport;
  EXPECT_EQ(with->transports.at(0).connect_timeout, transport.connect_timeout);
  EXPECT_EQ(with->transports.at(0).command_timeout, transport.command_timeout);
  EXPECT_EQ(with->transports.at(0).data_timeout, transport.data_timeout);
  EXPECT_EQ(with->transports.at(0).final_timeout, transport.final_timeout);
  EXPECT_EQ(with->transports.at(0).create_directory, transport.create_directory);
  EXPECT_EQ(with->transports.at(0).maildir_format, transport.maildir_format);
}

TEST(ConfigLoad, AllMistakesAreReportedAtOnceInSourceOrder) {
  EXPECT_EQ(Said("smtp_accept_max = lots\n"
                 "begin routers\n"
                 "r:\n"
                 "  driver = manualroute\n"
                 "  transport = to_mat\n"
                 "begin transports\n"
                 "to_mta:\n"
                 "  driver = smpt\n"),
            "1:19: error: integer expected for smtp_accept_max\n"
            "3:1: error: route_list or route_data must be set for router \"r\"\n"
            "5:15: error: transport \"to_mat\" unknown; did you mean \"to_mta\"?\n"
            "8:12: error: transport to_mta: cannot find transport driver \"smpt\"; did you mean "
            "\"smtp\"?");
}

TEST(ConfigLoad, RuleC1MistakeLeavesNoConfig) {
  Loaded loaded = LoadString("no_such = 1\n");
  EXPECT_EQ(loaded.config, nullptr);
  EXPECT_FALSE(loaded.texts.empty());
  EXPECT_EQ(Said(loaded), "1:1: error: main option \"no_such\" unknown");
}

TEST(ConfigLoad, WarningsLeaveAConfig) {
  Loaded loaded = LoadString("spool_directory = /var/spool/exim\n");
  EXPECT_NE(loaded.config, nullptr);
  EXPECT_EQ(Said(loaded),
            "1:1: warning: Exim's option \"spool_directory\" has no meaning in Signet and is "
            "ignored");
}

TEST(ConfigLoad, MistakesInExpansionsPointIntoTheFile) {
  EXPECT_EQ(Said("smtp_banner = hello \\\n   ${bad}\n").substr(0, 5), "2:6: ");
  EXPECT_EQ(Said("M = ${bad}\nsmtp_banner = hello M\n").substr(0, 6), "2:21: ");
}

TEST(ConfigLoad, MissingFileIsSaid) {
  Loaded loaded = Load("/nowhere/signet.conf", {}, Drivers());
  EXPECT_EQ(loaded.config, nullptr);
  EXPECT_EQ(Said(loaded), ": error: non-existent configuration file \"/nowhere/signet.conf\"");
}

// --- options --------------------------------------------------------------------------------

TEST(ConfigOptions, UnknownMainOptionGetsASuggestion) {
  EXPECT_EQ(
      Said("tls_certificat = x\n"),
      "1:1: error: main option \"tls_certificat\" unknown; did you mean \"tls_certificate\"?");
  EXPECT_EQ(Said("ldap_default_server = x\n"),
            "1:1: error: main option \"ldap_default_server\" unknown; did you mean "
            "\"ldap_default_servers\"?");
  EXPECT_EQ(Said("hostlst a = x\n"),
            "1:1: error: main option \"hostlst\" unknown; did you mean \"hostlist\"?");
}

TEST(ConfigOptions, OptionIsSetOnce) {
  EXPECT_EQ(Said("log_timezone\nno_log_timezone\n"),
            "2:1: error: \"log_timezone\" option set for the second time\n  1:1: first set here");
  EXPECT_EQ(Said("begin routers\nr:\n driver = accept\n driver = accept\n transport = t\n"
                 "begin transports\nt:\n driver = smtp\n port = 1\n port = 2\n"),
            "4:2: error: \"driver\" option set for the second time\n  3:2: first set here\n"
            "10:2: error: \"port\" option set for the second time\n  9:2: first set here");
}

TEST(ConfigOptions, BooleansHaveFourSpellings) {
  for (const char* yes : {"log_timezone", "log_timezone = true", "log_timezone=YES"}) {
    EXPECT_TRUE(Good(yes)->main.log_timezone) << yes;
  }
  for (const char* no : {"no_smtp_enforce_sync", "not_smtp_enforce_sync", "smtp_enforce_sync = no",
                         "smtp_enforce_sync = False"}) {
    EXPECT_FALSE(LoadString(no).config->main.smtp_enforce_sync) << no;
  }
  EXPECT_EQ(Said("no_log_timezone = yes\n"),
            "1:19: error: extra characters follow boolean option no_log_timezone");
  EXPECT_EQ(Said("log_timezone now\n"),
            "1:14: error: extra characters follow boolean option log_timezone");
  EXPECT_EQ(Said("log_timezone # yes\n"),
            "1:14: error: extra characters follow boolean option log_timezone (# is comment only "
            "at line start)");
  EXPECT_EQ(Said("log_timezone = maybe\n"),
            "1:16: error: \"maybe\" is not a valid value for the \"log_timezone\" option");
  EXPECT_EQ(Said("log_timezone = yes please\n"),
            "1:20: error: extra characters follow \"yes\" for boolean option log_timezone");
}

TEST(ConfigOptions, OthersNeedAValue) {
  EXPECT_EQ(Said("tls_crl\n"), "1:1: error: unexpected end of line (data missing) after tls_crl");
  EXPECT_EQ(Said("tls_crl /a\n"), "1:9: error: missing \"=\" after tls_crl");
  EXPECT_EQ(Said("no_tls_crl = /a\n"),
            "1:1: error: negation prefix applied to a non-boolean option");
  EXPECT_EQ(Said("smtp_receive_timeout = 5 elephants\n"),
            "1:24: error: invalid time value for smtp_receive_timeout");
  EXPECT_EQ(Said("smtp_accept_max = 5 elephants\n"),
            "1:21: error: extra characters follow integer value for smtp_accept_max");
  EXPECT_EQ(Said("smtp_accept_max = -1\n"), "1:19: error: smtp_accept_max must not be negative");
  EXPECT_EQ(Said("tls_crl = \"/a\n"),
            "1:11: error: missing quote at end of string value for tls_crl");
}

TEST(ConfigOptions, ValuesAreRead) {
  std::shared_ptr<Config> config = Good(
      "smtp_accept_max = 2K\nsmtp_receive_timeout = 1m30s\nlog_file_path = \"/var/log/%slog\"\n"
      "daemon_smtp_port = <; 25 ; 587\n");
  EXPECT_EQ(config->main.smtp_accept_max, 2048);
  EXPECT_EQ(config->main.smtp_receive_timeout, std::chrono::seconds(90));
  EXPECT_EQ(config->main.log_file_path.text, "/var/log/%slog");
  EXPECT_EQ(config->main.daemon_smtp_ports, (std::vector<std::string>{"25", "587"}));
}

TEST(ConfigOptions, OptionsOfEximThatForbidSomethingAreErrors) {
  EXPECT_EQ(Said("acl_smtp_mime = accept\n"),
            "1:1: error: Exim's option \"acl_smtp_mime\" is not supported; without it, "
            "what it forbids would be allowed");
  EXPECT_EQ(Said("begin transports\nt:\n driver = smtp\n hosts_require_dane = *\n"),
            "4:2: error: Exim's option \"hosts_require_dane\" is not supported; without it, what "
            "it forbids would be allowed");
}

TEST(ConfigOptions, RowsAreNotAmongTheOptionsThatMeanNothing) {
  for (const Row<Main>& row : MainRows()) {
    EXPECT_EQ(FindForeign(Scope::kMain, row.name), Foreign::kUnknown) << row.name;
  }
  for (const Row<Authenticator>& row : AuthenticatorRows()) {
    EXPECT_EQ(FindForeign(Scope::kAuthenticator, row.name), Foreign::kUnknown) << row.name;
  }
  for (const Row<Router>& row : RouterRows()) {
    EXPECT_EQ(FindForeign(Scope::kRouter, row.name), Foreign::kUnknown) << row.name;
  }
  for (const Row<Transport>& row : TransportRows()) {
    EXPECT_EQ(FindForeign(Scope::kTransport, row.name), Foreign::kUnknown) << row.name;
  }
}

TEST(ConfigOptions, HiddenValuesAreNotPrinted) {
  std::shared_ptr<Config> config = Good("hide tls_crl = /secret\nhide hostlist h = 192.0.2.1\n");
  EXPECT_EQ(PrintOptions(*config, "tls_crl"), "tls_crl = <value not displayable>\n");
  EXPECT_EQ(PrintOptions(*config, "+h"), "hostlist h = <value not displayable>\n");
}

// --- lists ----------------------------------------------------------------------------------

TEST(ConfigLists, NamedListsAreFoundByKindAndName) {
  std::shared_ptr<Config> config =
      Good("domainlist d = a.example : \\\n  b.example\nhostlist d = \"*\"\n");
  ASSERT_NE(config->FindList("domainlist", "d"), nullptr);
  EXPECT_EQ(config->FindList("domainlist", "d")->list.span.view(), "a.example : b.example");
  EXPECT_EQ(config->FindList("hostlist", "d")->list.span.view(), "*");
  EXPECT_EQ(config->FindList("addresslist", "d"), nullptr);
  EXPECT_EQ(config->names->FindNamedList("", "d")->view(), "a.example : b.example");
  EXPECT_EQ(config->names->FindNamedList("hostlist", "d")->view(), "*");
  EXPECT_FALSE(config->names->FindNamedList("hostlist", "e"));
}

TEST(ConfigLists, UnknownNameInAListIsAnError) {
  EXPECT_THAT(Said("tls_certificate = /c\ntls_advertise_hosts = +nobody\n"), HasSubstr("nobody"));
  EXPECT_THAT(Said("hostlist a = +b\n"), HasSubstr("1:14"));
}

// --- macros that are built in -----------------------------------------------------------------

TEST(ConfigBuiltinMacros, TellWhatThereIs) {
  std::shared_ptr<Config> config = Good(
      ".ifdef _HAVE_TLS\nsmtp_accept_max = 1\n.endif\n"
      ".ifdef _DRIVER_AUTHENTICATOR_TLS\nsmtp_max_unknown_commands = 1\n.endif\n"
      ".ifdef _OPT_AUTHENTICATOR_TLS_SERVER_PARAM1\nsmtp_max_synprot_errors = 1\n.endif\n"
      ".ifdef _OPT_MAIN_SPOOL_DIRECTORY\nreceived_headers_max = 1\n.endif\n"
      ".ifdef _OPT_MAIN_LDAP_DEFAULT_SERVERS\nsmtp_accept_max_nonmail = 1\n.endif\n");
  EXPECT_EQ(config->main.smtp_accept_max, 1);
  EXPECT_EQ(config->main.smtp_max_unknown_commands, 1);
  EXPECT_EQ(config->main.smtp_max_synprot_errors, 1);
  EXPECT_EQ(config->main.received_headers_max, 100);
  EXPECT_EQ(config->main.smtp_accept_max_nonmail, 1);
}

// --- authenticators ---------------------------------------------------------------------------

constexpr char kTls[] =
    "tls_certificate = /c\ntls_try_verify_hosts = *\ntls_verify_certificates = /a\n"
    "begin authenticators\n";  // four lines

TEST(ConfigAuthenticators, DriverMustExist) {
  EXPECT_EQ(Said(std::string(kTls) + "a:\n driver = tsl\n"),
            "6:11: error: authenticator a: cannot find authenticator driver \"tsl\"; did you mean "
            "\"tls\"?");
  EXPECT_EQ(
      Said(std::string(kTls) + "a:\n driver =\n server_condition = yes\n"),
      "6:2: error: authenticator a: cannot find authenticator driver \"\"; there are: tls, login");
  EXPECT_EQ(Said(std::string(kTls) + "a:\n server_condition = yes\n"),
            "5:1: error: no driver defined for authenticator \"a\"");
}

TEST(ConfigAuthenticators, DriverComesBeforeItsOwnOptions) {
  EXPECT_EQ(
      Said(std::string(kTls) + "a:\n server_condition = yes\n server_param1 = x\n driver = tls\n"),
      "7:2: error: option \"server_param1\" unknown (\"driver\" must be specified before "
      "any private options)");
  Good(std::string(kTls) + "a:\n server_condition = yes\n driver = tls\n server_param1 = x\n");
}

TEST(ConfigAuthenticators, UnknownOptionGetsASuggestion) {
  EXPECT_EQ(Said(std::string(kTls) + "a:\n driver = tls\n server_parm2 = x\n server_ste_id = y\n"),
            "7:2: error: option \"server_parm2\" unknown; did you mean \"server_param2\"?\n"
            "8:2: error: option \"server_ste_id\" unknown; did you mean \"server_set_id\"?");
  EXPECT_EQ(Said(std::string(kTls) + "a:\n driver = tls\n server_debug_print = x\n"),
            "7:2: warning: Exim's option \"server_debug_print\" has no meaning in Signet and is "
            "ignored");
}

TEST(ConfigAuthenticators, OtherSpellingSetsTheSameOption) {
  std::shared_ptr<Config> config =
      Good(std::string(kTls) + "a:\n driver = tls\n server_param1 = x\n server_param = y\n");
  EXPECT_EQ(config->authenticators.at(0).options.at(0).text, "y");
  EXPECT_EQ(Said(std::string(kTls) + "a:\n driver = tls\n server_param = x\n server_param = y\n"),
            "8:2: error: \"server_param\" option set for the second time\n  7:2: first set here");
}

TEST(ConfigAuthenticators, OnlyOneOfASingleDriver) {
  EXPECT_EQ(Said(std::string(kTls) + "a:\n driver = tls\nb:\n driver = tls\n"),
            "7:1: error: at most one authenticator may have driver = tls, but \"b\" is another\n"
            "  5:1: the first is here");
}

TEST(ConfigAuthenticators, PublicNamesDiffer) {
  std::string two =
      "begin authenticators\na:\n driver = login\n public_name = PLAIN\nb:\n driver = login\n";
  EXPECT_EQ(Said(two + " public_name = plain\n"),
            "5:1: error: two server authenticators (a and b) have the same public name (plain)\n"
            "  2:1: the first is here");
  Good(two + " public_name = LOGIN\n");
  // What is not advertised has no public name to clash with.
  Good(std::string(kTls) +
       "a:\n driver = tls\n public_name = X\nb:\n driver = login\n public_name = X\n");
}

// It is a word of EHLO's AUTH line: with a blank in it, it would be two.
TEST(ConfigAuthenticators, PublicNamesAreNamesOfMechanisms) {
  const std::string one = "begin authenticators\na:\n driver = login\n public_name = ";
  for (const char* name : {"PLAIN EXTERNAL", "X;Y", "PL\xc3\x84IN"})
    EXPECT_THAT(Said(one + name + "\n"),
                testing::HasSubstr("2:1: error: public_name of \"a\" is no name of a mechanism"))
        << name;
  Good(one + "SCRAM-SHA-256_x\n");
  Good(std::string(kTls) + "a:\n driver = tls\n public_name = a b\n");
}

TEST(ConfigAuthenticators, PrivateOptionsHaveTheTypesOfTheirRows) {
  std::string head = "begin authenticators\na:\n driver = login\n";
  std::shared_ptr<Config> config = Good(
      head +
      " server_secret = s3\n server_wait = 2s\n no_server_strict\n server_file = \"/a\\x62\"\n");
  const auto& options = config->authenticators.at(0).options;
  ASSERT_EQ(options.size(), 6u);
  EXPECT_FALSE(options[0].set);
  EXPECT_EQ(options[1].text, "s3");
  EXPECT_EQ(options[2].number, 3);
  EXPECT_TRUE(options[2].set);
  EXPECT_EQ(options[3].number, 2000);
  EXPECT_TRUE(options[4].set);
  EXPECT_EQ(options[4].number, 0);
  EXPECT_EQ(options[5].text, "/ab");
  EXPECT_FALSE(options[5].expanded);
  EXPECT_EQ(Good(head)->authenticators.at(0).options[3].number, 60'000);
  EXPECT_EQ(Said(head + " server_tries = x\n server_wait = 5\n server_strict = 2\n server_file\n"),
            "4:17: error: integer expected for server_tries\n"
            "5:16: error: invalid time value for server_wait\n"
            "6:18: error: \"2\" is not a valid value for the \"server_strict\" option\n"
            "7:2: error: unexpected end of line (data missing) after server_file");
}

TEST(ConfigAuthenticators, SecretsAreNeverPrinted) {
  std::shared_ptr<Config> config =
      Good("ldap_password = s3\nbegin authenticators\na:\n driver = login\n server_secret = s3\n");
  EXPECT_EQ(PrintOptions(*config, "ldap_password"), "ldap_password = <value not displayable>\n");
  EXPECT_THAT(PrintOptions(*config, "authenticator a").value(),
              HasSubstr("server_secret = <value not displayable>\n"));
}

TEST(ConfigDriverOptions, MainOptionsOfDriversAreCheckedAndKept) {
  std::shared_ptr<Config> config =
      Good("ldap_default_servers = \"a : b\"\nldap_start_tls\nldap_wait = 5s\n");
  EXPECT_EQ(config->main.driver_options.at("ldap_default_servers"), "a : b");
  EXPECT_EQ(config->main.driver_options.at("ldap_start_tls"), "true");
  EXPECT_EQ(config->main.driver_options.at("ldap_wait"), "5s");
  EXPECT_EQ(config->main.driver_options.at("ldap_version"), "3");
  EXPECT_FALSE(config->main.driver_options.contains("ldap_password"));
  EXPECT_EQ(Said("ldap_start_tls = x\nldap_wait = 5\nldap_version = three\nldap_version = 2\n"),
            "1:18: error: \"x\" is not a valid value for the \"ldap_start_tls\" option\n"
            "2:13: error: invalid time value for ldap_wait\n"
            "3:16: error: integer expected for ldap_version\n"
            "4:1: error: \"ldap_version\" option set for the second time\n"
            "  3:1: first set here");
}

TEST(ConfigAuthenticators, OneThatCannotRunIsWarnedAbout) {
  EXPECT_EQ(Said("begin authenticators\na:\n driver = tls\n"),
            "2:1: warning: authenticator \"a\" never runs, because no client is asked for a "
            "certificate; set tls_try_verify_hosts or tls_verify_hosts");
}

constexpr char kAsked[] =
    "tls_certificate = /c\ntls_try_verify_hosts = *\ntls_verify_certificates = /d\n";  // three

TEST(ConfigAuthenticators, OptionsAboutCertificatesAreForDriversThatRunAfterTls) {
  for (const std::string option :
       {"server_eku = ignore", "server_ca_names = all", "server_tls_version_min = TLS1.3"}) {
    const std::string name = option.substr(0, option.find(' '));
    EXPECT_EQ(Said("begin authenticators\na:\n driver = login\n " + option +
                   "\n server_condition = no\n"),
              "4:2: error: option \"" + name +
                  "\" is for drivers that run after TLS, which \"login\" does not");
  }
}

TEST(ConfigAuthenticators, WordsAreOneOfThoseThatThereAre) {
  const std::string begin = std::string(kAsked) + "begin authenticators\na:\n driver = tls\n ";
  EXPECT_EQ(Said(begin + "server_eku = allow server\n"),
            "7:15: error: one of \"require-client allow-server ignore\" expected for server_eku, "
            "but \"allow server\" found");
  EXPECT_EQ(Said(begin + "server_tls_version_min = 1.3\n"),
            "7:27: error: one of \"TLS1.2 TLS1.3\" expected for server_tls_version_min, but "
            "\"1.3\" found");
  EXPECT_EQ(Said(begin + "server_eku = allow-server\n"), "");
  EXPECT_EQ(Said(begin + "server_eku = ignore\n"),
            "7:15: warning: server_eku is \"ignore\": certificates made for anything else "
            "authenticate (weakens rule I3)");
  EXPECT_EQ(Good(begin + "server_set_id = x\n")->authenticators.at(0).server_eku.text,
            "require-client");
}

// --- routers and transports -------------------------------------------------------------------

constexpr char kSmtp[] = "begin transports\nt:\n driver = smtp\n";  // three lines

TEST(ConfigRouters, ManualrouteNeedsExactlyOneRoute) {
  EXPECT_EQ(Said(std::string(kSmtp) + "begin routers\nr:\n driver = manualroute\n transport = t\n"),
            "5:1: error: route_list or route_data must be set for router \"r\"");
  EXPECT_EQ(Said(std::string(kSmtp) + "begin routers\nr:\n driver = manualroute\n transport = t\n"
                                      " route_list = * a\n route_data = b\n"),
            "9:15: error: route_list and route_data cannot both be set for router \"r\"\n"
            "  8:15: route_list is set here");
}

TEST(ConfigRouters, OptionsBelongToTheirDriver) {
  EXPECT_EQ(Said(std::string(kSmtp) +
                 "begin routers\nr:\n driver = accept\n transport = t\n route_list = * a\n"),
            "8:2: error: option \"route_list\" unknown; it is an option of driver \"manualroute\"");
}

TEST(ConfigRouters, TransportMustBeSet) {
  EXPECT_EQ(Said("begin routers\nr:\n driver = accept\n"),
            "2:1: error: transport must be set for router \"r\"");
}

TEST(ConfigTransports, AppendfileDeliversToMaildirOnly) {
  EXPECT_EQ(Said("begin transports\nt:\n driver = appendfile\n"),
            "2:1: error: directory must be set for transport \"t\"\n"
            "2:1: error: maildir_format must be set for transport \"t\"; Maildir is the only "
            "format there is");
  std::shared_ptr<Config> config = Good(
      "begin transports\nt:\n driver = appendfile\n directory = /d\n maildir_format\n"
      " no_create_directory\n");
  EXPECT_TRUE(config->transports.at(0).maildir_format);
  EXPECT_FALSE(config->transports.at(0).create_directory);
}

// --- options together ---------------------------------------------------------------------------

TEST(ConfigConsistency, TlsOnConnectPortsAreListenedOn) {
  EXPECT_EQ(
      Said("tls_certificate = /c\ndaemon_smtp_ports = 587\ntls_on_connect_ports = 587 : 465\n"),
      "3:30: error: port \"465\" in tls_on_connect_ports is not listened on; add it to "
      "daemon_smtp_ports");
  Good("tls_certificate = /c\ndaemon_smtp_ports = 587 : submissions\ntls_on_connect_ports = 465\n");
  Good("tls_certificate = /c\nlocal_interfaces = <; [::1]:465\ntls_on_connect_ports = 465\n");
  Good("tls_certificate = /c\nlocal_interfaces = 127.0.0.1.465\ntls_on_connect_ports = 465\n");
}

TEST(ConfigConsistency, PortsAndAddressesAreChecked) {
  EXPECT_EQ(Said("daemon_smtp_ports = 25 : 65536 : sntp-smtp\n"),
            "1:26: error: port number or service name expected in daemon_smtp_ports, but "
            "\"65536\" found\n"
            "1:34: error: port number or service name expected in daemon_smtp_ports, but "
            "\"sntp-smtp\" found");
  Good("daemon_smtp_ports = 0 : 65535\n");
  EXPECT_THAT(Said("local_interfaces = localhost\n"),
              HasSubstr("1:20: error: address expected in local_interfaces, but \"localhost\""));
  Good("local_interfaces = <; 127.0.0.1 ; ::1 ; [::1]:25 ; [127.0.0.1] ; 127.0.0.1.25\n");
}

TEST(ConfigConsistency, RuleT11CertificatesAreOnlyAskedForWithAuthorities) {
  EXPECT_EQ(Said("tls_certificate = /c\ntls_verify_hosts = *\ntls_try_verify_hosts = *\n"),
            "2:20: error: tls_verify_hosts is set, but tls_verify_certificates is not set; no "
            "certificate could verify\n"
            "3:24: error: tls_try_verify_hosts is set, but tls_verify_certificates is not set; no "
            "certificate could verify");
}

TEST(ConfigConsistency, TlsNeedsACertificate) {
  EXPECT_EQ(Said("tls_advertise_hosts = *\n"),
            "1:23: error: tls_advertise_hosts is set, but tls_certificate is not set");
  EXPECT_EQ(Said("daemon_smtp_ports = 465\ntls_on_connect_ports = 465\n"),
            "2:24: error: tls_on_connect_ports is set, but tls_certificate is not set");
  Good("tls_advertise_hosts =\n");
}

TEST(ConfigConsistency, RuleC5WhatIsWeakerThanByDefaultIsListed) {
  EXPECT_EQ(Said("no_smtp_enforce_sync\n"),
            "1:1: warning: smtp_enforce_sync is off: clients that speak before their turn are let "
            "in (weakens rule S8)");
  Good("smtp_enforce_sync\n");
  EXPECT_EQ(Said("hosts_xclient_login = 10.0.0.7\n"),
            "1:23: warning: hosts_xclient_login: whoever has such an address is whom it says it is "
            "(weakens rule I13)");
}

TEST(ConfigConsistency, PerHostLimitNeedsALimit) {
  EXPECT_EQ(Said("smtp_accept_max = 0\nsmtp_accept_max_per_host = 5\n"),
            "2:28: error: smtp_accept_max must be set if smtp_accept_max_per_host is set");
}

TEST(ConfigConsistency, LogSelectorsAreKnown) {
  Good("log_selector = +all -pid -queue_run \\\n   +tls_peerdn\n");
  EXPECT_EQ(Said("log_selector = +queue_run\n"),
            "1:16: warning: log_selector +queue_run has no meaning here: messages are passed on at "
            "once, nothing waits in a queue; leave it out");
  EXPECT_EQ(Said("log_selector = +smtp_mailauht foo \\\n  -nonsense\n"),
            "1:16: error: unknown log_selector setting: +smtp_mailauht; did you mean "
            "\"+smtp_mailauth\"?\n"
            "1:31: error: malformed log_selector setting: + or - expected but found \"foo\"\n"
            "2:3: error: unknown log_selector setting: -nonsense");
}

TEST(ConfigConsistency, DecisionsAreKeptWithinBounds) {
  Good("decisions_kept = 0\n");
  Good("decisions_kept = 100000\n");
  EXPECT_EQ(Said("decisions_kept = 100001\n"),
            "1:18: error: decisions_kept must be between 0 and 100000");
  EXPECT_EQ(Said("decisions_file = decisions\n"),
            "1:18: error: decisions_file \"decisions\" is not an absolute path");
}

TEST(ConfigConsistency, TheControlSocketHasAPathThatTheSystemTakes) {
  EXPECT_EQ(Said("control_socket = control\n"),
            "1:18: error: control_socket \"control\" is not an absolute path");
  Good("control_socket = /" + std::string(106, 'x') + "\n");
  EXPECT_EQ(Said("control_socket = /" + std::string(107, 'x') + "\n"),
            "1:18: error: control_socket is longer than the 107 octets that the system takes");
}

TEST(ConfigConsistency, LogPathsAreAbsoluteAndHaveAPlaceForTheName) {
  EXPECT_EQ(Said("log_file_path = log/%slog\n"),
            "1:17: error: log_file_path \"log/%slog\" is not an absolute path");
  EXPECT_EQ(Said("log_file_path = /x/y\n"),
            "1:17: error: log_file_path \"/x/y\" does not contain \"%s\"");
  EXPECT_EQ(Said("log_file_path = /x/%s%y\n"),
            "1:17: error: log_file_path \"/x/%s%y\" has a \"%\" before something else than s, D or "
            "M");
  Good("log_file_path = syslog : /x/%s-%D\nlog_json_path = stderr : /x/json\n");
  EXPECT_EQ(Said("log_json_path = syslog\n"),
            "1:17: error: log_json_path \"syslog\" takes no JSON");
  EXPECT_THAT(Said("syslog_facility = mall\n"), HasSubstr("facility expected"));
  Good("syslog_facility = LOG_LOCAL3\nsyslog_processname = " + std::string(32, 'x') + "\n");
  EXPECT_THAT(Said("syslog_processname = " + std::string(33, 'x') + "\n"),
              HasSubstr("longer than 32"));
  Good("log_file_path =\n");
}

TEST(ConfigConsistency, UsersAndGroupsExist) {
  EXPECT_EQ(Said("signet_user = no-such-user\nsignet_group = no-such-group\n"),
            "1:15: error: user \"no-such-user\" unknown\n"
            "2:16: error: group \"no-such-group\" unknown");
  EXPECT_EQ(Good("signet_user = root\nsignet_group = 65534\n")->main.signet_user.text, "root");
}

TEST(ConfigConsistency, NamesOfHostsAreNames) {
  EXPECT_EQ(Said("primary_hostname = mx example\n"),
            "1:20: error: host name expected for primary_hostname, but \"mx example\" found");
  EXPECT_EQ(Said("qualify_domain = a..b\n"),
            "1:18: error: host name expected for qualify_domain, but \"a..b\" found");
}

// --- printing -----------------------------------------------------------------------------------

TEST(ConfigPrint, OptionsArePrintedAsTheyWouldBeWritten) {
  std::shared_ptr<Config> config = Good(
      "smtp_accept_max = 2048\nno_log_timezone\nsmtp_receive_timeout = 90s\n"
      "daemon_smtp_ports = 25:587\nacl_smtp_rcpt = \"check\"\n");
  EXPECT_EQ(PrintOptions(*config, "smtp_accept_max"), "smtp_accept_max = 2K\n");
  EXPECT_EQ(PrintOptions(*config, "smtp_enforce_sync"), "smtp_enforce_sync\n");
  EXPECT_EQ(PrintOptions(*config, "log_timezone"), "no_log_timezone\n");
  EXPECT_EQ(PrintOptions(*config, "smtp_receive_timeout"), "smtp_receive_timeout = 1m30s\n");
  EXPECT_EQ(PrintOptions(*config, "daemon_smtp_port"), "daemon_smtp_ports = 25 : 587\n");
  EXPECT_EQ(PrintOptions(*config, "acl_smtp_rcpt"), "acl_smtp_rcpt = check\n");
  EXPECT_EQ(PrintOptions(*config, "tls_crl"), "tls_crl = \n");
  EXPECT_EQ(PrintOptions(*config, "ldap_default_servers"), "ldap_default_servers = \n");
  EXPECT_EQ(PrintOptions(*config, "nonsense"), std::nullopt);
}

TEST(ConfigPrint, AllMainOptionsAreInOrder) {
  std::optional<std::string> all = PrintOptions(*Good(""), "");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->starts_with("acl_smtp_auth = \n")) << *all;
  for (const Row<Main>& row : MainRows()) EXPECT_THAT(*all, HasSubstr(row.name));
}

TEST(ConfigPrint, InstancesAndListsArePrinted) {
  std::shared_ptr<Config> config = Good(kManualExample);
  EXPECT_EQ(PrintOptions(*config, "router_list"), "upstream\n");
  std::optional<std::string> router = PrintOptions(*config, "router upstream");
  ASSERT_TRUE(router);
  EXPECT_THAT(*router, HasSubstr("driver = manualroute\n"));
  EXPECT_THAT(*router, HasSubstr("route_list = * 127.0.0.1::10025\n"));
  EXPECT_EQ(PrintOptions(*config, "router nobody"), std::nullopt);
  std::optional<std::string> authenticators = PrintOptions(*config, "authenticators");
  ASSERT_TRUE(authenticators);
  EXPECT_THAT(*authenticators, HasSubstr("tls authenticator:\ndriver = tls\n"));
  EXPECT_THAT(*authenticators, HasSubstr("server_param2 = \n"));
  std::optional<std::string> transport = PrintOptions(*config, "transport to_mta");
  ASSERT_TRUE(transport);
  EXPECT_THAT(*transport, HasSubstr("connect_timeout = 5s\n"));
  EXPECT_THAT(*transport, testing::Not(HasSubstr("maildir_format")));
  EXPECT_EQ(PrintOptions(*Good("hostlist h = 192.0.2.1 : *\n"), "+h"),
            "hostlist h = 192.0.2.1 : *\n");
  EXPECT_EQ(PrintOptions(*config, "+h"), std::nullopt);
}

TEST(ConfigPrint, MacrosArePrinted) {
  std::shared_ptr<Config> config = Good("A = 1\nA == 2\n", {{"B", "cmd"}});
  EXPECT_EQ(PrintOptions(*config, "macro A"), "A=2\n");
  EXPECT_EQ(PrintOptions(*config, "macro B"), "B=cmd\n");
  EXPECT_EQ(PrintOptions(*config, "macro C"), std::nullopt);
  EXPECT_THAT(*PrintOptions(*config, "macros"), HasSubstr("_HAVE_TLS=y\n"));
  EXPECT_EQ(PrintOptions(*config, "config_file"), "t.conf\n");
}

}  // namespace
}  // namespace signet::config
