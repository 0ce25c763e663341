// Programs that people submit mail with, through the gateway to each mail server: what comes
// out is what went in, octet by octet, but for the trace fields on top.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>

#include "test/support/authority.h"
#include "test/support/clients.h"
#include "test/support/dovecot_lmtp.h"
#include "test/support/exim.h"
#include "test/support/opensmtpd.h"
#include "test/support/postfix.h"
#include "test/support/submission_gateway.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kAlice[] = "alice@example.org";
constexpr char kBob[] = "bob@example.net";

Authority& SharedAuthority() {
  static Authority authority;
  static const bool made = [] {
    testing::CertificateSpec spec = testing::ClientSpec();
    spec.alternative_names = {testing::MailName(kAlice)};
    authority.Issue("alice", spec);
    return true;
  }();
  (void)made;
  return authority;
}

// --- what is behind the gateway -----------------------------------------------------------------

enum class Server { kPostfix, kExim, kOpenSmtpd, kDovecot, kMaildir };
constexpr const char* kServerNames[] = {"Postfix", "Exim", "OpenSmtpd", "Dovecot", "Maildir"};

// A server and the gateway before it, started when first wanted.
class Site {
 public:
  static Site& Get(Server server) {
    static std::map<Server, std::unique_ptr<Site>> sites;
    std::unique_ptr<Site>& site = sites[server];
    if (site == nullptr) site.reset(new Site(server));
    return *site;
  }

  const SubmissionGateway& gateway() const { return *gateway_; }
  std::string Log() const { return (peer_ ? peer_->Log() : "") + gateway_->Log(); }
  std::vector<std::string> Messages() const {
    return peer_ ? peer_->Messages() : MaildirMessages(mail_.path());
  }
  // Those that hold `text`, once there are so many.
  std::vector<std::string> WaitFor(const std::string& text, std::size_t count) const {
    std::vector<std::string> found;
    WaitUntil([&] {
      found = Messages();
      std::erase_if(found, [&](const std::string& m) { return m.find(text) == m.npos; });
      return found.size() >= count;
    });
    return found;
  }

 private:
  explicit Site(Server server) {
    if (server == Server::kPostfix) peer_ = std::make_unique<PostfixPeer>();
    if (server == Server::kExim) peer_ = std::make_unique<EximPeer>();
    if (server == Server::kOpenSmtpd) peer_ = std::make_unique<OpenSmtpdPeer>();
    if (server == Server::kDovecot) peer_ = std::make_unique<DovecotLmtp>();
    SubmissionGateway::Options options;
    options.main_options = "dsn_advertise_hosts = *\n";
    options.routers = "all:\n  driver = accept\n  transport = out\n";
    options.transports = "out:\n";
    if (peer_ != nullptr)
      options.transports +=
          "  driver = smtp\n  hosts = 127.0.0.1::" + std::to_string(peer_->port()) + "\n";
    else
      options.transports +=
          "  driver = appendfile\n  maildir_format\n  directory = " + (mail_ / "box") + "\n";
    if (server == Server::kDovecot) options.transports += "  protocol = lmtp\n";
    gateway_ = std::make_unique<SubmissionGateway>(SharedAuthority(), options);
  }

  TempDir mail_;
  std::unique_ptr<MailPeer> peer_;
  std::unique_ptr<SubmissionGateway> gateway_;
};

// --- messages
// -------------------------------------------------------------------------------------

std::string Header(const std::string& subject) {
  return "From: alice@example.org\r\nTo: bob@example.net\r\nDate: Thu, 1 Jan 2026 00:00:00 "
         "+0000\r\nMessage-ID: <" +
         subject + "@example.org>\r\nSubject: " + subject + "\r\n";
}

struct Content {
  const char* name;
  std::string body;
};

std::string TenMegabytes() {
  std::minstd_rand random(1);
  std::string text;
  while (text.size() < 10'000'000) {
    for (int i = 0; i < 76; ++i) text += static_cast<char>('A' + random() % 26);
    text += "\r\n";
  }
  return text;
}

