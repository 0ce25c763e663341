#include "src/auth/authenticate.h"

#include <gtest/gtest.h>
#include <signet/driver.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "src/auth/identity.h"
#include "src/base/codec.h"
#include "src/base/file.h"
#include "src/crypto/pins.h"
#include "src/facts/written.h"
#include "test/support/certificates.h"
#include "test/support/fake_world.h"
#include "test/support/trace_dump.h"

namespace signet::auth {
namespace {

using facts::AuthResult;
using testing::MailName;

crypto::CertificatePtr MakeCertificate(const std::vector<std::string>& mails) {
  static const testing::Issued root = testing::MakeRoot();
  testing::CertificateSpec spec = testing::ClientSpec();
  spec.alternative_names.clear();
  for (const std::string& mail : mails) spec.alternative_names.push_back(MailName(mail));
  const testing::Issued issued =
      testing::Issue(spec, testing::SharedKey(testing::KeyType::kEcdsaP256), &root);
  auto certificate = crypto::Certificate::FromDer(issued.der);
  EXPECT_TRUE(certificate.ok());
  return certificate.value();
}

// A configuration whose one authenticator has these options, and one session.
struct Attempt {
  explicit Attempt(const std::string& options,
                   const std::vector<std::string>& mails = {"alice@example.org"},
                   std::unique_ptr<drivers::Registry> drivers = drivers::Registry::MakeBuiltin(),
                   const std::string& driver = "tls")
      : registry(std::move(drivers)) {
    auto loaded = config::LoadText(
        "test.conf", "begin authenticators\ncert:\n  driver = " + driver + "\n" + options, {},
        *registry);
    for (const Diagnostic& diagnostic : loaded.diagnostics)
      if (diagnostic.severity == Severity::kError) ADD_FAILURE() << Render(diagnostic);
    config = loaded.config;
    session.tls.active = true;
    session.tls.verified = true;
    session.tls.peer = MakeCertificate(mails);
  }

  const facts::Auth& Run(Log* log = nullptr) {
    expand::Budget budget;
    auth = AuthenticateAfterTls(*config, session, services, budget, log);
    return auth;
  }

