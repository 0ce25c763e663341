// The gateway as other people's programs see it: six clients, two versions of TLS, three
// kinds of key.
#include <gmock/gmock.h>

#include "test/support/clients.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  Program program;
  const char* version;
  const char* certificate;
  bool tls_on_connect;
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const Program program : {Program::kSwaks, Program::kOpenssl, Program::kGnutlsCli,
                                Program::kMsmtp, Program::kCurl, Program::kPython}) {
    for (const char* version : {"1.2", "1.3"}) {
      for (const char* certificate : {"alice", "alice-rsa", "alice-ed25519"}) {
        // Where GnuTLS 3.7 itself chooses a client's certificate, as it does for msmtp, it
        // finds none for an Ed25519 key in TLS 1.2 and sends none: nothing for a server to
        // see. (gnutls-cli chooses by a callback and sends it.)
        if (program == Program::kMsmtp && version[2] == '2' &&
            std::string(certificate) == "alice-ed25519") {
          continue;
        }
        cases.push_back({program, version, certificate, false});
      }
    }
    cases.push_back({program, "1.3", "alice", true});
  }
  return cases;
}

std::string NameOf(const Case& c) {
  std::string name = std::string(Name(c.program)) + "_TLS" + c.version + "_" + c.certificate +
                     (c.tls_on_connect ? "_on_connect" : "");
  for (char& octet : name) {
    if (octet == '.' || octet == '-') octet = '_';
  }
  return name;
}
std::string NameOfCase(const ::testing::TestParamInfo<Case>& info) { return NameOf(info.param); }
void PrintTo(const Case& c, std::ostream* out) { *out << NameOf(c); }

class Clients : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { world_ = new World; }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  static Submission Make(const Case& c) {
    const Certificates& certificates = Certificates::Get();
    Submission submission;
    submission.port =
        c.tls_on_connect ? world_->gateway->tls_port() : world_->gateway->starttls_port();
    submission.tls_on_connect = c.tls_on_connect;
    submission.version = c.version;
    submission.ca = certificates.pem("ca");
    submission.ca_chain = certificates.pem("chain");
    if (c.certificate[0] != '\0') {
      submission.certificate = certificates.pem(c.certificate);
      submission.key = certificates.key(c.certificate);
    }
    submission.content =
        "From: alice@example.org\r\nTo: someone@example.net\r\nSubject: " + NameOf(c) +
        "\r\n\r\nHello\r\n..\r\nBye\r\n";
    return submission;
  }
  static World* world_;
};
World* Clients::world_ = nullptr;

TEST_P(Clients, SubmitAsTheAccountOfTheCertificate) {
  const std::size_t log_before = world_->gateway->Log().size();
  const std::size_t messages_before = world_->upstream.messages().size();
  const Finished finished = SubmitWith(GetParam().program, Make(GetParam()));
  EXPECT_EQ(finished.status, 0) << finished.output << world_->gateway->Log().substr(log_before);
  ASSERT_EQ(world_->upstream.messages().size(), messages_before + 1);
  EXPECT_THAT(world_->upstream.messages().back().content,
              HasSubstr("Subject: " + NameOf(GetParam()) + "\r\n"));
  // The client may be gone before the line is written.
  (void)WaitUntil([&] {
    return world_->gateway->Log().find("<= alice@example.org", log_before) != std::string::npos;
  });
  const std::string log = world_->gateway->Log().substr(log_before);
  EXPECT_THAT(log, HasSubstr("<= alice@example.org"));
  EXPECT_THAT(log, HasSubstr(std::string(" X=TLS") + GetParam().version + ":"));
  EXPECT_THAT(log, HasSubstr(" CV=yes "));
  EXPECT_THAT(log, HasSubstr(" A=tls:alice@example.org "));
  EXPECT_THAT(finished.output, Not(HasSubstr("AUTH ")));
}
INSTANTIATE_TEST_SUITE_P(All, Clients, ::testing::ValuesIn(AllCases()), NameOfCase);

// The same programs without a certificate are told so, in words they show.
class ClientsWithoutCertificate : public Clients {};

std::vector<Case> WithoutCertificate() {
  std::vector<Case> cases;
  for (const Case& c : AllCases()) {
    if (std::string(c.certificate) == "alice" && !c.tls_on_connect) {
      cases.push_back({c.program, c.version, "", false});
    }
  }
  return cases;
}

TEST_P(ClientsWithoutCertificate, AreRefusedWithTheReason) {
  const Finished finished = SubmitWith(GetParam().program, Make(GetParam()));
  EXPECT_NE(finished.status, 0);
  EXPECT_THAT(finished.output, HasSubstr("relaying needs a client certificate"));
}
INSTANTIATE_TEST_SUITE_P(All, ClientsWithoutCertificate, ::testing::ValuesIn(WithoutCertificate()),
                         NameOfCase);

}  // namespace
}  // namespace signet::test
