// signet check from outside: what it says of a configuration as a whole.
#include <gmock/gmock.h>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <ctime>

#include "test/support/authority.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kDay = 86'400;

class Check : public ::testing::Test {
 protected:
  TempDir directory_;
  Authority authority_{"Check"};

  Check() {
    testing::CertificateSpec spec = testing::ServerSpec();
    spec.alternative_names = {testing::DnsName("mx.example.org")};
    authority_.Issue("server", spec);
  }

  // The parts of a configuration without a fault, to be changed one at a time.
  std::map<std::string, std::string> main_ = {
      {"primary_hostname", "mx.example.org"},
      {"daemon_smtp_ports", "587 : 465"},
      {"tls_on_connect_ports", "465"},
      {"tls_certificate", authority_.pem("server")},
      {"tls_privatekey", authority_.key("server")},
      {"tls_verify_certificates", authority_.root()},
      {"tls_try_verify_hosts", "*"},
      {"acl_smtp_rcpt", "check_rcpt"},
  };
  std::string acl_ =
      "check_rcpt:\n"
      "  accept authenticated = *\n"
      "  deny message = no\n";
  std::string authenticators_ =
      "tls:\n"
      "  driver = tls\n"
      "  server_param1 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}\n"
      "  server_condition = ${if def:auth1}\n"
      "  server_set_id = $auth1\n";

  std::string transport_;

  std::string File() {
    std::string text;
    for (const auto& [name, value] : main_) text += name + " = " + value + "\n";
    text += "begin acl\n" + acl_ + "begin authenticators\n" + authenticators_ +
            "begin routers\nbehind:\n  driver = manualroute\n  route_list = * 127.0.0.1\n"
            "  transport = relay\n"
            "begin transports\nrelay:\n  driver = smtp\n" +
            transport_;
    WriteFile(directory_ / "signet.conf", text);
    return directory_ / "signet.conf";
  }
  Finished Run(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {SignetProgram(), "check", "-C", File()};
    words.insert(words.end(), more.begin(), more.end());
    return test::Run(words);
  }
  void ExpectWarning(const std::string& code, const std::string& words,
                     const std::string& place = "signet.conf:") {
    const Finished finished = Run();
    EXPECT_EQ(finished.status, 0) << finished.output;
    EXPECT_THAT(finished.output, HasSubstr(code));
    EXPECT_THAT(finished.output, HasSubstr(words));
    EXPECT_THAT(finished.output, HasSubstr(place));
  }
};

TEST_F(Check, AConfigurationWithoutAFaultHasNoWarnings) {
  const Finished finished = Run();
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.output, HasSubstr("no mistakes")) << finished.output;
}

TEST_F(Check, AuthenticatorsThatNothingReachesAreNamed) {
  authenticators_ +=
      "plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n"
      "  server_condition = ${if eq{$auth3}{x}}\n  server_set_id = $auth2\n";
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
  main_["auth_advertise_hosts"] = "";
  ExpectWarning("[never-runs]", "\"plain\" is offered to no client: auth_advertise_hosts");
  main_.erase("auth_advertise_hosts");
  authenticators_ += "  server_advertise_condition = no\n";
  ExpectWarning("[never-runs]",
                "\"plain\" is offered to no client: its server_advertise_condition");
  main_["tls_try_verify_hosts"] = "";
  ExpectWarning("[never-runs]", "authenticator \"tls\" never runs");
}