  std::unique_ptr<drivers::Registry> registry;
  config::ConfigPtr config;
  facts::Session session;
  test::FakeServices services;
  facts::Auth auth;
};

constexpr const char kSan[] =
    "  server_param1 = ${certextract {subj_altname,mail,>:} {$tls_in_peercert}}\n";
constexpr const char kSetId[] = "  server_set_id = ${if = {1}{${listcount:$auth1}} {$auth1}{}}\n";
constexpr const char kCondition[] =
    "  server_condition = ${if forany {$auth1} {!= {0} {${lookup ldap{ldap:///"
    "mailname=${quote_ldap_dn:${lc:$item}},ou=users,dc=example,dc=org?mailid} {$value}{0}}}}}\n";

std::string Query(const std::string& quoted) {
  return "ldap:///mailname=" + quoted + ",ou=users,dc=example,dc=org?mailid";
}
const std::string kAlice = Query("alice%40example.org");

expand::LookupAnswer Found(std::string text) {
  return {expand::LookupAnswer::kFound, std::move(text)};
}

std::string Example() { return std::string(kSan) + kCondition + kSetId; }

TEST(AuthenticateAfterTls, OneNameInTheDirectoryIsAnIdentity) {
  Attempt attempt(Example(), {"Alice@example.org"});
  attempt.services.answers[kAlice] = Found("1001");
  const facts::Auth& auth = attempt.Run();
  EXPECT_EQ(auth.result, AuthResult::kAuthenticated) << auth.reason;
  EXPECT_EQ(auth.id, "Alice@example.org");
  EXPECT_EQ(auth.authenticator, "cert");
  EXPECT_EQ(auth.public_name, "cert");
  EXPECT_EQ(auth.id_origins & kFromCertificate, kFromCertificate);
  EXPECT_EQ(auth.reason, "");
  EXPECT_EQ(auth.fail_id, "");
}

TEST(AuthenticateAfterTls, ANameThatIsNotInTheDirectoryFailsUnderItsName) {
  Attempt attempt(Example());
  const facts::Auth& auth = attempt.Run();
  EXPECT_EQ(auth.result, AuthResult::kFailed);
  EXPECT_EQ(auth.id, "");
  EXPECT_EQ(auth.fail_id, "alice@example.org");
  EXPECT_EQ(auth.reason, "535 Incorrect authentication data (set_id=alice@example.org)");
}

TEST(AuthenticateAfterTls, AnOlderTlsThanWantedIsASessionWithoutIdentity) {
  const std::string options = std::string(kSan) + kSetId;
  Attempt attempt(options + "  server_tls_version_min = TLS1.3\n");
  attempt.session.tls.version = "TLS1.2";
  EXPECT_EQ(attempt.Run().result, AuthResult::kFailed);
  EXPECT_EQ(attempt.auth.reason,
            "535 Incorrect authentication data: TLS1.2 is older than server_tls_version_min");
  EXPECT_EQ(attempt.auth.id, "");
  attempt.session.tls.version = "TLS1.3";
  EXPECT_EQ(attempt.Run().result, AuthResult::kAuthenticated);
  Attempt any(options);
  any.session.tls.version = "TLS1.2";
  EXPECT_EQ(any.Run().result, AuthResult::kAuthenticated);
}

TEST(AuthenticateAfterTls, ATraceOfTheManualsExampleShowsEveryPart) {
  Attempt attempt(Example(), {"Alice@example.org"});
  attempt.services.answers[kAlice] = Found("1001");
  facts::Trace trace;
  attempt.session.trace = &trace;
  EXPECT_EQ(attempt.Run().result, AuthResult::kAuthenticated);
  const auto shown = [](const std::string& text) { return facts::AsWritten(text, 100); };
  const std::string lookup =
      "${lookup ldap{ldap:///mailname=${quote_ldap_dn:${lc:$item}},ou=users,dc=example,dc=org?"
      "mailid} {$value}{0}}";
  const std::string test = "!= {0} {" + lookup + "}";
  const std::string forany = "forany {$auth1} {" + test + "}";
  EXPECT_EQ(test::Dump(trace),
            "authenticator yes cert = Alice@example.org (certificate)\n"
            "  check yes the certificate verified\n"
            "  option server_param1 = Alice@example.org (certificate)\n"
            "    expression yes ${certextract {subj_altname,mail,>:} {$tls_in_peercert}} = "
            "Alice@example.org (certificate: subject alternative name (mail))\n"
            "      expression $tls_in_peercert = certificate of CN=client (certificate)\n"
            "  expression $auth1 = Alice@example.org (certificate)\n"
            "  option yes server_condition = true\n"
            "    expression yes " +
                shown("${if " + forany + "}") + " = true\n" + "      expression yes " +
                shown(forany) + "\n" +
                "        expression $auth1 = Alice@example.org (certificate)\n"
                "        expression yes $item = Alice@example.org (certificate)\n"
                "          expression yes " +
                shown(test) + "\n" + "            expression yes " + shown(lookup) +
                " = 1001 (directory)\n"
                "              expression ${quote_ldap_dn:${lc:$item}} = alice%40example.org "
                "(certificate)\n"
                "                expression ${lc:$item} = alice@example.org (certificate)\n"
                "              lookup yes ldap [" +
                kAlice +
                "] = 1001 (directory)\n"
                "              expression $value = 1001 (directory)\n"
                "  option server_set_id = Alice@example.org (certificate)\n"
                "    expression yes ${if = {1}{${listcount:$auth1}} {$auth1}{}} = "
                "Alice@example.org (certificate)\n"
                "      expression yes = {1}{${listcount:$auth1}}\n"
                "        expression ${listcount:$auth1} = 1\n"
                "          expression $auth1 = Alice@example.org (certificate)\n"
                "      expression $auth1 = Alice@example.org (certificate)\n");
  EXPECT_EQ(trace.steps()[0].place, "test.conf:2:1");
  EXPECT_EQ(trace.steps()[2].place, "test.conf:4:19");
}

TEST(AuthenticateAfterTls, ATraceSaysWhyNobodyIsKnown) {
  const auto first_steps = [](Attempt& attempt, std::size_t count) {
    facts::Trace trace;
    attempt.session.trace = &trace;
    attempt.Run();
    std::string text = test::Dump(trace);
    std::size_t end = 0;
    while (count-- > 0 && end < text.size()) end = text.find('\n', end) + 1;
    return text.substr(0, end);
  };
  Attempt nobody(Example());
  EXPECT_EQ(first_steps(nobody, 1),
            "authenticator no cert = 535 Incorrect authentication data "
            "(set_id=alice@example.org)\n");
  Attempt down(Example());
  down.services.answers[kAlice] = {expand::LookupAnswer::kDeferred, "server is down"};
  EXPECT_TRUE(first_steps(down, 1).starts_with(
      "authenticator later cert = 435 Unable to authenticate at present (set_id="));
  Attempt old(Example() + "  server_tls_version_min = TLS1.3\n");
  old.session.tls.version = "TLS1.2";
  EXPECT_EQ(first_steps(old, 9),
            "authenticator no cert = 535 Incorrect authentication data: TLS1.2 is older than "
            "server_tls_version_min\n"
            "  check yes the certificate verified\n"
            "  check no server_tls_version_min = TLS1.2 is older than server_tls_version_min\n");
  Attempt unverified(Example());
  unverified.session.tls.verified = false;
  unverified.session.tls.verify_reason = "certificate expired";
  EXPECT_EQ(first_steps(unverified, 9),
            "authenticator cert = not tried\n"
            "  check no the certificate verified = certificate expired\n");
  EXPECT_EQ(WhyNotTried(*unverified.config, unverified.session),
            "cert is not tried: the client's certificate did not verify (certificate expired)");
}

TEST(AuthenticateAfterTls, WhatIsNotTriedHasAReason) {
  Attempt attempt(Example());
  EXPECT_EQ(WhyNotTried(*attempt.config, attempt.session), "");
  EXPECT_EQ(WhyNotTried(config::Config(), attempt.session),
            "no authenticator runs after the TLS handshake");
  attempt.session.tls.peer = nullptr;
  EXPECT_EQ(WhyNotTried(*attempt.config, attempt.session),
            "cert is not tried: the client has shown no certificate");
  attempt.session.tls.active = false;
  EXPECT_EQ(WhyNotTried(*attempt.config, attempt.session),
            "cert is not tried: the session is not under TLS");
}

TEST(AuthenticateAfterTls, ATraceSaysWhichAuthorityMayAssertTheName) {
  const std::string options = std::string(kSan) + "  server_set_id = $auth1\n";
  for (const std::string hide : {"", "hide "}) {
    Attempt attempt(options + "  " + hide + "server_identities = * => *@example.org\n");
    attempt.session.tls.path = {attempt.session.tls.peer};
    facts::Trace trace;
    attempt.session.trace = &trace;
    EXPECT_EQ(attempt.Run().result, AuthResult::kAuthenticated) << attempt.auth.reason;
    const facts::TraceStep& last = trace.steps().back();
    EXPECT_EQ(last.what, "server_identities");
    EXPECT_EQ(last.value, "\"alice@example.org\" may be asserted by its authority" +
                              std::string(hide.empty() ? ": rule * => *@example.org" : ""));
  }
}

TEST(AuthenticateAfterTls, RuleC7AnOptionThatWasSetWithHideIsNotInATrace) {
  Attempt attempt(
      "  hide server_param1 = ${lc:S3CRET}\n  server_condition = true\n"
      "  hide server_set_id = $auth1\n");
  facts::Trace trace;
  attempt.session.trace = &trace;
  EXPECT_EQ(attempt.Run().id, "s3cret");
  const std::string dump = test::Dump(trace);
  EXPECT_NE(dump.find("option server_param1 = ***\n"), std::string::npos) << dump;
  EXPECT_EQ(dump.find("S3CRET"), std::string::npos) << dump;
}

TEST(PurposeOfClients, RuleI3IsThatOfTlsClientsUnlessServerEkuSaysOtherwise) {
  const auto purpose_of = [](const std::string& options) {
    return PurposeOfClients(*Attempt(kSetId + options).config);
  };
  EXPECT_EQ(purpose_of(""), crypto::Purpose::kTlsClient);
  EXPECT_EQ(purpose_of("  server_eku = require-client\n"), crypto::Purpose::kTlsClient);
  EXPECT_EQ(purpose_of("  server_eku = allow-server\n"), crypto::Purpose::kTlsClientOrServer);
  EXPECT_EQ(purpose_of("  server_eku = ignore\n"), crypto::Purpose::kAnyClient);
  EXPECT_EQ(PurposeOfClients(config::Config()), crypto::Purpose::kTlsClient);
}

TEST(RuleI11, TwoNamesAreNotAnEmptyIdentity) {
  Attempt attempt(Example(), {"alice@example.org", "bob@example.org"});
  attempt.services.answers[kAlice] = Found("1001");
  const facts::Auth& auth = attempt.Run();
  EXPECT_EQ(auth.result, AuthResult::kFailed);
  EXPECT_EQ(auth.reason, "535 Incorrect authentication data: server_set_id gave no identity");
}

TEST(RuleI11, WhatServerSetIdGivesDecides) {
  const std::string longest(limits::kIdentityMaxBytes, 'x');
  const struct {
    std::string set_id;
    const char* reason;  // "" = authenticated
  } kCases[] = {
      {"someone", ""},
      {"a:b", ""},  // the administrator's own text is one identity
      {"", "server_set_id gave no identity"},
      {"\"  \"", "server_set_id gave no identity"},
      {longest, ""},
      {longest + "x", "server_set_id gave an identity of 513 octets, at most 512 are allowed"},
      {"a\\nb", "server_set_id gave an identity with control characters"},
      {"a\\x7f", "server_set_id gave an identity with control characters"},
      {"a\\xc2\\x85", "server_set_id gave an identity with control characters"},
      {"a b", ""},
      {"\"a \"", "server_set_id gave an identity with blanks at an end or several in a row"},
      {"\" a\"", "server_set_id gave an identity with blanks at an end or several in a row"},
      {"a  b", "server_set_id gave an identity with blanks at an end or several in a row"},
      {"a\\xff", "server_set_id gave an identity that is not UTF-8"},
      {"$auth1", "server_set_id gave 2 elements where one is wanted"},
      {"x$auth1", "server_set_id gave 2 elements where one is wanted"},
      {"${lc:$auth1}", "server_set_id gave 2 elements where one is wanted"},
  };
  for (const auto& c : kCases) {
    Attempt attempt(std::string(kSan) + "  server_set_id = " + c.set_id + "\n",
                    {"a@example.org", "b@example.org"});
    const facts::Auth& auth = attempt.Run();
    if (*c.reason == '\0') {
      EXPECT_EQ(auth.result, AuthResult::kAuthenticated) << c.set_id << auth.reason;
    } else {
      EXPECT_EQ(auth.result, AuthResult::kFailed) << c.set_id << auth.id;
      EXPECT_NE(auth.reason.find(c.reason), std::string::npos) << c.set_id << " " << auth.reason;
      EXPECT_EQ(auth.id, "");
    }
  }
}

TEST(RuleI11, WithoutServerSetIdNobodyIsAuthenticated) {
  Attempt attempt("  server_condition = true\n");
  EXPECT_EQ(attempt.Run().result, AuthResult::kFailed);
  EXPECT_EQ(attempt.auth.reason,
            "535 Incorrect authentication data: server_set_id is not set, so that there is no "
            "identity");
}

TEST(RuleI12, TheOneElementOfAListIsTheIdentityAsItIs) {
  // What a separator, a prefix or a blank is elsewhere is only text here.
  for (const char* name : {"a:b@example.org", "<;mallory@x;alice@x", ":", "a::b", "!x", "x y"}) {
    for (const char* set_id : {"$auth1", "${if eq{a}{a}{$auth1}}", "x${auth1}"}) {
      Attempt attempt(std::string(kSan) + "  server_set_id = " + set_id + "\n", {name});
      const facts::Auth& auth = attempt.Run();
      EXPECT_EQ(auth.result, AuthResult::kAuthenticated) << auth.reason;
      EXPECT_EQ(auth.id, std::string(set_id[0] == 'x' ? "x" : "") + name);
    }
  }
}

TEST(RuleI12, NoNameIsNoIdentity) {
  Attempt attempt(std::string(kSan) + "  server_set_id = $auth1\n", {});
  EXPECT_EQ(attempt.Run().result, AuthResult::kFailed);
}

// The element that the directory knows, without list gymnastics.
constexpr const char kMatch[] =
    "  server_match = ${lookup ldap{ldap:///mailname=${quote_ldap_dn:${lc:$item}},"
    "ou=users,dc=example,dc=org?mailid} {$value}{0}}\n"
    "  server_set_id = $auth_matched\n";
const std::string kBob = Query("bob%40example.org");

TEST(ServerMatch, TheOneElementForWhichItIsTrueIsAuthMatched) {
  for (const char* mine : {"Alice@example.org", "alice@example.org"}) {
    Attempt attempt(std::string(kSan) + kMatch, {"x:y@example.net", mine, "<;z@example.net"});
    attempt.services.answers[kAlice] = Found("1001");
    const facts::Auth& auth = attempt.Run();
    EXPECT_EQ(auth.result, AuthResult::kAuthenticated) << auth.reason;
    EXPECT_EQ(auth.id, mine);
    EXPECT_EQ(auth.id_origins & kFromCertificate, kFromCertificate);
    EXPECT_EQ(attempt.services.asked.size(), 3u);
    EXPECT_EQ(attempt.session.auth_matched.text, "") << "left behind";
  }
}

TEST(ServerMatch, ServerConditionCanNarrowByIt) {
  for (const char* wanted : {"alice@example.org", "bob@example.org"}) {
    Attempt attempt(std::string(kSan) + kMatch + "  server_condition = ${if eq{$auth_matched}{" +
                        wanted + "}}\n",
                    {"alice@example.org", "x@example.org"});
    attempt.services.answers[kAlice] = Found("1001");
    EXPECT_EQ(attempt.Run().result,
              wanted[0] == 'a' ? AuthResult::kAuthenticated : AuthResult::kFailed)
        << attempt.auth.reason;
  }
}

TEST(RuleI12, TwoElementsThatMatchAreNoIdentityAndNeitherIsNone) {
  Attempt two(std::string(kSan) + kMatch, {"alice@example.org", "bob@example.org"});
  two.services.answers[kAlice] = Found("1001");
  two.services.answers[kBob] = Found("1002");
  EXPECT_EQ(two.Run().result, AuthResult::kFailed);
  EXPECT_EQ(two.auth.id, "");
  EXPECT_EQ(two.auth.reason,
            "535 Incorrect authentication data: server_match is true for 2 of the 2 elements of "
            "$auth1");
  Attempt none(std::string(kSan) + kMatch, {"alice@example.org", "bob@example.org"});
  EXPECT_EQ(none.Run().result, AuthResult::kFailed);
  EXPECT_NE(none.auth.reason.find("server_match is true for none of the 2"), std::string::npos)
      << none.auth.reason;
  Attempt empty(std::string(kSan) + "  server_match = yes\n  server_set_id = root\n", {});
  EXPECT_EQ(empty.Run().result, AuthResult::kFailed);
  // The same name twice is two: a directory may hold it twice as well.
  Attempt twice(std::string(kSan) + kMatch, {"alice@example.org", "alice@example.org"});
  twice.services.answers[kAlice] = Found("1001");
  EXPECT_EQ(twice.Run().result, AuthResult::kFailed);
}

TEST(RuleI14, ServerMatchThatFailsForOneElementIsNotAboutTheOthers) {
  const struct {
    const char* expression;
    AuthResult result;
  } kCases[] = {
      {"${lookup ldap{ldap:///dc=${quote_ldap_dn:$item}?x}{yes}{no}}", AuthResult::kDeferred},
      {"${if eq{$item}{bob@example.org}{yes}fail}", AuthResult::kFailed},
      {"${if eq{$item}{bob@example.org}{yes}{perhaps}}", AuthResult::kDeferred},
      {"${if eq{$item}{bob@example.org}{yes}{no}}", AuthResult::kAuthenticated},
      {"${if eq{$item}{bob@example.org}{17}{0}}", AuthResult::kAuthenticated},
  };
  for (const auto& c : kCases) {
    Attempt attempt(std::string(kSan) + "  server_match = " + c.expression +
                        "\n  server_set_id = $auth_matched\n",
                    {"alice@example.org", "bob@example.org"});
    attempt.services.answers["ldap:///dc=bob%40example.org?x"] = {expand::LookupAnswer::kDeferred,
                                                                  "timed out"};
    attempt.services.answers["ldap:///dc=alice%40example.org?x"] = Found("1");
    EXPECT_EQ(attempt.Run().result, c.result) << c.expression << attempt.auth.reason;
    EXPECT_EQ(attempt.auth.id, c.result == AuthResult::kAuthenticated ? "bob@example.org" : "");
  }
}

TEST(RuleI1, AnExpressionCannotAuthenticateWithoutAVerifiedCertificate) {
  const std::string always = "  server_condition = yes\n  server_set_id = root\n";
  struct Unverified {
    const char* what;
    void (*spoil)(facts::Session*);
  };
  const Unverified kClients[] = {
      {"not verified", [](facts::Session* s) { s->tls.verified = false; }},
      {"no certificate", [](facts::Session* s) { s->tls.peer = nullptr; }},
      {"no TLS", [](facts::Session* s) { s->tls.active = false; }},
      {"nothing", [](facts::Session* s) { s->tls = {}; }},
  };
  for (const Unverified& client : kClients) {
    Attempt attempt(always);
    client.spoil(&attempt.session);
    const facts::Auth& auth = attempt.Run();
    EXPECT_EQ(auth.result, AuthResult::kNotTried) << client.what;
    EXPECT_EQ(auth.id, "");
    EXPECT_EQ(auth.authenticator, "");
  }
  Attempt verified(always);
  EXPECT_EQ(verified.Run().result, AuthResult::kAuthenticated);
}

// --- pins -------------------------------------------------------------------------------

std::string PinOfPeer(const facts::Session& session) {
  return EncodeBase64(crypto::PinOf(*session.tls.peer));
}

// A file of pins that is gone with the test.
struct PinFile {
  explicit PinFile(const std::string& text)
      : path(std::filesystem::temp_directory_path() /
             ("signet_pins_" + std::to_string(::getpid()))) {
    std::ofstream(path) << text;
  }
  ~PinFile() { std::filesystem::remove(path); }
  std::string path;
};

constexpr const char kPinned[] = "  server_set_id = $auth_pinned\n  server_condition = yes\n";

Attempt PinAttempt(const std::string& pins, bool require_verified, bool verified) {
  Attempt attempt(std::string(kPinned) + "  server_pins = " + pins +
                  "\n  server_require_verified = " + (require_verified ? "yes" : "no") + "\n");
  attempt.session.tls.verified = verified;
  if (!verified) attempt.session.tls.verify_reason = "unknown CA";
  return attempt;
}

const std::string& AlicePin() {
  static const std::string pin = EncodeBase64(crypto::PinOf(*MakeCertificate({"a@b.example"})));
  return pin;
}
const std::string kOtherPin = EncodeBase64(std::string(32, 'x'));

TEST(RuleI1, WithoutAVerifiedChainAPinMustMatchAndNothingElseHelps) {
  const PinFile mine("laptop: pin=" + AlicePin() + "\n");
  const PinFile* file = &mine;
  for (const bool require_verified : {true, false}) {
    for (const bool verified : {true, false}) {
      for (const bool pinned : {true, false}) {
        Attempt attempt = PinAttempt(pinned ? file->path : kOtherPin, require_verified, verified);
        attempt.Run();
        const bool good = require_verified ? verified && pinned : verified || pinned;
        const bool has_id = good && pinned;
        EXPECT_EQ(attempt.auth.result == AuthResult::kAuthenticated, has_id)
            << require_verified << verified << pinned << attempt.auth.reason;
        EXPECT_EQ(attempt.auth.id, has_id ? "laptop" : "");
        if (!verified && !pinned && !require_verified) {
          EXPECT_NE(attempt.auth.reason.find("the certificate did not verify (unknown CA), and its "
                                             "pin " +
                                             AlicePin() + " is not in server_pins"),
                    std::string::npos)
              << attempt.auth.reason;
        }
      }
    }
  }
}

TEST(RuleI1, APinDoesNotMakeARevokedOrDoubtfulCertificateGood) {
  Attempt revoked = PinAttempt(AlicePin(), false, false);
  revoked.session.tls.revoked = true;
  revoked.session.tls.verify_reason = "certificate revoked";
  EXPECT_EQ(revoked.Run().result, AuthResult::kFailed);
  EXPECT_NE(revoked.auth.reason.find("certificate revoked"), std::string::npos);
  Attempt doubtful = PinAttempt(AlicePin(), false, false);
  doubtful.session.tls.verify_deferred = true;
  EXPECT_EQ(doubtful.Run().result, AuthResult::kDeferred);
  Attempt unproved = PinAttempt(AlicePin(), false, false);
  unproved.session.tls.peer = nullptr;  // no proof of possession, no certificate
  EXPECT_EQ(unproved.Run().result, AuthResult::kNotTried);
}

TEST(RuleI1, APinnedCertificateWithAFlawOfItsOwnDoesNotAuthenticate) {
  const struct {
    const char* reason;
    void (*spoil)(testing::CertificateSpec*);
  } kFlaws[] = {
      {"", [](testing::CertificateSpec*) {}},
      {"certificate expired",
       [](testing::CertificateSpec* s) { s->not_after = testing::kYear2020 + 1; }},
      {"wrong key purpose",
       [](testing::CertificateSpec* s) { s->purposes = {std::string(testing::kServerAuth)}; }},
  };
  for (const auto& flaw : kFlaws) {
    testing::CertificateSpec spec = testing::ClientSpec();
    flaw.spoil(&spec);
    Attempt attempt = PinAttempt(AlicePin(), false, false);
    attempt.session.tls.peer =
        crypto::Certificate::FromDer(
            testing::Issue(spec, testing::SharedKey(testing::KeyType::kEcdsaP256), nullptr).der)
            .value();
    attempt.Run();
    EXPECT_EQ(attempt.auth.result == AuthResult::kAuthenticated, *flaw.reason == '\0')
        << attempt.auth.reason;
    EXPECT_NE(attempt.auth.reason.find(flaw.reason), std::string::npos) << attempt.auth.reason;
  }
}

TEST(Pins, AListOfPinsNamesThemselves) {
  Attempt attempt = PinAttempt(kOtherPin + " : " + AlicePin(), false, false);
  EXPECT_EQ(attempt.Run().result, AuthResult::kAuthenticated) << attempt.auth.reason;
  EXPECT_EQ(attempt.auth.id, AlicePin());
}

TEST(Pins, ALineThatDoesNotHoldTodayDoesNotCount) {
  const struct {
    const char* window;
    const char* reason;
  } kCases[] = {{" from=2100-01-01", "its line of server_pins, \"laptop\", holds from 2100-01-01"},
                {" until=2021-01-01", "its line of server_pins, \"laptop\", held until 2021-01-01"},
                {" from=2021-01-01 until=2100-01-01", ""}};
  for (const auto& c : kCases) {
    const PinFile file("laptop: pin=" + AlicePin() + c.window + "\n");
    Attempt attempt = PinAttempt(file.path, false, false);
    attempt.Run();
    EXPECT_EQ(attempt.auth.result == AuthResult::kAuthenticated, *c.reason == '\0')
        << attempt.auth.reason;
    EXPECT_NE(attempt.auth.reason.find(c.reason), std::string::npos) << attempt.auth.reason;
  }
}

TEST(RuleI12, AKeyAndAFingerprintUnderTwoNamesAreNobody) {
  Attempt probe("  server_set_id = x\n");
  const std::string print = HexLower(crypto::FingerprintOf(*probe.session.tls.peer));
  for (const bool two : {false, true}) {
    const PinFile file("laptop: pin=" + AlicePin() + (two ? "\nprinter: " : " ") +
                       "fingerprint=" + print + "\n");
    Attempt attempt = PinAttempt(file.path, false, false);
    attempt.session.tls.peer = probe.session.tls.peer;
    attempt.Run();
    EXPECT_EQ(attempt.auth.result == AuthResult::kAuthenticated, !two) << attempt.auth.reason;
    if (two) {
      EXPECT_NE(attempt.auth.reason.find("server_pins has its key as \"laptop\" and its "
                                         "fingerprint as \"printer\""),
                std::string::npos)
          << attempt.auth.reason;
    }
  }
}

TEST(RuleI14, AFileOfPinsThatCannotBeUsedDefers) {
  for (const bool verified : {true, false}) {
    const PinFile file("laptop: pni=" + AlicePin() + "\n");
    Attempt attempt = PinAttempt(file.path, false, verified);
    EXPECT_EQ(attempt.Run().result, AuthResult::kDeferred);
    EXPECT_NE(attempt.auth.reason.find(":1: unknown setting \"pni\""), std::string::npos)
        << attempt.auth.reason;
  }
}

TEST(Pins, AFingerprintWithoutAPinIsSaidBeforeItsRenewalBreaksIt) {
  const std::string lines = PinFile("").path + ".log";
  Log log({lines, "", ""});
  Attempt probe("  server_set_id = x\n");
  const auto print = HexLower(crypto::FingerprintOf(*probe.session.tls.peer));
  const PinFile file("laptop: fingerprint=" + print + "\n");
  Attempt attempt = PinAttempt(file.path, false, false);
  attempt.session.tls.peer = probe.session.tls.peer;
  EXPECT_EQ(attempt.Run(&log).result, AuthResult::kAuthenticated) << attempt.auth.reason;
  const std::string logged = ReadRegularFile(lines, 10'000).value();
  std::filesystem::remove(lines);
  EXPECT_NE(logged.find("cert authenticator: the certificate of \"laptop\" is known by its "
                        "fingerprint only, which its renewal, due by 2120-"),
            std::string::npos)
      << logged;
  EXPECT_NE(logged.find("add pin=" + PinOfPeer(attempt.session)), std::string::npos);
}

// --- which authority may assert what ------------------------------------------------------

struct Authorities {
  testing::Issued root = testing::MakeRoot("Our CA", testing::KeyType::kEcdsaP256, 50);
  // Another key under the same name, and authorities below both.
  testing::Issued twin = testing::MakeRoot("Our CA", testing::KeyType::kEcdsaP256, 51);
  testing::Issued sub = testing::MakeIntermediate(root, "Sub", testing::KeyType::kEcdsaP256, 52);
  testing::Issued posing =
      testing::MakeIntermediate(twin, "Our CA", testing::KeyType::kEcdsaP256, 53);
};
const Authorities& TheAuthorities() {
  static const Authorities authorities;
  return authorities;
}

crypto::CertificatePtr Parsed(const testing::Issued& issued) {
  return crypto::Certificate::FromDer(issued.der).value();
}
std::string Spki(const testing::Issued& authority) {
  return "spki:" + EncodeBase64(crypto::PinOf(*Parsed(authority)));
}

// The result of a client of that path, nearest authority first.
facts::Auth Assert(const std::string& rules, const std::vector<testing::Issued>& path,
                   const std::vector<std::string>& names = {MailName("alice@example.org")},
                   const std::string& id = "alice@example.org") {
  Attempt attempt("  server_identities = " + rules + "\n  server_set_id = " + id + "\n");
  testing::CertificateSpec spec = testing::ClientSpec("");
  spec.alternative_names = names;
  attempt.session.tls.peer =
      Parsed(testing::Issue(spec, testing::SharedKey(testing::KeyType::kEcdsaP256), &path.front()));
  attempt.session.tls.path = {attempt.session.tls.peer};
  for (const testing::Issued& authority : path)
    attempt.session.tls.path.push_back(Parsed(authority));
  return attempt.Run();
}
bool MayAssert(const std::string& rules, const std::vector<testing::Issued>& path,
               const std::vector<std::string>& names = {MailName("alice@example.org")},
               const std::string& id = "alice@example.org") {
  return Assert(rules, path, names, id).result == AuthResult::kAuthenticated;
}

TEST(ServerIdentities, AnAuthorityAssertsWhatItsRuleListsAndNothingElse) {
  const auto& [root, twin, sub, posing] = TheAuthorities();
  EXPECT_TRUE(MayAssert(Spki(root) + " => *@example.org", {root}));
  EXPECT_TRUE(MayAssert(Spki(root) + " => x@example.net : *@example.org", {root}));
  EXPECT_TRUE(MayAssert("subject:CN=Our CA => *@example.org", {root}));
  EXPECT_TRUE(MayAssert(Spki(twin) + " => *@example.net ; * => alice@example.org", {root}));
  EXPECT_FALSE(MayAssert(Spki(root) + " => *@example.net ; * => *", {root}));
  EXPECT_FALSE(MayAssert(Spki(root) + " => !alice@example.org : *@example.org", {root}));
  const facts::Auth auth = Assert(Spki(root) + " => *@example.net", {root});
  EXPECT_EQ(auth.id, "");
  EXPECT_EQ(auth.fail_id, "alice@example.org");
  EXPECT_NE(auth.reason.find("its authority may not assert \"alice@example.org\": rule spki:"),
            std::string::npos)
      << auth.reason;
  EXPECT_NE(Assert(Spki(twin) + " => *", {root})
                .reason.find("server_identities has no rule for its authorities"),
            std::string::npos);
}

TEST(RuleI17, WhichAuthorityIssuedIsDecidedByItsKey) {
  const auto& [root, twin, sub, posing] = TheAuthorities();
  const std::string rules = Spki(root) + " => *@example.org ; " + Spki(twin) + " => *@example.net";
  EXPECT_TRUE(MayAssert(rules, {root}));
  EXPECT_FALSE(MayAssert(rules, {twin}));
  // What is an authority by somebody's grace may choose its own subject: a rule by subject
  // is about anchors.
  const std::string by_subject = "subject:CN=Our CA => *@example.org ; * => *@example.net";
  EXPECT_TRUE(MayAssert(by_subject, {root}));
  const testing::Issued other = testing::MakeRoot("Other", testing::KeyType::kEcdsaP256, 54);
  EXPECT_FALSE(MayAssert(by_subject, {posing, other}));
}

TEST(ServerIdentities, EveryRuleOfThePathCounts) {
  const auto& [root, twin, sub, posing] = TheAuthorities();
  const std::string of_root = Spki(root) + " => *@example.org", of_sub = Spki(sub) + " => ";
  EXPECT_TRUE(MayAssert(of_root, {sub, root}));
  EXPECT_TRUE(MayAssert(of_root + " ; " + of_sub + "alice@example.org", {sub, root}));
  EXPECT_FALSE(MayAssert(of_root + " ; " + of_sub + "bob@example.org", {sub, root}));
  EXPECT_FALSE(MayAssert(Spki(root) + " => *@example.net ; " + of_sub + "*", {sub, root}));
}

TEST(ServerIdentities, EveryMailboxOfTheCertificateCountsAndTheIdentity) {
  const auto& [root, twin, sub, posing] = TheAuthorities();
  const std::string rule = Spki(root) + " => *@example.org";
  const std::string mine = MailName("alice@example.org");
  EXPECT_FALSE(MayAssert(rule, {root}, {mine}, "alice@example.net"));
  EXPECT_FALSE(MayAssert(rule, {root}, {mine}, "alice"));
  EXPECT_TRUE(MayAssert(rule + " : ^alice\\$", {root}, {mine}, "alice"));
  EXPECT_TRUE(MayAssert(rule, {root}, {}));
  EXPECT_FALSE(MayAssert(rule, {root}, {mine, MailName("bob@example.net")}));
  EXPECT_FALSE(MayAssert(
      rule, {root},
      {mine, testing::OtherName("1.3.6.1.4.1.311.20.2.3", testing::Utf8("bob@example.net"))}));
  EXPECT_FALSE(MayAssert(
      rule, {root},
      {mine, testing::OtherName("1.3.6.1.5.5.7.8.9", testing::Utf8("b\xc3\xb6@example.net"))}));
  EXPECT_TRUE(MayAssert(rule, {root}, {mine, testing::DnsName("example.net")}));
}

TEST(RuleI14, AListOfServerIdentitiesThatCannotBeLookedUpDefers) {
  const testing::Issued& root = TheAuthorities().root;
  Attempt attempt(
      "  server_identities = * => ${lookup ldap{ldap:///dc=down?x}}\n  server_set_id = a@b\n", {});
  attempt.services.answers["ldap:///dc=down?x"] = {expand::LookupAnswer::kDeferred, "timed out"};
  attempt.session.tls.path = {attempt.session.tls.peer, Parsed(root)};
  EXPECT_EQ(attempt.Run().result, AuthResult::kDeferred);
  EXPECT_EQ(attempt.auth.id, "");
  EXPECT_EQ(attempt.auth.deferred_class, "directory not available");
  EXPECT_NE(attempt.auth.reason.find("server_identities: "), std::string::npos)
      << attempt.auth.reason;
}

TEST(RuleC3, WhatCannotBeKnownToBeRevokedIsDeferredAndNotEvaluated) {
  Attempt attempt("  server_condition = yes\n  server_set_id = root\n");
  attempt.session.tls.verified = false;
  attempt.session.tls.verify_deferred = true;
  attempt.session.tls.verify_reason = "revocation list is out of date or not usable";
  const facts::Auth& auth = attempt.Run();
  EXPECT_EQ(auth.result, AuthResult::kDeferred);
  EXPECT_EQ(auth.id, "");
  EXPECT_EQ(auth.deferred_class, "revocation information not available");
  EXPECT_NE(auth.reason.find("out of date"), std::string::npos) << auth.reason;
}

TEST(RuleI18, NamesOverALimitGiveNoIdentityAndAreNotEvaluated) {
  for (const std::size_t extra : {0u, 1u}) {
    std::vector<std::string> mails;
    for (std::size_t i = 0; i < limits::kSanMaxNames + extra; ++i)
      mails.push_back("u" + std::to_string(i) + "@example.org");
    Attempt attempt(
        "  server_condition = ${lookup ldap{ldap:///dc=x?a}{yes}{yes}}\n"
        "  server_set_id = root\n",
        mails);
    const facts::Auth& auth = attempt.Run();
    EXPECT_EQ(auth.result, extra == 0 ? AuthResult::kAuthenticated : AuthResult::kFailed);
    EXPECT_EQ(attempt.services.asked.size(), 1 - extra);
    if (extra == 1) {
      EXPECT_EQ(auth.reason,
                "535 Incorrect authentication data: names in the certificate are over a limit");
    }
  }
}

TEST(RuleI19, ACertificateThatMaySignCertificatesIsNoClient) {
  Attempt attempt("  server_set_id = root\n");
  testing::CertificateSpec spec = testing::ClientSpec();
  spec.ca = true;
  const testing::Issued issued =
      testing::Issue(spec, testing::SharedKey(testing::KeyType::kEcdsaP256), nullptr);
  attempt.session.tls.peer = crypto::Certificate::FromDer(issued.der).value();
  EXPECT_EQ(attempt.Run().result, AuthResult::kFailed);
  EXPECT_NE(attempt.auth.reason.find("may sign certificates"), std::string::npos);
}

// What fails, and how.
constexpr const char kForced[] = "${if eq{a}{b}{x}fail}";
constexpr const char kDeferredLookup[] = "${lookup ldap{ldap:///dc=down?x}}";
constexpr const char kNoNumber[] = "${if ={x$acl_c0}{1}{yes}{no}}";

TEST(RuleI14, EachKindOfFailureInEachParameter) {
  for (const char* parameter :
       {"server_param1", "server_param2", "server_param3", "server_param", "server_condition"}) {
    const auto run = [&](const char* expression) {
      Attempt attempt(std::string("  ") + parameter + " = " + expression +
                      "\n  server_set_id = root\n");
      attempt.services.answers["ldap:///dc=down?x"] = {expand::LookupAnswer::kDeferred,
                                                       "timed out"};
      return attempt.Run();
    };
    const facts::Auth forced = run(kForced);
    EXPECT_EQ(forced.result, AuthResult::kFailed) << parameter;
    EXPECT_NE(forced.reason.find("was forced to fail"), std::string::npos) << forced.reason;
    const facts::Auth deferred = run(kDeferredLookup);
    EXPECT_EQ(deferred.result, AuthResult::kDeferred) << parameter;
    EXPECT_EQ(deferred.deferred_class, "directory not available");
    EXPECT_EQ(deferred.reason.find("435 Unable to authenticate at present (set_id=root): "), 0u)
        << deferred.reason;
    EXPECT_NE(deferred.reason.find("gave DEFER: \"timed out\""), std::string::npos)
        << deferred.reason;
    EXPECT_NE(deferred.reason.find("test.conf:4:"), std::string::npos) << deferred.reason;
    const facts::Auth permanent = run(kNoNumber);
    EXPECT_EQ(permanent.result, AuthResult::kDeferred) << parameter;
    EXPECT_EQ(permanent.deferred_class, "local problem");
    for (const facts::Auth& auth : {forced, deferred, permanent}) {
      EXPECT_EQ(auth.id, "");
      EXPECT_EQ(auth.fail_id, "root");
    }
  }
}

TEST(RuleI14, AConditionThatIsNeitherTrueNorFalseDefers) {
  for (const char* text : {"2", "01", "on", "\" 1\""}) {
    Attempt attempt(std::string("  server_condition = ") + text + "\n  server_set_id = root\n");
    EXPECT_EQ(attempt.Run().result, AuthResult::kDeferred) << text;
    EXPECT_NE(attempt.auth.reason.find("where true or false is wanted"), std::string::npos);
  }
  for (const char* text : {"0", "no", "FALSE"}) {
    Attempt attempt(std::string("  server_condition = ") + text + "\n  server_set_id = root\n");
    EXPECT_EQ(attempt.Run().result, AuthResult::kFailed) << text;
  }
}

TEST(RuleI14, ABudgetThatIsUsedUpDefers) {
  Attempt attempt("  server_condition = ${if eq{a}{${lc:b}}{no}{yes}}\n  server_set_id = root\n");
  expand::Budget budget;
  budget.steps = 1;
  const facts::Auth auth =
      AuthenticateAfterTls(*attempt.config, attempt.session, attempt.services, budget);
  EXPECT_EQ(auth.result, AuthResult::kDeferred);
}

TEST(RuleI14, AnySetIdFailureAfterASuccessDefers) {
  for (const char* expression : {kForced, kDeferredLookup, kNoNumber}) {
    Attempt attempt(std::string("  server_set_id = ") + expression + "\n");
    attempt.services.answers["ldap:///dc=down?x"] = {expand::LookupAnswer::kDeferred, "down"};
    const facts::Auth& auth = attempt.Run();
    EXPECT_EQ(auth.result, AuthResult::kDeferred) << expression;
    EXPECT_EQ(auth.reason.find("435 Unable to authenticate at present: server_set_id"), 0u)
        << auth.reason;
    EXPECT_EQ(auth.id, "");
  }
}

TEST(RuleI14, AServerSetIdThatFailsAfterAFailureLeavesTheFailure) {
  Attempt attempt(std::string("  server_condition = no\n  server_set_id = ") + kDeferredLookup +
                  "\n");
  attempt.services.answers["ldap:///dc=down?x"] = {expand::LookupAnswer::kDeferred, "down"};
  EXPECT_EQ(attempt.Run().result, AuthResult::kFailed);
  EXPECT_EQ(attempt.auth.reason, "535 Incorrect authentication data");
}

TEST(RuleI15, AnAttemptLeavesNoVariablesBehindAndFindsNone) {
  Attempt attempt(
      "  server_param2 = two\n  server_condition = ${if eq{$auth1/$auth2/$auth3}{/two/}}\n"
      "  server_set_id = $auth2\n");
  attempt.session.auth_vars[0] = Value("left behind");
  EXPECT_EQ(attempt.Run().result, AuthResult::kAuthenticated) << attempt.auth.reason;
  EXPECT_EQ(attempt.auth.id, "two");
  for (const Value& value : attempt.session.auth_vars) EXPECT_EQ(value.text, "");
}

TEST(RuleI15, AFailureAfterASuccessHasNothingOfIt) {
  Attempt attempt(Example());
  attempt.services.answers[kAlice] = Found("1001");
  EXPECT_EQ(attempt.Run().result, AuthResult::kAuthenticated);
  attempt.services.answers[kAlice] = {expand::LookupAnswer::kDeferred, "down"};
  const facts::Auth& auth = attempt.Run();
  EXPECT_EQ(auth.result, AuthResult::kDeferred);
  EXPECT_EQ(auth.id + auth.authenticator + auth.public_name, "");
}

TEST(AuthenticateAfterTls, FailIdIsPrintableAndWithinItsLimit) {
  const struct {
    std::string set_id, fail_id;
  } kCases[] = {{"a\\nb", "a\\nb"},
                {std::string(512, 'x'), std::string(512, 'x')},
                {std::string(513, 'x'), ""}};
  for (const auto& c : kCases) {
    Attempt attempt("  server_condition = no\n  server_set_id = " + c.set_id + "\n");
    EXPECT_EQ(attempt.Run().fail_id, c.fail_id);
  }
}

TEST(AuthenticateAfterTls, WithoutSuchAnAuthenticatorNothingIsTried) {
  const auto registry = drivers::Registry::MakeBuiltin();
  const auto loaded = config::LoadText("test.conf", "", {}, *registry);
  ASSERT_NE(loaded.config, nullptr);
  Attempt attempt("  server_set_id = root\n");
  expand::Budget budget;
  EXPECT_EQ(AuthenticateAfterTls(*loaded.config, attempt.session, attempt.services, budget).result,
            AuthResult::kNotTried);
  EXPECT_EQ(FindAfterTls(*loaded.config), nullptr);
  EXPECT_EQ(FindAfterTls(*attempt.config)->name, "cert");
}

// --- drivers that want more than they may ---------------------------------------------------

signet_verdict AlwaysAccept(const signet_host*, signet_call*) { return SIGNET_ACCEPT; }
signet_verdict AcceptAnyway(const signet_host* host, signet_call* call) {
  const signet_value* value = nullptr;
  (void)host->expand(call, 0, &value);
  (void)host->check_condition(call);
  return SIGNET_ACCEPT;
}
signet_verdict RejectAnyway(const signet_host* host, signet_call* call) {
  const signet_value* value = nullptr;
  (void)host->expand(call, 0, &value);
  return SIGNET_REJECT;
}
signet_verdict Nonsense(const signet_host*, signet_call*) {
  return static_cast<signet_verdict>(77);
}
signet_verdict WrongOptions(const signet_host* host, signet_call* call) {
  const signet_value* value = nullptr;
  signet_text text{};
  std::int64_t number = 0;
  const bool nothing = host->expand(call, 99, &value) == SIGNET_UNSET && value == nullptr &&
                       host->option_text(call, 99, &text) == 0 &&
                       host->option_number(call, 99, &number) == 0;
  host->set_auth_text(call, 0, {"x", 1});
  host->set_auth_text(call, 5, {"x", 1});
  host->reason(call, SIGNET_TEXT("as it should be"));
  return nothing ? SIGNET_REJECT : SIGNET_DEFER;
}

facts::Auth RunDriver(signet_verdict (*authenticate)(const signet_host*, signet_call*),
                      const std::string& options) {
  static const signet_option kRows[] = {
      {SIGNET_TEXT("server_thing"), SIGNET_OPTION_EXPANDED, 0, {}, {}, {}}};
  signet_auth_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.size = sizeof driver;
  driver.flags = SIGNET_AUTH_AFTER_TLS;
  driver.name = SIGNET_TEXT("greedy");
  driver.options = kRows;
  driver.option_count = 1;
  driver.option_size = sizeof kRows[0];
  driver.authenticate = authenticate;
  auto registry = drivers::Registry::MakeEmpty();
  EXPECT_TRUE(registry->Add(&driver).ok());
  Attempt attempt(options + "  server_set_id = root\n", {"a@b"}, std::move(registry), "greedy");
  return attempt.Run();
}

TEST(RuleP5, ADriverCanOnlyNarrowTheResult) {
  EXPECT_EQ(RunDriver(AlwaysAccept, "").result, AuthResult::kAuthenticated);
  EXPECT_EQ(RunDriver(AlwaysAccept, "  server_condition = no\n").result, AuthResult::kFailed);
  EXPECT_EQ(RunDriver(AlwaysAccept, "  server_condition = 2\n").result, AuthResult::kDeferred);
  EXPECT_EQ(RunDriver(AcceptAnyway, "  server_condition = no\n").result, AuthResult::kFailed);
  const std::string forced = std::string("  server_thing = ") + kForced + "\n";
  const std::string failing = std::string("  server_thing = ") + kNoNumber + "\n";
  EXPECT_EQ(RunDriver(AcceptAnyway, forced).result, AuthResult::kFailed);
  EXPECT_EQ(RunDriver(AcceptAnyway, failing).result, AuthResult::kDeferred);
  EXPECT_EQ(RunDriver(RejectAnyway, failing).result, AuthResult::kDeferred);
  EXPECT_EQ(RunDriver(Nonsense, "").result, AuthResult::kDeferred);
}

TEST(RuleP5, ADriverThatAsksForWhatIsNotThereGetsNothing) {
  const facts::Auth auth = RunDriver(WrongOptions, "");
  EXPECT_EQ(auth.result, AuthResult::kFailed);
  EXPECT_EQ(auth.reason, "535 Incorrect authentication data (set_id=root): as it should be");
}

}  // namespace
}  // namespace signet::auth
