// signet send, as a workstation, a cron job and a script use it.
#include <gmock/gmock.h>

#include <unistd.h>

#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kHello[] = "Subject: hello\n\nIt works.\n";

class Send : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = new World; }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }

  static std::string Host(int port) { return "host = 127.0.0.1:" + std::to_string(port) + "\n"; }
  // Settings of a client with that certificate; "" brings none.
  static std::string Settings(const std::string& client, int port) {
    const Certificates& certificates = Certificates::Get();
    std::string text = Host(port) + "verify_name = localhost\nca_file = " + certificates.pem("ca") +
                       "\ndomain = example.org\nfrom = alice@example.org\ntimeout = 20s\n";
    if (!client.empty())
      text += "certificate = " + certificates.pem(client) + "\nkey = " + certificates.key(client) +
              "\n";
    return text;
  }
  // In clear, to a mail server that takes anything.
  static std::string Plain(const Upstream& upstream) {
    return Host(upstream.port()) + "tls = none\ndomain = example.org\nfrom = alice@example.org\n";
  }

  Finished RunSend(const std::string& settings, std::vector<std::string> words,
                   const std::string& input = kHello) {
    WriteFile(directory_ / "send.conf", settings);
    std::vector<std::string> all = {SignetProgram(), "send", "-C", directory_ / "send.conf"};
    all.insert(all.end(), words.begin(), words.end());
    Process::Options options;
    options.input = input;
    return test::Run(std::move(all), options);
  }

  static World* world_;
  TempDir directory_;
};
World* Send::world_ = nullptr;

TEST_F(Send, AWorkstationSubmitsWithItsCertificate) {
  for (const int port : {world_->gateway->starttls_port(), world_->gateway->tls_port()}) {
    const std::size_t before = world_->upstream.messages().size();
    std::string settings = Settings("alice", port);
    if (port == world_->gateway->tls_port()) settings += "tls = on-connect\n";
    const Finished done = RunSend(settings, {"someone@example.net", "other@example.net"});
    EXPECT_EQ(done.status, 0) << done.output;
    EXPECT_EQ(done.output, "");
    ASSERT_TRUE(world_->upstream.WaitForMessages(before + 1));
    const Upstream::Message message = world_->upstream.messages().back();
    EXPECT_THAT(message.mail, HasSubstr("MAIL FROM:<alice@example.org>"));
    EXPECT_EQ(message.recipients.size(), 2U);
    EXPECT_THAT(message.content, HasSubstr("Subject: hello\r\n"));
    EXPECT_THAT(message.content, HasSubstr("\r\nFrom: "));
    EXPECT_THAT(message.content, HasSubstr("\r\nDate: "));
    EXPECT_THAT(message.content, HasSubstr("\r\nMessage-ID: <"));
    EXPECT_THAT(message.content, HasSubstr("\r\n\r\nIt works.\r\n"));
    EXPECT_TRUE(world_->gateway->WaitForLog("A=tls:alice@example.org"));
  }
}

TEST_F(Send, WhatTheServerRefusesIsToldInItsWords) {
  const Finished done = RunSend(Settings("alice", world_->gateway->starttls_port()),
                                {"-f", "bob@example.org", "someone@example.net"});
  EXPECT_EQ(done.status, 1);
  EXPECT_THAT(done.output, HasSubstr("signet: nothing was sent: 127.0.0.1:"));
  EXPECT_THAT(done.output, HasSubstr("alice@example.org may not send as bob@example.org"));
  const Finished stranger =
      RunSend(Settings("", world_->gateway->starttls_port()), {"someone@example.net"});
  EXPECT_EQ(stranger.status, 1);
  EXPECT_THAT(stranger.output, HasSubstr("relaying needs a client certificate"));
}

