// Every authenticator × every way in which it can end, over real TLS: what the client is
// answered, what is logged, who the client then is, and what EHLO shows afterwards.
#include <gmock/gmock.h>

#include <map>

#include "src/base/codec.h"
#include "test/support/auth_gateway.h"
#include "test/support/dovecot.h"
#include "test/support/sasl_client.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What becomes of an initial response.
enum class Initial { kTaken, kUnexpected, kRejected };

struct Mechanism {
  const char* instance;
  const char* name;  // of the mechanism
  // FAILS(USER)(VALUE), DECIDES(USER)(CONDITION): the value, or true where the condition
  // holds for ann; but see kFails.
  const char* options;
  Initial initial = Initial::kTaken;
  bool uses_dovecot = false;
  const char* fails = "server_condition";  // the option
};

// Account "later" is one that cannot be told now, "forced" one that is forced to fail.
constexpr const char* kFails =
    "${if !eq{USER}{forced}{${if eq{USER}{later}{${lookup{x}lsearch{/nowhere/accounts}}}"
    "{VALUE}}}fail}";

constexpr const char* kSecret =
    "server_secret = ${if inlist{$auth1}{ann:later:forced}{sesame}fail}\n";

const std::vector<Mechanism>& Mechanisms() {
  static const std::vector<Mechanism> all = {
      {"plain", "PLAIN",
       "driver = plaintext\n  server_prompts = :\n  server_condition = "
       "DECIDES($auth2)(eq{$auth3}{sesame})\n"
       "  server_set_id = $auth2\n"},
      {"login", "LOGIN",
       "driver = plaintext\n  server_prompts = Username:: : Password::\n"
       "  server_condition = DECIDES($auth1)(eq{$auth2}{sesame})\n  server_set_id = $auth1\n"},
      {"external", "EXTERNAL",
       "driver = external\n  server_condition = "
       "DECIDES($auth1)(eq{$tls_in_certificate_verified}{1})\n"
       "  server_set_id = $auth1\n"},
      {"cram", "CRAM-MD5",
       "driver = cram_md5\n  SECRET  server_condition = DECIDES($auth1)(eq{1}{1})\n  server_set_id "
       "= $auth1\n",
       Initial::kUnexpected},
      {"own", "PLAIN",
       "driver = sasl\n  server_initial = yes\n"
       "  server_step1 = ${if eq{$auth3}{sesame}{accept}{reject}}\n"
       "  server_condition = DECIDES($auth2)(eq{1}{1})\n  server_set_id = $auth2\n"},
      {"own_login", "LOGIN",
       "driver = sasl\n  server_step1 = reply Username:\n  server_step2 = reply Password:\n"
       "  server_state = $auth4\n"
       "  server_step3 = ${if eq{$auth4}{sesame}{accept}{reject}}\n"
       "  server_condition = DECIDES($auth_state)(eq{1}{1})\n  server_set_id = $auth_state\n",
       Initial::kRejected},
      {"scram", "SCRAM-SHA-256",
       "driver = scram\n  SECRET  server_plain = yes\n  server_condition = "
       "DECIDES($auth1)(eq{1}{1})\n"
       "  server_set_id = $auth1\n"},
      {"scram_plus", "SCRAM-SHA-256-PLUS",
       "driver = scram\n  SECRET  server_plain = yes\n  server_condition = "
       "DECIDES($auth1)(eq{1}{1})\n"
       "  server_set_id = $auth1\n"},
      // The same, where another option fails than server_condition.
      {"external_param", "EXTERNAL",
       "driver = external\n  server_param2 = FAILS($auth1)(x)\n"
       "  server_condition = ${if eq{$auth1$auth2}{annx}}\n  server_set_id = $auth1\n",
       Initial::kTaken, false, "server_param2"},
      {"cram_secret", "CRAM-MD5",
       "driver = cram_md5\n  server_secret = FAILS($auth1)(sesame)\n  server_set_id = $auth1\n",
       Initial::kUnexpected, false, "server_secret"},
      {"scram_secret", "SCRAM-SHA-256",
       "driver = scram\n  server_secret = FAILS($auth1)(sesame)\n  server_plain = yes\n"
       "  server_set_id = $auth1\n",
       Initial::kTaken, false, "server_secret"},
      {"own_step", "PLAIN",
       "driver = sasl\n  server_initial = yes\n"
       "  server_step1 = FAILS($auth2)(${if eq{$auth3}{sesame}{accept}{reject}})\n"
       "  server_set_id = $auth2\n",
       Initial::kTaken, false, "server_step1"},
      {"dovecot_plain", "PLAIN", "DOVECOT", Initial::kTaken, true},
      {"dovecot_login", "LOGIN", "DOVECOT", Initial::kTaken, true},
      {"dovecot_cram", "CRAM-MD5", "DOVECOT", Initial::kTaken, true},  // it looks away
      {"dovecot_scram", "SCRAM-SHA-256", "DOVECOT", Initial::kTaken, true},
  };
  return all;
}

