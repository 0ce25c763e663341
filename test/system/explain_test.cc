// `signet explain` against the server that it speaks for: the same certificates, the same
// configurations, and the same verdicts, identities and replies.
#include <gmock/gmock.h>

#include <set>

#include "test/support/explained.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kExplainAlice[] = "alice@example.org";
constexpr char kSomebody[] = "someone@example.net";

struct Variant {
  std::string name;
  std::string main_options;
  std::vector<std::pair<std::string, std::string>> edits;
};

std::string ClientPem(const std::string& name) {
  return name.empty() ? "" : Certificates::Get().pem(name);
}
std::string ClientKey(const std::string& name) {
  return name.empty() ? "" : Certificates::Get().key(name);
}

std::vector<Variant> Variants() {
  const std::string crl = Certificates::Get().pem("crl");
  const std::string stale = Certificates::Get().pem("crl-stale");
  const std::pair<std::string, std::string> driver = {"  driver = tls\n", "  driver = tls\n"};
  const auto with = [&](const std::string& option) {
    return std::vector<std::pair<std::string, std::string>>{{driver.first, driver.second + option}};
  };
  return {
      {"manual", "", {}},
      {"with a revocation list", "tls_crl = " + crl, {}},
      {"with a stale revocation list", "tls_crl = " + stale, {}},
      {"certificate demanded", "tls_verify_hosts = *", {}},
      {"certificate demanded, stale list", "tls_verify_hosts = *\ntls_crl = " + stale, {}},
      {"any certificate purpose", "", with("  server_eku = ignore\n")},
      {"identities limited", "", with("  server_identities = * => bob@example.org\n")},
  };
}

const std::vector<std::string>& Names() {
  static const std::vector<std::string> names = {
      "",    "alice",   "alice-rsa",  "bob",        "mallory", "none",    "zero",
      "two", "expired", "selfsigned", "serverauth", "otherca", "revoked", "nul"};
  return names;
}

std::string Shown(const Replies& replies) {
  std::string shown;
  for (const auto& [command, reply] : replies) shown += command + "\n  " + reply + "\n";
  return shown;
}

// The replies of explain as far as the live client went; it goes on to DATA.
Replies AsFarAs(const Replies& live, Replies replies) {
  if (replies.size() > live.size()) replies.resize(live.size());
  return replies;
}

TEST(Explain, SaysWhatTheServerDoesForEveryCertificateAndConfiguration) {
  std::size_t pairs = 0;
  std::set<std::string> verdicts, identities;
  for (const Variant& variant : Variants()) {
    Gateway::Options extra;
    extra.main_options = variant.main_options;
    extra.edits = variant.edits;
    World world(nullptr, extra);
    for (const std::string& name : Names()) {
      for (const bool on_connect : {false, true}) {
        if (on_connect && name != "alice" && name != "expired") continue;
        SCOPED_TRACE(variant.name + ", certificate " + name + (on_connect ? ", at once" : ""));
        const Caller caller{ClientPem(name),
                            ClientKey(name),
                            on_connect ? world.gateway->tls_port() : world.gateway->starttls_port(),
                            on_connect,
                            kExplainAlice,
                            kSomebody};
        const Explained explained = Explain(world.gateway->config_file(), caller);
        const Replies live = Call(caller);
        EXPECT_EQ(Shown(AsFarAs(live, explained.replies)), Shown(live)) << explained.output;
        const int code = live.empty() ? 0 : std::stoi("0" + live.back().second.substr(0, 3));
        const int wanted = code < 400 ? 0 : code < 500 ? 75 : 1;
        EXPECT_EQ(explained.status, wanted) << explained.output;
        EXPECT_FALSE(explained.decision.headline.empty());
        if (wanted != 0) {
          EXPECT_NE(explained.decision.reason, "") << explained.output;
        }
        const std::string id = explained.decision.identity;
        EXPECT_EQ(world.gateway->Log().find("A=tls:" + id) == std::string::npos, true)
            << "nothing has been sent yet";
        verdicts.insert(std::string(report::NameOf(explained.decision.verdict)));
        identities.insert(id);
        ++pairs;
      }
    }
  }
  EXPECT_GE(pairs, 40u);
  // Otherwise all of that would say little.
  EXPECT_THAT(verdicts, ::testing::UnorderedElementsAre("accepted", "refused", "deferred"));
  EXPECT_THAT(identities, ::testing::IsSupersetOf({"", "alice@example.org"}));
}

TEST(Explain, IdentityIsTheOneInTheLogOfAMessage) {
  World world;
  for (const char* name : {"alice", "bob"}) {
    const std::string address = std::string(name) + "@example.org";
    const Caller caller{ClientPem(name), ClientKey(name), world.gateway->starttls_port(),
                        false,           address,         kSomebody};
    const Explained explained = Explain(world.gateway->config_file(), caller);
    EXPECT_THAT(world.Client(name).Submit(address, kSomebody, "Subject: x\r\n\r\nx"),
                StartsWith("250"));
    const auto& decision = explained.decision;
    EXPECT_EQ(decision.authentication, "authenticated") << explained.output;
    EXPECT_TRUE(
        world.gateway->WaitForLog("A=" + decision.authenticator + ':' + decision.identity + ' '))
        << explained.output;
  }
}