TEST_F(Check, AMechanismThatSaysItselfWhyItIsNotOfferedIsNamed) {
  authenticators_ +=
      "scram:\n  driver = scram\n  public_name = PLAIN\n  server_secret = x\n"
      "  server_set_id = $auth1\n";
  ExpectWarning("[never-runs]", "public_name is neither SCRAM-SHA-256 nor", ":19:1: ");
  const std::string allowed = "# signet: allow never-runs\n";
  authenticators_ = Replace(authenticators_, "scram:", allowed + "scram:");
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
  authenticators_ = Replace(authenticators_, "name = PLAIN", "name = SCRAM-SHA-256");
  EXPECT_THAT(Run().output, HasSubstr("[unused-allow]"));
  authenticators_ = Replace(authenticators_, allowed, "");
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
  authenticators_ +=
      "dovecot:\n  driver = dovecot\n  public_name = PLAIN\n"
      "  server_socket = run/dovecot/auth\n  server_set_id = $auth1\n";
  ExpectWarning("[never-runs]", "server_socket wants an absolute path, or a host and a port");
  authenticators_ = Replace(authenticators_, "= run/", "= /run/");
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
}

TEST_F(Check, StatementsBehindAVerdictForEverybodyAreNamed) {
  acl_ = "check_rcpt:\n  accept authenticated = *\n  deny\n  accept hosts = 192.0.2.1\n";
  ExpectWarning("[unreachable]", "\"deny\" before it has no condition");
  acl_ = "check_rcpt:\n  accept authenticated = *\n  deny hosts = *\n  accept\n";
  ExpectWarning("[unreachable]", "\"deny\" before it");
  acl_ = "check_rcpt:\n  warn\n  accept authenticated = *\n  deny hosts = !192.0.2.1\n  deny\n";
  EXPECT_THAT(Run().output, Not(HasSubstr("unreachable")));
}

TEST_F(Check, AnAclThatNobodyNamesIsNamed) {
  const std::string named = acl_;
  acl_ = named + "lonely:\n  accept\n";
  ExpectWarning("[unused-acl]", "nobody names the ACL \"lonely\"");
  acl_ = named + "called:\n  accept\nasked:\n  accept\n";
  acl_ = Replace(acl_, "  deny message",
                 "  deny acl = called\n  deny condition = ${acl{asked}}\n"
                 "  deny message");
  EXPECT_THAT(Run().output, Not(HasSubstr("unused-acl")));
}

TEST_F(Check, AuthenticatedWhereNobodyCanBeIsNamed) {
  acl_ = "check_rcpt:\n  accept authenticated = tsl\n";
  ExpectWarning("[never-true]", "there is no authenticator \"tsl\"");
  EXPECT_THAT(Run().output, HasSubstr("did you mean \"tls\"?"));
  acl_ = "check_rcpt:\n  accept authenticated = tls : !other_than : *\n";
  ExpectWarning("[never-true]", "\"other_than\"");
  acl_ = "check_rcpt:\n  accept authenticated = *\ncheck_tls:\n  accept authenticated = *\n";
  main_["acl_smtp_starttls"] = "check_tls";
  ExpectWarning("[never-true]", "STARTTLS comes before TLS");
}

TEST_F(Check, APortWhereNobodyCanBeAuthenticatedIsNamed) {
  main_["tls_advertise_hosts"] = "";
  ExpectWarning("[no-way-in]", "on port \"587\"", "signet.conf:2:");
  main_["daemon_smtp_ports"] = "465";
  EXPECT_THAT(Run().output, Not(HasSubstr("no-way-in")));
  main_["tls_try_verify_hosts"] = "";
  ExpectWarning("[no-way-in]", "neither asked for certificates nor offered AUTH");
  authenticators_ = "";
  ExpectWarning("[no-way-in]", "there is no authenticator");
  main_["hosts_xclient_login"] = "192.0.2.7";
  EXPECT_THAT(Run().output, Not(HasSubstr("no-way-in")));
}