// MACRO(FIRST)(SECOND) at a line's end → `pattern` with USER and VALUE replaced.
std::string Expand(std::string text, const std::string& macro, const std::string& pattern) {
  const std::size_t at = text.find(macro + "(");
  if (at == std::string::npos) return text;
  const std::size_t from = at + macro.size() + 1;
  const std::size_t end = text.find(')', at);
  const std::size_t last = text.find(")\n", end + 1);
  const std::string user = text.substr(from, end - from);
  const std::string value = text.substr(end + 2, last - end - 2);
  return text.replace(at, last + 1 - at, Replace(Replace(pattern, "USER", user), "VALUE", value));
}
std::string Expand(const std::string& text) {
  const std::string decides = Replace(kFails, "VALUE", "${if eq{USER}{ann}{${if VALUE}}}");
  return Expand(Expand(text, "DECIDES", decides), "FAILS", kFails);
}

// One gateway for each mechanism: failures of one source are counted.
class Side {
 public:
  explicit Side(const Mechanism& mechanism) {
    std::string options = Replace(mechanism.options, "SECRET", kSecret);
    if (mechanism.uses_dovecot) {
      dovecot_ = std::make_unique<Dovecot>(
          "ann:{PLAIN}sesame\nlater:{PLAIN}sesame\nforced:{PLAIN}sesame\n");
      options = "driver = dovecot\n  server_socket = " + dovecot_->socket() +
                "\n  server_condition = DECIDES($auth1)(eq{1}{1})\n  server_set_id = $auth1\n";
    }
    const Certificates& certificates = Certificates::Get();
    gateway_ = std::make_unique<AuthGateway>(AuthGateway::Options{
        std::string(mechanism.instance) + ":\n  public_name = " + mechanism.name + "\n  " +
            Expand(options),
        "", certificates.pem("server"), certificates.key("server"), certificates.pem("client-ca")});
  }
  AuthGateway& gateway() { return *gateway_; }

 private:
  std::unique_ptr<Dovecot> dovecot_;
  std::unique_ptr<AuthGateway> gateway_;
};

enum class Outcome { kSuccess, kWrong, kCancelled, kBadBase64, kTemporary, kForced };

struct Case {
  const Mechanism* mechanism;
  Outcome outcome;
  bool initial;
};

std::string NameOf(const Case& c) {
  const char* const names[] = {"Success", "Wrong", "Cancelled", "BadBase64", "Temporary", "Forced"};
  return std::string(c.mechanism->instance) + "_" + names[static_cast<int>(c.outcome)] +
         (c.initial ? "_Initial" : "");
}
std::string NameOfCase(const ::testing::TestParamInfo<Case>& info) { return NameOf(info.param); }
void PrintTo(const Case& c, std::ostream* out) { *out << NameOf(c); }

// With an initial response the client has said all, and is asked nothing that it could cancel.
bool OneMessageIsAll(const Mechanism& mechanism) {
  return std::string_view(mechanism.name) == "PLAIN" ||
         std::string_view(mechanism.name) == "EXTERNAL";
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const Mechanism& mechanism : Mechanisms())
    for (const Outcome outcome : {Outcome::kSuccess, Outcome::kWrong, Outcome::kCancelled,
                                  Outcome::kBadBase64, Outcome::kTemporary, Outcome::kForced})
      for (const bool initial : {false, true})
        if (!initial || outcome != Outcome::kCancelled || !OneMessageIsAll(mechanism))
          cases.push_back({&mechanism, outcome, initial});
  return cases;
}

class AuthMatrix : public ::testing::TestWithParam<Case> {
 protected:
  static void TearDownTestSuite() { sides_.clear(); }

  AuthGateway& Gateway() {
    std::unique_ptr<Side>& side = sides_[mechanism().instance];
    if (side == nullptr) side = std::make_unique<Side>(mechanism());
    return side->gateway();
  }
  const Mechanism& mechanism() const { return *GetParam().mechanism; }
  std::string name() const { return mechanism().name; }
  bool external() const { return name() == "EXTERNAL"; }
  // Who the client says that it is.
  std::string User() const {
    if (GetParam().outcome == Outcome::kTemporary) return "later";
    if (GetParam().outcome == Outcome::kForced) return "forced";
    return GetParam().outcome == Outcome::kWrong && external() ? "mallory" : "ann";
  }