const std::array<Content, 6>& Contents() {
  static const std::array<Content, 6> contents = {{
      {"plain", "Hello,\r\n\r\nworld\r\n"},
      {"eightbit",
       "Gr\xc3\xbc\xc3\x9f"
       "e \xe2\x82\xac\r\n\xc3\xa9t\xc3\xa9\r\n"},
      {"long", std::string(998, 'x') + "\r\n" + std::string(998, '.') + "\r\nshort\r\n"},
      {"dots", ".\r\n..\r\n...\r\n.a\r\n. \r\n a.\r\n.\r\n\r\n.\r\nend\r\n"},
      {"blank", "\r\n\r\n \r\n\t\r\nFrom here on\r\n>From there\r\n\r\n\r\n"},
      {"empty", ""},
  }};
  return contents;
}

// Without the lines that servers put on top of a message.
std::string WithoutTrace(const std::string& message) {
  static const std::array<std::string, 6> kTrace = {
      "Return-Path:", "Delivered-To:",           "X-Original-To:",
      "Received:",    "Authentication-Results:", "Envelope-To:"};
  std::size_t at = 0;
  for (bool trace = true; trace && at < message.size();) {
    const std::string_view rest = std::string_view(message).substr(at);
    trace = rest[0] == ' ' || rest[0] == '\t' ||
            std::any_of(kTrace.begin(), kTrace.end(),
                        [&](const std::string& name) { return rest.starts_with(name); });
    if (trace) at = message.find('\n', at) + 1;
  }
  return message.substr(at);
}

std::string Shown(const std::string& text) {
  return text.size() < 3000 ? text : text.substr(0, 3000) + "…";
}

void ExpectArrived(const Site& site, const std::string& subject, const std::string& content,
                   std::size_t copies = 1) {
  const auto found = site.WaitFor("Subject: " + subject + "\n", copies);
  ASSERT_EQ(found.size(), copies) << subject << "\n" << Shown(site.Log());
  const std::string wanted = Replace(content, "\r\n", "\n");
  for (const std::string& message : found) {
    EXPECT_THAT(message, HasSubstr("by mx.example.org with "));
    EXPECT_TRUE(WithoutTrace(message) == wanted) << "wanted:\n"
                                                 << Shown(wanted) << "\nfound:\n"
                                                 << Shown(message);
  }
}

// --- clients
// --------------------------------------------------------------------------------------

Submission From(const Site& site, Program program, std::string content) {
  const Authority& authority = SharedAuthority();
  Submission submission;
  submission.port = site.gateway().port();
  submission.ca = authority.root();
  submission.ca_chain = authority.chain();
  submission.certificate = authority.pem("alice");
  submission.key = authority.key("alice");
  submission.sender = kAlice;
  submission.recipient = kBob;
  submission.content = std::move(content);
  // It puts an empty line behind what it is given.
  if (program == Program::kSwaks) submission.content.resize(submission.content.size() - 2);
  submission.quiet = submission.content.size() > 100'000;
  return submission;
}

using Pair = std::tuple<Program, Server>;
std::string NameOf(const ::testing::TestParamInfo<Pair>& info) {
  return std::string(Name(std::get<0>(info.param))) + "To" +
         kServerNames[static_cast<int>(std::get<1>(info.param))];
}

class Mail : public ::testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    if (server() == Server::kOpenSmtpd && !OpenSmtpdPeer::Possible())
      GTEST_SKIP() << "NOT TESTED: OpenSMTPD changes its root directory and needs root";
  }
  static Program program() { return std::get<0>(GetParam()); }
  static Server server() { return std::get<1>(GetParam()); }
  static const Site& site() { return Site::Get(server()); }
  static std::string Subject(const std::string& what) {
    return std::string(Name(program())) + "-" + what;
  }
  void SendAndExpect(const std::string& subject, const std::string& body) {
    const std::string content = Header(subject) + "\r\n" + body;
    const Finished sent = SubmitWith(program(), From(site(), program(), content));
    ASSERT_EQ(sent.status, 0) << Shown(sent.output) << Shown(site().Log());
    ExpectArrived(site(), subject, content);
  }
};

TEST_P(Mail, ArrivesOctetByOctet) {
  for (const Content& content : Contents()) {
    // Its empty line behind everything makes that impossible.
    if (program() == Program::kSwaks && content.body.empty()) continue;
    SendAndExpect(Subject(content.name), content.body);
  }
}

TEST_P(Mail, OfTenMegabytesArrives) { SendAndExpect(Subject("large"), TenMegabytes()); }