TEST_F(Check, TheWholeWebAsAuthoritiesIsNamed) {
  std::string bundle;
  const char* names[] = {"ISRG Root X1",
                         "DigiCert Global Root G2",
                         "GTS Root R1",
                         "Amazon Root CA 1",
                         "GlobalSign Root R46",
                         "SwissSign Gold CA",
                         "Our own, for our clients"};
  for (int i = 0; i < 7; ++i) bundle += testing::MakeRoot(names[i]).Pem();
  WriteFile(directory_ / "bundle.pem", bundle);
  main_["tls_verify_certificates"] = directory_ / "bundle.pem";
  ExpectWarning("[wide-trust]", "7 authorities for clients");
  WriteFile(directory_ / "bundle.pem", bundle.substr(bundle.rfind("-----BEGIN")));
  EXPECT_THAT(Run().output, Not(HasSubstr("wide-trust")));
}

TEST_F(Check, RuleC4FilesThatOthersMayWriteAreNamed) {
  const std::string passwords = directory_ / "passwd";
  WriteFile(passwords, "a: b\n");
  authenticators_ +=
      "plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n"
      "  server_condition = ${if eq{$auth3}{${lookup{$auth2}lsearch{" +
      passwords +
      "}{$value}}}}\n"
      "  server_set_id = $auth2\n";
  ::chmod(passwords.c_str(), 0644);
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
  ::chmod(passwords.c_str(), 0664);
  ExpectWarning("[file-mode]", "group or others may write \"" + passwords + "\"");
  ::chmod(passwords.c_str(), 0644);
  const std::string file = File();
  ::chmod(file.c_str(), 0666);
  const Finished finished = test::Run({SignetProgram(), "check", "-C", file});
  EXPECT_THAT(finished.output, HasSubstr("[file-mode]"));
}

TEST_F(Check, RuleC4AKeyThatOthersMayReadIsRefusedAsByServe) {
  ::chmod(authority_.key("server").c_str(), 0644);
  const Finished checked = Run();
  EXPECT_EQ(checked.status, 2);
  EXPECT_THAT(checked.output, HasSubstr(authority_.key("server")));
  const Finished served = test::Run({SignetProgram(), "serve", "-C", File()});
  EXPECT_EQ(served.status, 2);
  EXPECT_THAT(served.output, HasSubstr(authority_.key("server")));
}

TEST_F(Check, CertificatesThatExpireAreNamedWithTheirDays) {
  const std::int64_t now = std::time(nullptr);
  const auto issue = [&](std::int64_t until) {
    testing::CertificateSpec spec = testing::ServerSpec();
    spec.alternative_names = {testing::DnsName("*.example.org")};
    spec.not_after = until;
    authority_.Issue("short", spec);
    main_["tls_certificate"] = authority_.pem("short");
    main_["tls_privatekey"] = authority_.key("short");
  };
  issue(now + 29 * kDay + 60);
  ExpectWarning("[expires-soon]", "expires in 29 days");
  issue(now + 31 * kDay);
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
  issue(now - 2 * kDay - 60);
  ExpectWarning("[expired]", "expired 2 days ago");
}

TEST_F(Check, AuthoritiesAndListsThatExpireAreNamed) {
  const std::int64_t now = std::time(nullptr);
  testing::CrlSpec list;
  list.next_update = now - 3 * kDay - 60;
  const std::string file = directory_ / "crl.pem";
  const auto write = [&] {
    WriteFile(file,
              testing::PemBlock("X509 CRL", testing::MakeCrl(list, authority_.intermediate())));
  };
  write();
  main_["tls_crl"] = file;
  ExpectWarning("[expired]", "expired 3 days ago");
  list.next_update = now + kDay / 2;
  write();
  ExpectWarning("[expires-soon]", "within a day");
  list.next_update = now + 2 * kDay;
  write();
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
  testing::CertificateSpec old;
  old.subject = testing::CommonName("Old Root");
  old.ca = true;
  old.key_usage = testing::kKeyCertSign;
  old.not_after = now - kDay - 60;
  authority_.IssueSelfSigned("old", old);
  main_["tls_verify_certificates"] = authority_.pem("old");
  main_.erase("tls_crl");
  ExpectWarning("[expired]", "the authority \"CN=Old Root\" expired 1 day ago");
}