  // The exchange as the case wants it, to its end; the last reply.
  std::string Run(SmtpClient& client) {
    const Case& c = GetParam();
    auto sasl = MakeSaslClient(name(), User(), c.outcome == Outcome::kWrong ? "wrong" : "sesame",
                               name().ends_with("-PLUS") ? client.ChannelBinding() : "");
    std::string line = "AUTH " + name();
    if (c.initial && c.outcome == Outcome::kBadBase64) return client.Say(line + " !!!!");
    if (c.initial) line += ' ' + EncodeBase64(sasl->Answer(""));
    client.Say(line);
    while (client.code() == 334) {
      const auto challenge = DecodeBase64(client.reply().substr(4));
      if (!challenge) return "no base64: " + client.reply();
      if (c.outcome == Outcome::kCancelled) return client.Say("*");
      if (c.outcome == Outcome::kBadBase64) return client.Say("a===");
      client.Say(EncodeBase64(sasl->Answer(*challenge)));
    }
    return client.reply();
  }

  // What it must be answered.
  std::string Expected() const {
    const Case& c = GetParam();
    if (c.initial && c.outcome == Outcome::kBadBase64) return "501 5.5.2 Invalid base64 data";
    if (c.initial && mechanism().initial == Initial::kUnexpected)
      return "553 5.5.4 Initial data not expected";
    if (c.initial && mechanism().initial == Initial::kRejected)
      return "535 5.7.8 Incorrect authentication data";
    switch (c.outcome) {
      case Outcome::kSuccess:
        return "235 2.7.0 Authentication succeeded";
      case Outcome::kWrong:
      case Outcome::kForced:
        return "535 5.7.8 Incorrect authentication data";
      case Outcome::kTemporary:
        return "435 4.7.0 Unable to authenticate at present";
      case Outcome::kBadBase64:
        return "501 5.5.2 Invalid base64 data";
      case Outcome::kCancelled:
        return "501 5.7.0 Authentication cancelled";
    }
    return "";
  }

  static std::map<std::string, std::unique_ptr<Side>> sides_;
};
std::map<std::string, std::unique_ptr<Side>> AuthMatrix::sides_;

TEST_P(AuthMatrix, Cell) {
  AuthGateway& gateway = Gateway();
  const Certificates& certificates = Certificates::Get();
  // EXTERNAL goes by a certificate; that it verified decides nothing without AUTH.
  SmtpClient client = external()
                          ? gateway.Client(certificates.pem("alice"), certificates.key("alice"))
                          : gateway.Client();
  const std::string offer = "AUTH " + name();
  ASSERT_THAT(client.reply(), HasSubstr(offer));
  const std::string expected = Expected();
  const std::string instance = mechanism().instance;

  EXPECT_EQ(Run(client), expected);
  const std::string code = expected.substr(0, 3);
  if (code == "235") {
    EXPECT_EQ(client.Say("AUTH " + name()), "503 5.5.1 already authenticated");
    EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [ann] by [" + instance + "] failed []");
    client.Say("RCPT TO:<x@example.net>");
    const std::string log = gateway.LogSince("rejected RCPT");
    EXPECT_THAT(log, HasSubstr(" A=" + instance + ":ann "));
    EXPECT_THAT(log, Not(HasSubstr("authenticator failed")));
    EXPECT_THAT(client.Say("EHLO c"), Not(HasSubstr("AUTH")));
    return;
  }
  const std::string log = gateway.LogSince(instance + " authenticator failed");
  EXPECT_THAT(log,
              HasSubstr(instance + " authenticator failed for H=(client.example.org) [127.0.0.1]"));
  // The reply without its enhanced code, as the log has it.
  std::string logged = code + expected.substr(9);
  const bool reached =
      code == "535" && !(GetParam().initial && mechanism().initial != Initial::kTaken);
  const bool named = reached || code == "435";
  if (named) logged += " (set_id=" + User() + ")";
  EXPECT_THAT(log, HasSubstr(": " + logged));
  if (GetParam().outcome == Outcome::kTemporary && code == "435") {
    EXPECT_THAT(log,
                HasSubstr(mechanism().fails + std::string(": failed to open /nowhere/accounts")));
  }
  if (GetParam().outcome == Outcome::kForced && reached) {
    EXPECT_THAT(log, AnyOf(HasSubstr(mechanism().fails + std::string(" was forced to fail")),
                           HasSubstr("there is no such account")));
  }
  EXPECT_THAT(log, Not(HasSubstr("sesame")));
  EXPECT_EQ(client.Say("MAIL FROM:<>"),
            "250 2.1.0 [] by [] failed [" + (named ? User() : "") + "]");
  client.Say("RSET");
  EXPECT_THAT(client.Say("EHLO c"), HasSubstr(offer));
}
INSTANTIATE_TEST_SUITE_P(Every, AuthMatrix, ::testing::ValuesIn(AllCases()), NameOfCase);