TEST_P(Mail, ToManyArrivesForEach) {
  const int many = server() == Server::kDovecot ? 2 : 60;  // it knows its users
  const std::string content = Header(Subject("many")) + "\r\nto all\r\n";
  Submission submission = From(site(), program(), content);
  for (int i = 1; i < many; ++i)
    submission.more_recipients.push_back(server() == Server::kDovecot
                                             ? "carol@example.net"
                                             : "user" + std::to_string(i) + "@example.net");
  const Finished sent = SubmitWith(program(), submission);
  ASSERT_EQ(sent.status, 0) << Shown(sent.output) << Shown(site().Log());
  // Our own Maildir transport was told one directory for all of them.
  ExpectArrived(site(), Subject("many"), content, server() == Server::kMaildir ? 1 : many);
}

INSTANTIATE_TEST_SUITE_P(Each, Mail,
                         ::testing::Combine(::testing::Values(Program::kMsmtp, Program::kCurl,
                                                              Program::kSwaks, Program::kPython),
                                            ::testing::Values(Server::kPostfix, Server::kExim,
                                                              Server::kOpenSmtpd, Server::kDovecot,
                                                              Server::kMaildir)),
                         NameOf);

// --- what the parameters of MAIL and RCPT ask for -----------------------------------------------

class Utf8Mail : public Mail {};

TEST_P(Utf8Mail, ArrivesWhereItCan) {
  const std::string who = "b\xc3\xbc\xc3\xa9";
  const std::string content =
      Header(Subject("utf8")) + "X-Who: " + who + "\r\n\r\nhello " + who + "\r\n";
  Submission submission = From(site(), program(), content);
  submission.recipient = who + "@example.net";
  submission.smtputf8 = true;
  const Finished sent = SubmitWith(program(), submission);
  if (server() == Server::kOpenSmtpd || server() == Server::kDovecot) {  // have no SMTPUTF8
    EXPECT_NE(sent.status, 0);
    EXPECT_THAT(sent.output, HasSubstr("5.6.7"));
    EXPECT_EQ(site().WaitFor("Subject: " + Subject("utf8") + "\n", 0).size(), 0u);
    return;
  }
  ASSERT_EQ(sent.status, 0) << Shown(sent.output) << Shown(site().Log());
  ExpectArrived(site(), Subject("utf8"), content);
}

// swaks and msmtp do not say SMTPUTF8.
INSTANTIATE_TEST_SUITE_P(Each, Utf8Mail,
                         ::testing::Combine(::testing::Values(Program::kCurl, Program::kPython),
                                            ::testing::Values(Server::kPostfix, Server::kExim,
                                                              Server::kOpenSmtpd, Server::kDovecot,
                                                              Server::kMaildir)),
                         NameOf);

// Postfix writes the report that was asked for, and stores it for the sender.
TEST(Dsn, ReportsOfSuccessComeFromTheUpstream) {
  const Site& site = Site::Get(Server::kPostfix);
  for (const Program program : {Program::kMsmtp, Program::kPython}) {
    const std::string subject = std::string(Name(program)) + "-dsn";
    Submission submission = From(site, program, Header(subject) + "\r\nhello\r\n");
    submission.dsn = true;
    submission.envid = "QQ" + subject;
    const Finished sent = SubmitWith(program, submission);
    ASSERT_EQ(sent.status, 0) << sent.output << site.Log();
    // The message, and the report with the message's header.
    const auto found = site.WaitFor("Subject: " + subject + "\n", 2);
    ASSERT_EQ(found.size(), 2u) << site.Log();
    const auto report = std::find_if(found.begin(), found.end(), [](const std::string& message) {
      return message.find("report-type=delivery-status") != message.npos;
    });
    ASSERT_NE(report, found.end());
    EXPECT_THAT(*report, HasSubstr("Action: delivered\n"));
    EXPECT_THAT(*report, ::testing::Not(HasSubstr("\nhello\n")));  // RET=HDRS
    if (program != Program::kPython) continue;
    EXPECT_THAT(*report, HasSubstr("Original-Envelope-Id: QQPython-dsn\n"));
    EXPECT_THAT(*report, HasSubstr("Original-Recipient: rfc822;first+name@example.net\n"));
  }
}

}  // namespace
}  // namespace signet::test