// Where the server ends the connection without a refusal, "accepted" was said once.
TEST(Explain, EndOfTheConnectionIsARefusal) {
  struct Row {
    std::string main_options;
    std::vector<std::pair<std::string, std::string>> edits;
    std::string reason;
    int status = 1;
  };
  const Row rows[] = {
      {"host_reject_connection = 127.0.0.0/8", {}, "host_reject_connection"},
      {"hosts_require_alpn = *", {}, "TLS error"},
      {"tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.2",
       {{"  driver = tls\n", "  driver = tls\n  server_tls_version_min = TLS1.3\n"}},
       "TLS1.2 is older than server_tls_version_min"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.main_options);
    Gateway::Options extra;
    extra.main_options = row.main_options;
    extra.edits = row.edits;
    World world(nullptr, extra);
    const Caller caller{
        ClientPem("alice"), ClientKey("alice"), world.gateway->starttls_port(), false,
        kExplainAlice,      kSomebody};
    const Explained explained = Explain(world.gateway->config_file(), caller);
    const Replies live = Call(caller);
    EXPECT_EQ(Shown(AsFarAs(live, explained.replies)), Shown(live)) << explained.output;
    EXPECT_EQ(explained.status, row.status) << explained.output;
    EXPECT_THAT(explained.decision.reason, HasSubstr(row.reason));
  }
}

TEST(Explain, NothingReachesTheUpstream) {
  World world;
  const Caller caller{ClientPem("alice"), ClientKey("alice"), world.gateway->starttls_port(), false,
                      kExplainAlice,      kSomebody};
  EXPECT_EQ(Explain(world.gateway->config_file(), caller).status, 0);
  EXPECT_EQ(world.upstream.connections(), 0);
}

TEST(Explain, DirectoryThatIsDownDefers) {
  World world;
  world.slapd.Kill();
  const Caller caller{ClientPem("alice"), ClientKey("alice"), world.gateway->starttls_port(), false,
                      kExplainAlice,      kSomebody};
  const Explained explained = Explain(world.gateway->config_file(), caller);
  const Replies live = Call(caller);
  EXPECT_EQ(explained.status, 75);
  EXPECT_EQ(explained.decision.authentication, "deferred");
  EXPECT_EQ(Shown(AsFarAs(live, explained.replies)), Shown(live));
  EXPECT_THAT(explained.decision.reason, HasSubstr("lookup"));
}

// --- the command line ----------------------------------------------------------------------

// Words for `signet explain` with a configuration; no server runs.
class ExplainVerb : public ::testing::Test {
 protected:
  ExplainVerb() {
    WriteFile(config_,
              "primary_hostname = mx.example.org\n"
              "tls_certificate = " +
                  Certificates::Get().pem("server") +
                  "\n"
                  "tls_privatekey = " +
                  Certificates::Get().key("server") +
                  "\n"
                  "tls_advertise_hosts = *\ntls_try_verify_hosts = *\n"
                  "tls_verify_certificates = " +
                  Certificates::Get().pem("client-ca") +
                  "\n"
                  "acl_smtp_rcpt = check\n"
                  "begin acl\ncheck:\n  accept authenticated = *\n"
                  "  deny message = no\n"
                  "begin authenticators\ntls:\n  driver = tls\n"
                  "  server_param1 = ${certextract{subj_altname,mail}{$tls_in_peercert}}\n"
                  "  server_condition = true\n"
                  "  server_set_id = $auth1\n"
                  "begin routers\nup:\n  driver = manualroute\n"
                  "  route_list = * 127.0.0.1::1\n  transport = smtp\n"
                  "begin transports\nsmtp:\n  driver = smtp\n");
  }
  Finished Say(std::vector<std::string> words) {
    words.insert(words.begin(), {BuildDirectory() + "/signet", "explain", "-C", config_});
    return test::Run(words);
  }
  TempDir directory_;
  std::string config_ = directory_ / "signet.conf";
};

TEST_F(ExplainVerb, VerdictIsTheFirstLine) {
  const Finished good = Say({"--cert", ClientPem("alice")});
  EXPECT_EQ(good.status, 0);
  EXPECT_THAT(good.output, StartsWith("ACCEPTED  authenticated as alice@example.org; may send"));
  const Finished bad = Say({"--cert", ClientPem("expired")});
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.output, StartsWith("REFUSED   not authenticated; RCPT"));
  EXPECT_THAT(bad.output, HasSubstr("\nbecause   the client certificate did not verify: "
                                    "certificate expired"));
}