TEST_F(Send, AsSendmailItTakesWhatCronSays) {
  const std::string link = directory_ / "sendmail";
  ASSERT_EQ(symlink(SignetProgram().c_str(), link.c_str()), 0);
  WriteFile(directory_ / "send.conf", Settings("alice", world_->gateway->starttls_port()));
  const std::size_t before = world_->upstream.messages().size();
  Process::Options options;
  options.input =
      "From: root (Cron Daemon)\nTo: someone@example.net\nBcc: hidden@example.net\n"
      "Subject: Cron <root@host> backup\n\n.\nsecond line\n";
  const Finished done = test::Run({link, "-C", directory_ / "send.conf", "-FCronDaemon", "-i",
                                   "-odi", "-oem", "-oi", "-t", "-falice@example.org"},
                                  options);
  EXPECT_EQ(done.status, 0) << done.output;
  ASSERT_TRUE(world_->upstream.WaitForMessages(before + 1));
  const Upstream::Message message = world_->upstream.messages().back();
  EXPECT_THAT(message.recipients,
              ElementsAre(HasSubstr("<someone@example.net>"), HasSubstr("<hidden@example.net>")));
  EXPECT_THAT(message.content, Not(HasSubstr("hidden")));
  EXPECT_THAT(message.content, HasSubstr("\r\n\r\n.\r\nsecond line\r\n"));

  options.input = kHello;
  EXPECT_EQ(
      test::Run({link, "-C", directory_ / "send.conf", "-f", "bob@example.org", "a@example.net"},
                options)
          .status,
      69);
  EXPECT_EQ(test::Run({link, "-C", directory_ / "send.conf", "-bp"}, options).output,
            "Mail queue is empty\n");
  EXPECT_EQ(test::Run({link, "-C", directory_ / "none.conf", "a@example.net"}, options).status, 64);
}

TEST_F(Send, MistakesInSettingsAreToldWithTheirPlace) {
  const Finished done = RunSend("hots = a\n", {"a@example.net"});
  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.output, HasSubstr("send.conf:1:1: error: unknown setting \"hots\"; did you mean "
                                     "\"host\"?"));
  EXPECT_EQ(RunSend("", {"a@example.net"}).status, 2);
  const Finished option = RunSend("host = a\n", {"--recipient", "a@example.net"});
  EXPECT_EQ(option.status, 2);
  EXPECT_THAT(option.output, HasSubstr("unknown option \"--recipient\""));
  const Finished nobody = RunSend("host = 127.0.0.1:1\n", {});
  EXPECT_EQ(nobody.status, 1);
  EXPECT_THAT(nobody.output, HasSubstr("no recipient: name one, or say -t"));
}

TEST_F(Send, AKeyThatCannotBeUsedIsAnErrorOfOurs) {
  const std::string key = directory_ / "open.key";
  WriteFile(key, ReadFile(Certificates::Get().key("alice")));
  ASSERT_EQ(chmod(key.c_str(), 0644), 0);
  std::string settings = Settings("", world_->gateway->starttls_port());
  settings += "certificate = " + Certificates::Get().pem("alice") + "\nkey = ";
  const Finished open = RunSend(settings + key + "\n", {"a@example.net"});
  EXPECT_EQ(open.status, 2) << open.output;
  EXPECT_THAT(open.output, HasSubstr(key));
  const Finished none = RunSend(settings + (directory_ / "none.key") + "\n", {"a@example.net"});
  EXPECT_EQ(none.status, 2) << none.output;
  EXPECT_THAT(none.output, HasSubstr(directory_ / "none.key"));
}

TEST_F(Send, RuleT14NothingIsSentToAServerThatDoesNotVerify) {
  const std::size_t before = world_->upstream.messages().size();
  std::string settings = Settings("alice", world_->gateway->starttls_port());
  const Finished name =
      RunSend(Replace(settings, "= localhost", "= other.example.org"), {"someone@example.net"});
  EXPECT_EQ(name.status, 75) << name.output;
  const Finished authority = RunSend(Replace(settings, Certificates::Get().pem("ca") + "\n",
                                             Certificates::Get().pem("selfsigned") + "\n"),
                                     {"someone@example.net"});
  EXPECT_EQ(authority.status, 75) << authority.output;
  EXPECT_THAT(authority.output, HasSubstr("TLS: "));
  // And to one that has no TLS.
  const Finished clear = RunSend(Replace(settings, std::to_string(world_->gateway->starttls_port()),
                                         std::to_string(world_->upstream.port())),
                                 {"someone@example.net"});
  EXPECT_EQ(clear.status, 1) << clear.output;
  EXPECT_THAT(clear.output, HasSubstr("STARTTLS is not offered"));
  EXPECT_EQ(world_->upstream.messages().size(), before);
}