TEST_F(Check, ACertificateForAnotherHostIsNamed) {
  main_["primary_hostname"] = "mail.example.net";
  ExpectWarning("[other-name]", "our certificate is not for \"mail.example.net\"");
  EXPECT_THAT(Run().output, HasSubstr("signet.conf:4:")) << "at tls_certificate";
}

// Each entry of the manual that says so.
TEST_F(Check, RuleC5WhatWeakensARuleIsNamed) {
  const struct {
    const char *option, *value, *words;
  } kWeak[] = {
      {"hosts_proxy", "127.0.0.1 : *", "hosts_proxy is everybody"},
      {"hosts_xclient", "<; 0.0.0.0/0 ; ::/0", "hosts_xclient is everybody"},
      {"hosts_xclient_login", "10.0.0.7", "weakens rule I13"},
      {"smtp_enforce_sync", "no", "weakens rule S8"},
      {"tls_crl_on_stale", "accept", "weakens rule C3"},
      {"after_tls_authorize", "yes", "weakens rule A2"},
      {"ldap_require_cert", "never", "weakens rule T14"},
      {"ldap_require_cert", "allow", "weakens rule T14"},
      {"http_require_cert", "never", "weakens rule T14"},
  };
  for (const auto& one : kWeak) {
    main_[one.option] = one.value;
    if (std::string_view(one.option) == "after_tls_authorize") main_["after_tls_auth"] = "external";
    ExpectWarning("[weak-setting]", one.words);
    main_.erase(one.option);
    main_.erase("after_tls_auth");
  }
  main_["hosts_proxy"] = main_["hosts_xclient"] = "127.0.0.1 : 10.0.0.0/8";
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
  const std::string authenticator = authenticators_;
  authenticators_ = authenticator + "  server_eku = ignore\n";
  ExpectWarning("[weak-setting]", "weakens rule I3");
  authenticators_ = authenticator + "  server_require_verified = no\n  server_pins = " +
                    PublicKeyPin(authority_.issued("server").key) + "\n";
  ExpectWarning("[weak-setting]", "weakens rule I1");
  authenticators_ = authenticator;
  const std::string acl = acl_;
  acl_ = Replace(acl, "  accept auth", "  warn control = no_enforce_sync\n  accept auth");
  ExpectWarning("[weak-setting]", "weakens rule S8");
  acl_ = acl;
  for (const char* option : {"hosts_require_tls =", "tls_verify_hosts ="}) {
    transport_ = std::string("  ") + option + "\n";
    ExpectWarning("[weak-setting]", "weakens rule T14");
  }
}

TEST_F(Check, DirectoriesThatAreNotThereAreNamed) {
  main_["hold_directory"] = directory_ / "missing";
  ExpectWarning("[no-directory]", "hold_directory: there is no directory");
  main_["hold_directory"] = "/var/tmp";
  for (const char* option :
       {"control_socket", "decisions_file", "metrics_listen", "pid_file_path", "tlsrpt_file"}) {
    main_[option] = directory_ / "missing/file";
    ExpectWarning("[no-directory]", std::string(option) + ": there is no directory");
    main_[option] = directory_ / option;
  }
  EXPECT_THAT(Run().output, HasSubstr("no mistakes"));
}

TEST_F(Check, WordsWhereNumbersMustStandAreErrors) {
  for (const char* option : {"smtp_accept_max_per_host", "recipients_max", "message_size_limit",
                             "smtp_accept_max_per_connection"}) {
    main_[option] = "few";
    const Finished finished = Run();
    EXPECT_EQ(finished.status, 2) << option;
    EXPECT_THAT(finished.output, HasSubstr("number expected for " + std::string(option)));
    main_[option] = "10";
    EXPECT_EQ(Run().status, 0) << option;
    main_.erase(option);
  }
}