// Who is accepted but cannot be named is not authenticated (rule I11).
TEST(AuthMatrixAlone, WithoutAnIdentityNobodyIsAuthenticated) {
  const Certificates& certificates = Certificates::Get();
  AuthGateway gateway(
      {"plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n"
       "  server_condition = yes\n  server_set_id = " +
           Expand("FAILS($auth2)(${if !eq{$auth2}{nobody}{$auth2}})\n"),
       "", certificates.pem("server"), certificates.key("server"), certificates.pem("client-ca")});
  SmtpClient client = gateway.Client();
  const auto attempt = [&](const char* user) {
    const std::string token = MakeSaslClient("PLAIN", user, "x")->Answer("");
    return client.Say("AUTH PLAIN " + EncodeBase64(token));
  };
  EXPECT_EQ(attempt("later"), "435 4.7.0 Unable to authenticate at present");
  EXPECT_THAT(gateway.LogSince("435"), HasSubstr("server_set_id: failed to open"));
  EXPECT_EQ(attempt("forced"), "435 4.7.0 Unable to authenticate at present");
  EXPECT_THAT(gateway.LogSince("435"), HasSubstr("server_set_id was forced to fail"));
  EXPECT_EQ(attempt("nobody"), "535 5.7.8 Incorrect authentication data");
  EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [] by [] failed []");
  client.Say("RSET");
  EXPECT_EQ(attempt("ann"), "235 2.7.0 Authentication succeeded");
}

// The `tls` authenticator has no exchange: it runs behind the handshake, and its end is seen
// from EHLO on.
struct TlsCase {
  const char* name;
  const char* condition;
  bool authenticated;
  const char* log;
};
void PrintTo(const TlsCase& c, std::ostream* out) { *out << c.name; }

class TlsMatrix : public ::testing::TestWithParam<TlsCase> {};

TEST_P(TlsMatrix, Cell) {
  const TlsCase& c = GetParam();
  const Certificates& certificates = Certificates::Get();
  AuthGateway gateway(
      {std::string("tls:\n  driver = tls\n"
                   "  server_param1 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}\n"
                   "  server_condition = ") +
           c.condition +
           "\n  server_set_id = $auth1\nplain:\n  driver = plaintext\n  public_name = PLAIN\n"
           "  server_prompts = :\n  server_condition = no\n",
       "", certificates.pem("server"), certificates.key("server"), certificates.pem("client-ca")});
  SmtpClient client = gateway.Client(certificates.pem("alice"), certificates.key("alice"));
  EXPECT_EQ(client.reply().find("250-AUTH PLAIN\n") == std::string::npos, c.authenticated);
  EXPECT_EQ(client.Say("MAIL FROM:<>"), c.authenticated
                                            ? "250 2.1.0 [alice@example.org] by [tls] failed []"
                                            : "250 2.1.0 [] by [] failed [alice@example.org]");
  client.Say("RCPT TO:<x@example.net>");
  EXPECT_THAT(gateway.LogSince("rejected RCPT"), HasSubstr(c.log));
}
std::string NameOfTlsCase(const ::testing::TestParamInfo<TlsCase>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(
    Every, TlsMatrix,
    ::testing::Values(TlsCase{"Success", "${if eq{$auth1}{alice@example.org}}", true,
                              " A=tls:alice@example.org "},
                      TlsCase{"Wrong", "${if eq{$auth1}{bob@example.org}}", false,
                              ": 535 Incorrect authentication data (set_id=alice@example.org)"},
                      TlsCase{"Temporary", "${lookup{$auth1}lsearch{/nowhere/accounts}}", false,
                              ": 435 Unable to authenticate at present (set_id=alice@example.org): "
                              "server_condition: failed to open /nowhere/accounts"},
                      TlsCase{"Forced", "${if eq{$auth1}{bob@example.org}{yes}fail}", false,
                              ": 535 Incorrect authentication data (set_id=alice@example.org): "
                              "server_condition was forced to fail"}),
    NameOfTlsCase);

// Without a certificate it does not run, and nothing is said about it.
TEST(TlsMatrixAlone, WithoutACertificateNobodyIsAskedAnything) {
  const Certificates& certificates = Certificates::Get();
  AuthGateway gateway({"tls:\n  driver = tls\n  server_condition = yes\n  server_set_id = x\n", "",
                       certificates.pem("server"), certificates.key("server"),
                       certificates.pem("client-ca")});
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [] by [] failed []");
  client.Say("RCPT TO:<x@example.net>");
  EXPECT_THAT(gateway.LogSince("rejected RCPT"), Not(HasSubstr("authenticator")));
}

}  // namespace
}  // namespace signet::test