TEST_F(Send, WhereNobodyListensTheStatusSaysLaterAndTheMessageIsSaved) {
  const std::string mailbox = directory_ / "failed.mbox";
  const Finished done = RunSend(
      Host(FreePort()) + "tls = none\ndomain = example.org\nsave_failed = " + mailbox + "\n",
      {"-f", "alice@example.org", "a@example.net"}, "Subject: x\n\nFrom here on\n");
  EXPECT_EQ(done.status, 75) << done.output;
  EXPECT_THAT(done.output, HasSubstr("Connection refused"));
  EXPECT_THAT(done.output, HasSubstr("the message was saved in " + mailbox));
  EXPECT_THAT(ReadFile(mailbox), ::testing::StartsWith("From alice@example.org "));
  EXPECT_THAT(ReadFile(mailbox), HasSubstr("\nSubject: x\n\n>From here on\n\n"));
}

TEST_F(Send, TheNextHostIsTriedUnlessTheMessageMayHaveArrived) {
  Upstream good;
  const Finished done = RunSend(Host(FreePort()) + Plain(good), {"a@example.net"});
  EXPECT_EQ(done.status, 0) << done.output;
  EXPECT_EQ(good.messages().size(), 1U);

  Upstream busy(
      [](const std::string& line) { return line.starts_with("MAIL") ? "451 4.3.0 busy\r\n" : ""; });
  EXPECT_EQ(RunSend(Plain(busy) + Host(good.port()), {"a@example.net"}).status, 0);
  EXPECT_EQ(good.messages().size(), 2U);

  // Rule U1: whoever was told the end of the message may have it.
  Upstream silent([](const std::string& line) { return line == "." ? "close" : ""; });
  const Finished unclear = RunSend(Plain(silent) + Host(good.port()), {"a@example.net"});
  EXPECT_EQ(unclear.status, 75);
  EXPECT_THAT(unclear.output, HasSubstr("nobody can say whether it has the message"));
  EXPECT_EQ(good.messages().size(), 2U);
}

TEST_F(Send, WhereOneRecipientIsRefusedNobodyGetsTheMessage) {
  Upstream upstream([](const std::string& line) {
    return line.find("<bad@") != line.npos ? "550 5.1.1 no such user\r\n" : "";
  });
  const Finished done = RunSend(Plain(upstream), {"a@example.net", "bad@example.net"});
  EXPECT_EQ(done.status, 1);
  EXPECT_THAT(done.output,
              HasSubstr("RCPT TO:<bad@example.net> was answered 550 5.1.1 no such user"));
  EXPECT_TRUE(upstream.messages().empty());
}

TEST_F(Send, ItTriesAgainAsLongAsItWasTold) {
  Upstream upstream;
  upstream.Close();
  WriteFile(directory_ / "send.conf", Plain(upstream) + "retry_for = 1m\n");
  Process::Options options;
  options.input = kHello;
  Process send({SignetProgram(), "send", "-v", "-C", directory_ / "send.conf", "a@example.net"},
               options);
  ASSERT_TRUE(send.WaitForOutput("Connection refused"));
  upstream.Listen();
  EXPECT_EQ(send.Wait(), 0) << send.Output();
  EXPECT_EQ(upstream.messages().size(), 1U);
}

TEST_F(Send, WhatServersNeedNotTakeIsEncoded) {
  Upstream upstream;
  const std::string longest(998, 'x');
  ASSERT_EQ(RunSend(Plain(upstream), {"a@example.net"}, "Subject: x\n\n" + longest + "\n").status,
            0);
  EXPECT_THAT(upstream.messages().back().content, HasSubstr("\r\n" + longest + "\r\n"));
  ASSERT_EQ(RunSend(Plain(upstream), {"a@example.net"}, "Subject: x\n\n" + longest + "y\n").status,
            0);
  EXPECT_THAT(upstream.messages().back().content,
              HasSubstr("Content-Transfer-Encoding: quoted-printable\r\n"));
  const Finished parts = RunSend(Plain(upstream), {"a@example.net"},
                                 "Content-Type: multipart/mixed; boundary=a\n\n" + longest + "y\n");
  EXPECT_EQ(parts.status, 1);
  EXPECT_THAT(parts.output, HasSubstr("is in parts or encoded already"));
}

}  // namespace
}  // namespace signet::test