// Found by asking, with the engine that decides, whatever the ACL looks like.
TEST_F(Check, AnOpenRelayIsTheAnswerNoWithItsProbeAndItsStatement) {
  const struct {
    const char *acl, *probe, *place;
  } kOpen[] = {
      {"  accept\n", "to <victim@signet-probe.invalid>", ":11:3: "},
      {"  accept encrypted = *\n", "to <victim@signet-probe.invalid>", ":11:3: "},
      {"  accept authenticated = *\n  accept hosts = <; 2001:db8::/32\n", "2001:db8::66",
       ":12:3: "},
      {"  accept authenticated = *\n  accept senders = :\n", "from <> to", ":12:3: "},
      {"  accept senders = *@mx.example.org\n", "from <someone@mx.example.org>", ":11:3: "},
      {"  accept local_parts = postmaster\n", "to <postmaster@signet-probe.invalid>", ":11:3: "},
      {"  accept domains = *mx.example.org\n", "to <victim@notmx.example.org>", ":11:3: "},
      {"  accept domains = ^mx\\\\.example\\\\.org\n", "mx.example.org.signet-probe", ":11:3: "},
      {"  accept domains = mx.example.org\n", "to <victim%signet-probe.invalid@", ":11:3: "},
      {"  accept condition = ${if def:tls_in_peercert}\n", "of an unknown authority", ":11:3: "},
      {"  require acl = inner\n  accept\ninner:\n  accept hosts = !10.0.0.0/8\n", "to <victim@",
       ":12:3: "},
  };
  for (const auto& one : kOpen) {
    acl_ = std::string("check_rcpt:\n") + one.acl;
    const Finished finished = Run();
    EXPECT_EQ(finished.status, 1) << one.acl << finished.output;
    EXPECT_THAT(finished.output, HasSubstr("[open-relay]"));
    EXPECT_THAT(finished.output, HasSubstr(one.probe));
    EXPECT_THAT(finished.output, HasSubstr(one.place));
    EXPECT_THAT(finished.output, HasSubstr("signet.conf: an open relay, "));
  }
}

TEST_F(Check, WhoTakesMailForItsOwnDomainsIsNoOpenRelay) {
  acl_ =
      "check_rcpt:\n  accept authenticated = *\n"
      "  deny local_parts = ^.*[@%!/|]\n  accept domains = mx.example.org\n  deny\n";
  const Finished finished = Run();
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("no mistakes"));
}

TEST_F(Check, ProbesThatHangOnALookupAreCountedAndNoFinding) {
  WriteFile(directory_ / "domains", "signet-probe.invalid: x\n");
  acl_ = "check_rcpt:\n  accept domains = lsearch;" + directory_ / "domains" + "\n";
  const Finished finished = Run();
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("were deferred, since check makes no lookups"));
}

TEST_F(Check, AnOpenRelayThatIsMeantCanBeAllowed) {
  acl_ = "check_rcpt:\n# signet: allow open-relay -- a test's sink\n  accept\n";
  const Finished finished = Run();
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_THAT(finished.output, Not(HasSubstr("open-relay")));
}

TEST_F(Check, EachWarningCanBeAllowedWhereItStands) {
  acl_ =
      "check_rcpt:\n  accept authenticated = *\n  deny\n"
      "# signet: allow unreachable\n  accept hosts = 192.0.2.1\n"
      "# signet: allow unused-acl -- kept for later\nlonely:\n  accept\n";
  const Finished finished = Run();
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.output, HasSubstr("no mistakes")) << finished.output;
}

TEST_F(Check, ServeSaysWhatCheckSays) {
  main_["hosts_proxy"] = "*";
  main_["daemon_smtp_ports"] = "none-such";
  main_.erase("tls_on_connect_ports");
  const Finished served = test::Run({SignetProgram(), "serve", "-C", File()});
  EXPECT_EQ(served.status, 2);
  EXPECT_THAT(served.output, HasSubstr("hosts_proxy is everybody"));
}

}  // namespace
}  // namespace signet::test