TEST_F(ExplainVerb, NoLineIsWiderThanEightyColumns) {
  for (const char* name : {"alice", "expired", "nul", "two", "otherca"}) {
    const std::string output = Say({"--cert", ClientPem(name)}).output;
    for (std::size_t at = 0; at < output.size();) {
      const std::size_t end = std::min(output.find('\n', at), output.size());
      EXPECT_LE(end - at, 80u) << output.substr(at, end - at);
      at = end + 1;
    }
    EXPECT_THAT(output, Not(HasSubstr("\x1b[")));
  }
}

TEST_F(ExplainVerb, MomentCanBeChosen) {
  EXPECT_EQ(Say({"--cert", ClientPem("alice"), "--at", "2010-01-01"}).status, 1);
  EXPECT_THAT(Say({"--cert", ClientPem("alice"), "--at", "2010-01-01"}).output,
              HasSubstr("certificate not yet valid"));
}

TEST_F(ExplainVerb, KeyOfTheServerIsNotRead) {
  std::string text = ReadFile(config_);
  const std::string key = Certificates::Get().key("server");
  text.replace(text.find(key), key.size(), "/nowhere/server.key");
  WriteFile(config_, text);
  EXPECT_EQ(Say({"--cert", ClientPem("alice")}).status, 0);
}

TEST_F(ExplainVerb, WithoutACertificateSaysSo) {
  const Finished finished = Say({});
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.output, HasSubstr("the client has sent no certificate"));
}

TEST_F(ExplainVerb, WrongWordsAreSaid) {
  struct Row {
    std::vector<std::string> words;
    std::string said;
  };
  const Row rows[] = {
      {{"--cert", "/nowhere.pem"}, "--cert: cannot read \"/nowhere.pem\""},
      {{"--cert", Certificates::Get().key("alice")}, "--cert: "},
      {{"--chain", ClientPem("alice")}, "--chain belongs to a certificate"},
      {{"--client-ip", "localhost"}, "\"localhost\" is no IP address"},
      {{"--listener", "99"}, "no listener \"99\"; there are"},
      {{"--at", "yesterday"}, "\"yesterday\" is no date"},
      {{"--auth", "CRAM-MD5"}, "EXTERNAL, LOGIN, OAUTHBEARER and PLAIN can be played"},
      {{"--auth", "PLAIN"}, "wants a password"},
      {{"--user", "x"}, "belong to --auth"},
      {{"--directory", "/nowhere.ldif"}, "/nowhere.ldif"},
      {{"--helo", "a\nQUIT"}, "holds a control character"},
      {{"--from", "a@b", "--from", "c@d"}, "--from can be said once"},
      {{"--form", "a@b"}, "did you mean \"--from\"?"},
  };
  for (const Row& row : rows) {
    const Finished finished = Say(row.words);
    EXPECT_EQ(finished.status, 2) << finished.output;
    EXPECT_THAT(finished.output, HasSubstr(row.said));
  }
}

TEST_F(ExplainVerb, RuleC7PasswordIsNotShown) {
  std::string text = ReadFile(config_);
  const std::string before = "begin authenticators\n";
  text.insert(text.find(before) + before.size(),
              "plain:\n  driver = plaintext\n  public_name = PLAIN\n"
              "  server_prompts = :\n"
              "  server_condition = ${if eq{$auth3}{s3cret-of-alice}}\n"
              "  server_set_id = $auth2\n");
  WriteFile(config_, text + "\n");
  for (const char* password : {"s3cret-typed", "s3cret-of-alice"}) {
    const std::string file = directory_ / "password";
    WriteFile(file, password);
    for (const char* form : {"--json", "--tls1.2"}) {
      const Finished finished =
          Say({"--auth", "PLAIN", "--user", "alice", "--password-file", file, form});
      EXPECT_THAT(finished.output, Not(HasSubstr("s3cret-typed")));
      EXPECT_THAT(finished.output, HasSubstr("AUTH PLAIN"));
    }
  }
}

// --- a session on standard input -------------------------------------------------------------

TEST_F(ExplainVerb, SessionTalksAsTheServerDoesAndKeepsNothing) {
  const std::string input = directory_ / "input";
  WriteFile(input,
            "EHLO me\nSTARTTLS\nEHLO me\nMAIL FROM:<alice@example.org>\n"
            "RCPT TO:<x@y.example>\nDATA\nSubject: x\n\nhello\n.\nQUIT\n");
  const Finished finished =
      test::Run({"/bin/sh", "-c",
                 BuildDirectory() + "/signet session -C " + config_ + " --trace --cert " +
                     ClientPem("alice") + " 192.0.2.7 < " + input});
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.output, HasSubstr("Hello me [192.0.2.7]"));
  EXPECT_THAT(finished.output, HasSubstr("250 2.0.0 OK"));
  EXPECT_THAT(finished.output, HasSubstr("221 2.0.0 mx.example.org closing connection"));
  EXPECT_THAT(finished.output, HasSubstr("authenticator tls: alice@example.org"));
  EXPECT_THAT(finished.output, HasSubstr("A=tls:alice@example.org"));
}

}  // namespace
}  // namespace signet::test
