#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

TEST_F(TransactionTest, HandsTheMessageOnWhileTheClientWaits) {
  ScriptedUpstream up({});
  RouteTo(up.host());
  Deliver({"Subject: x", "", ".", "..two", ".dot", "end"});
  EXPECT_EQ(Said(end), "250 2.0.0 taken");
  EXPECT_EQ(up.commands(),
            (std::vector<std::string>{"EHLO mx.example.org", "MAIL FROM:<alice@example.org>",
                                      "RCPT TO:<bob@example.com>", "DATA", "QUIT"}));
  ASSERT_EQ(up.messages().size(), 1u);
  EXPECT_EQ(up.messages()[0], "Subject: x\r\n\r\n..\r\n...two\r\n..dot\r\nend\r\n");
  ASSERT_EQ(delivered.size(), 1u);
  EXPECT_EQ(delivered[0].recipient.address, "bob@example.com");
  EXPECT_EQ(delivered[0].router, "upstream");
  EXPECT_EQ(delivered[0].transport, "to_mta");
  EXPECT_EQ(delivered[0].upstream.name, "127.0.0.1");
  EXPECT_EQ(delivered[0].upstream.ip, "127.0.0.1");
  EXPECT_EQ(delivered[0].upstream.port, up.port());
  EXPECT_EQ(delivered[0].confirmation, "250 2.0.0 taken");
}

TEST_F(TransactionTest, OpensTheConnectionWithTheFirstRecipient) {
  ScriptedUpstream up({});
  RouteTo(up.host());
  RunInCoroutine([&] {
    Start();
    EXPECT_EQ(up.connections(), 0);
    EXPECT_TRUE(Add("bob").positive());
    EXPECT_EQ(up.connections(), 1);
    EXPECT_TRUE(Add("carol").positive());
    EXPECT_EQ(up.connections(), 1);
    transaction.reset();
    Settle();
  });
}

TEST_F(TransactionTest, ManyLinesArriveInOrder) {
  ScriptedUpstream up({});
  RouteTo(up.host());
  std::vector<std::string> lines;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    lines.push_back("line " + std::to_string(i) + std::string(i % 70, 'x'));
    expected += lines.back() + "\r\n";
  }
  Deliver(lines);
  EXPECT_EQ(end.code, 250);
  ASSERT_EQ(up.messages().size(), 1u);
  EXPECT_TRUE(up.messages()[0] == expected);
}

TEST_F(TransactionTest, EmptySenderAndOddAddresses) {
  policy.session.envelope.sender = policy.session.envelope.sender_local_part =
      policy.session.envelope.sender_domain = "";
  ScriptedUpstream up({});
  RouteTo(up.host());
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("a b").positive());
    EXPECT_EQ(Add("a\r\nDATA").code, 553);
    EXPECT_EQ(Add("a", "x> SIZE=0").code, 553);
    transaction.reset();
    Settle();
  });
  EXPECT_TRUE(up.Heard("MAIL FROM:<>"));
  EXPECT_TRUE(up.Heard("RCPT TO:<\"a b\"@example.com>"));
  EXPECT_FALSE(up.Heard("DATA"));
}

// --- what the upstream offers ------------------------------------------------------------------

TEST_F(TransactionTest, ParametersAreSentWhereOffered) {
  options.declared_size = 1234;
  options.body_8bitmime = true;
  ScriptedUpstream up({});
  RouteTo(up.host());
  Deliver({"\xc3\xa4"});
  EXPECT_EQ(end.code, 250);
  EXPECT_TRUE(up.Heard("MAIL FROM:<alice@example.org> SIZE=1234 BODY=8BITMIME"));
}

TEST_F(TransactionTest, HeloWhereEhloIsUnknown) {
  options.declared_size = 1234;
  Script script;
  script.ehlo = "502 5.5.1 what?\r\n";
  ScriptedUpstream up(script);
  RouteTo(up.host());
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_TRUE(up.Heard("HELO mx.example.org"));
  EXPECT_TRUE(up.Heard("MAIL FROM:<alice@example.org>"));
}

TEST_F(TransactionTest, RuleU7EightBitContentIsNotDowngraded) {
  options.body_8bitmime = true;
  Script script;
  script.ehlo = "250 up\r\n";
  ScriptedUpstream up(script);
  RouteTo(up.host());
  Deliver({"a", "\xc3\xa4"});
  EXPECT_EQ(end.code, 554);
  EXPECT_EQ(end.enhanced, "5.6.3");
  EXPECT_TRUE(up.messages().empty());
}

TEST_F(TransactionTest, DeclaredButPlainContentPasses) {
  options.body_8bitmime = true;
  Script script;
  script.ehlo = "250 up\r\n";
  ScriptedUpstream up(script);
  RouteTo(up.host());
  Deliver({"plain"});
  EXPECT_EQ(end.code, 250);
}

// --- refusals ----------------------------------------------------------------------------------

TEST_F(TransactionTest, RefusalOfARecipientIsPassedOn) {
  Script script;
  script.reply = When("RCPT TO:<bob@", "550 5.1.1 no such user\r\n");
  ScriptedUpstream up(script);
  RouteTo(up.host());
  RunInCoroutine([&] {
    Start();
    Reply reply = Add("bob");
    EXPECT_EQ(Said(reply), "550 5.1.1 no such user");
    EXPECT_NE(reply.log_text.find("R=upstream T=to_mta H=127.0.0.1"), std::string::npos);
    EXPECT_NE(reply.log_text.find("after RCPT TO:<bob@example.com>: 550 5.1.1 no such user"),
              std::string::npos);
    EXPECT_TRUE(Add("carol").positive());
    transaction.reset();
    Settle();
  });
  EXPECT_EQ(up.connections(), 1);
}

TEST_F(TransactionTest, CodesBetweenTheUpstreamAndUsBecomeOrdinaryOnes) {
  struct Case {
    const char *reply, *said;
  };
  for (const Case& c :
       {Case{"421 4.3.2 going down\r\n", "451 4.3.2 going down"},
        Case{"454 4.7.0 tls\r\n", "451 4.7.0 tls"}, Case{"452 4.2.2 full\r\n", "452 4.2.2 full"},
        Case{"530 5.7.0 log in\r\n", "550 5.7.0 log in"},
        Case{"552 5.2.2 full\r\n", "552 5.2.2 full"}, Case{"550\r\n", "550 Upstream refused"}}) {
    Script script;
    script.reply = When("RCPT", c.reply);
    ScriptedUpstream up(script);
    RouteTo(up.host());
    Deliver();
    EXPECT_EQ(Said(rcpt), c.said);
  }
}

TEST_F(TransactionTest, RefusalOfTheSenderIsPassedOn) {
  Script script;
  script.reply = When("MAIL", "553 5.1.8 not you\r\n");
  ScriptedUpstream up(script);
  RouteTo(up.host());
  Deliver();
  EXPECT_EQ(Said(rcpt), "553 5.1.8 not you");
}

TEST_F(TransactionTest, UpstreamThatWillNotTalkIsNotTheClientsFault) {
  for (const char* greeting : {"554 5.3.2 no service\r\n", "220 ok\r\n220 ok\r\n", "hello\r\n"}) {
    Script script;
    script.greeting = greeting;
    ScriptedUpstream up(script);
    RouteTo(up.host());
    Deliver();
    EXPECT_EQ(Said(rcpt), "451 4.4.1 Upstream is not available, please try later") << greeting;
    EXPECT_FALSE(up.Heard("EHLO mx.example.org"));
  }
}

TEST_F(TransactionTest, RefusalOfDataAndOfTheMessageIsPassedOn) {
  Script refuse_data;
  refuse_data.reply = When("DATA", "554 5.5.1 no\r\n");
  ScriptedUpstream first(refuse_data);
  RouteTo(first.host());
  Deliver();
  EXPECT_EQ(Said(data), "554 5.5.1 no");

  Script refuse_message;
  refuse_message.reply = When(".", "550 5.7.1 spam\r\n");
  ScriptedUpstream second(refuse_message);
  RouteTo(second.host());
  Deliver();
  EXPECT_EQ(Said(end), "550 5.7.1 spam");
  EXPECT_TRUE(delivered.empty());
}

// --- several hosts -----------------------------------------------------------------------------

TEST_F(TransactionTest, NextHostIsTriedWhileNobodyIsAccepted) {
  Script busy, mail, recipient;
  busy.greeting = "421 4.3.2 busy\r\n";
  mail.reply = When("MAIL", "451 4.3.0 later\r\n");
  recipient.reply = When("RCPT", "450 4.2.0 later\r\n");
  ScriptedUpstream a(busy), b(mail), c(recipient), good({});
  RouteTo(DeadHost() + ":" + a.host() + ":" + b.host() + ":" + c.host() + ":" + good.host());
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_EQ(good.messages().size(), 1u);
}

TEST_F(TransactionTest, NoHostLeftIsTemporary) {
  Script busy;
  busy.greeting = "421 4.3.2 busy\r\n";
  ScriptedUpstream a(busy);
  RouteTo(DeadHost() + ":" + a.host());
  Deliver();
  EXPECT_EQ(Said(rcpt), "451 4.4.1 Upstream is not available, please try later");
  EXPECT_NE(rcpt.log_text.find("Connection refused"), std::string::npos) << rcpt.log_text;
  EXPECT_NE(rcpt.log_text.find("421 4.3.2 busy"), std::string::npos);
}

TEST_F(TransactionTest, PermanentRefusalEndsTheSearch) {
  Script no;
  no.reply = When("RCPT", "550 5.1.1 no\r\n");
  ScriptedUpstream a(no), b({});
  RouteTo(a.host() + ":" + b.host());
  Deliver();
  EXPECT_EQ(rcpt.code, 550);
  EXPECT_EQ(b.connections(), 0);
}

TEST_F(TransactionTest, RecipientsGoWhereTheFirstWent) {
  Script second_busy;
  second_busy.reply = When("RCPT TO:<carol@", "450 4.2.0 later\r\n");
  ScriptedUpstream a(second_busy), b({});
  RouteTo(a.host() + ":" + b.host());
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("bob").positive());
    EXPECT_EQ(Add("carol").code, 450);
    transaction.reset();
    Settle();
  });
  EXPECT_EQ(b.connections(), 0);
}

TEST_F(TransactionTest, RecipientThatGoesElsewhereIsSentSeparately) {
  ScriptedUpstream a({}), b({});
  policy.Transport("to_mta", TransportDriver::kSmtp);
  policy.Router("r", RouterDriver::kManualroute, "to_mta").route_list =
      policy.Expanded("a.test " + a.host() + " ; * " + b.host());
  CompileRoutes();
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("x", "a.test").positive());
    EXPECT_EQ(Said(Add("x", "b.test")).substr(0, 9), "452 4.5.3");
    EXPECT_TRUE(Add("y", "a.test").positive());
    transaction.reset();
    Settle();
  });
  EXPECT_EQ(b.connections(), 0);
}

// --- hostile and broken upstreams
// -----------------------------------------------------------------

TEST_F(TransactionTest, RuleU1UnclearEndIsTemporaryAndNobodyElseIsTried) {
  for (const std::string& reply : {ScriptedUpstream::kClose, std::string("garbage\r\n"),
                                   std::string("250 ok\r\n250 ok\r\n"), std::string("354 more\r\n"),
                                   std::string("250-ok\r\n550 no\r\n"), std::string("250 ok\n")}) {
    Script script;
    script.reply = When(".", reply);
    if (reply == "250 ok\n") command_timeout = 200ms;
    ScriptedUpstream a(script), b({});
    RouteTo(a.host() + ":" + b.host());
    end = {};
    Deliver();
    EXPECT_EQ(Said(end).substr(0, 9), "451 4.4.2") << reply;
    EXPECT_TRUE(delivered.empty());
    EXPECT_EQ(b.connections(), 0);
  }
}

TEST_F(TransactionTest, RuleR1SilenceEndsAtTheDeadline) {
  command_timeout = 150ms;
  for (const char* command : {"RCPT", "DATA", "."}) {
    Script script;
    script.reply = When(command, ScriptedUpstream::kHang);
    ScriptedUpstream up(script);
    RouteTo(up.host());
    rcpt = data = end = {};
    Deliver();
    const Reply& last = end.code != 0 ? end : data.code != 0 ? data : rcpt;
    EXPECT_EQ(last.code, 451) << command;
    EXPECT_NE(last.log_text.find("timed out"), std::string::npos) << last.log_text;
  }
}

TEST_F(TransactionTest, RuleU4RepliesBeforeTheQuestionEndTheConnection) {
  Script script;
  script.reply = When("MAIL", "250 ok\r\n250 ok\r\n");
  ScriptedUpstream up(script);
  RouteTo(up.host());
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_FALSE(up.Heard("RCPT TO:<bob@example.com>"));
}

TEST_F(TransactionTest, RuleU6OnlyThreeFiveFourLetsDataFlow) {
  for (const char* reply : {"250 ok\r\n", "353 ok\r\n", "220 ok\r\n"}) {
    Script script;
    script.reply = When("DATA", reply);
    ScriptedUpstream up(script);
    RouteTo(up.host());
    data = {};
    Deliver();
    EXPECT_EQ(data.code, 451) << reply;
    EXPECT_TRUE(up.messages().empty());
  }
}

TEST_F(TransactionTest, RuleU6ReplyDuringDataStopsIt) {
  Script script;
  script.during_data = [](int n) { return n == 1 ? "250 2.0.0 taken\r\n" : ""; };
  ScriptedUpstream up(script);
  RouteTo(up.host());
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("bob").positive());
    EXPECT_EQ(transaction->StartData().code, 354);
    // The upstream hears the first line only once enough is buffered; write until it
    // has answered, which WriteLine notices.
    bool flows = true;
    std::string line(900, 'x');
    for (int i = 0; i < 20000 && flows; ++i) flows = transaction->WriteLine(line);
    EXPECT_FALSE(flows);
    EXPECT_EQ(transaction->Finish().code, 451);
    EXPECT_TRUE(transaction->TakeDelivered().empty());
    transaction.reset();
  });
  EXPECT_TRUE(up.messages().empty());
}

TEST_F(TransactionTest, RuleS11DroppedTransactionSendsNoDot) {
  ScriptedUpstream up({});
  RouteTo(up.host());
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("bob").positive());
    EXPECT_EQ(transaction->StartData().code, 354);
    EXPECT_TRUE(transaction->WriteLine("half a message"));
    transaction.reset();
    Settle();
  });
  EXPECT_TRUE(up.messages().empty());
  EXPECT_FALSE(up.Heard("QUIT"));
}

TEST_F(TransactionTest, DataWithoutRecipientsIsRefused) {
  RouteTo(DeadHost());
  RunInCoroutine([&] {
    Start();
    EXPECT_EQ(transaction->StartData().code, 503);
    EXPECT_FALSE(transaction->WriteLine("x"));
    EXPECT_EQ(transaction->Finish().code, 451);
    transaction.reset();
  });
}

TEST(EncodedLineTest, RuleS3NoLineEndPassesThrough) {
  std::string out;
  EXPECT_FALSE(AppendEncodedLine("a\nb", &out));
  EXPECT_FALSE(AppendEncodedLine("a\rb", &out));
  EXPECT_FALSE(AppendEncodedLine(std::string_view("a\0b", 3), &out));
  EXPECT_EQ(out, "");
  EXPECT_TRUE(AppendEncodedLine("", &out));
  EXPECT_TRUE(AppendEncodedLine(".", &out));
  EXPECT_TRUE(AppendEncodedLine("a.b", &out));
  EXPECT_EQ(out, "\r\n..\r\na.b\r\n");
}

// --- Maildirs ----------------------------------------------------------------------------------

class MaildirTransactionTest : public TransactionTest {
 protected:
  MaildirTransactionTest() {
    char path[] = "/tmp/signet_relay_XXXXXX";
    root_ = mkdtemp(path);
  }
  ~MaildirTransactionTest() override { std::filesystem::remove_all(root_); }
  void DeliverTo(const std::string& directory) {
    config::Transport& transport = policy.Transport("local", TransportDriver::kAppendfile);
    transport.maildir_format = true;
    transport.directory = policy.Expanded(root_ + directory);
    policy.Router("users", RouterDriver::kAccept, "local");
    CompileRoutes();
  }
  std::vector<std::string> Files(const std::string& directory) {
    std::vector<std::string> contents;
    std::error_code ignored;
    for (const auto& file : std::filesystem::directory_iterator(root_ + directory, ignored)) {
      std::ifstream in(file.path());
      contents.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return contents;
  }
  std::string root_;
};

TEST_F(MaildirTransactionTest, MessageIsInPlaceBeforeTwoFifty) {
  DeliverTo("/$domain/$local_part");
  Deliver({"Subject: x", "", ".dot", "end"});
  EXPECT_EQ(end.code, 250);
  EXPECT_EQ(Files("/example.com/bob/new"), std::vector<std::string>{"Subject: x\n\n.dot\nend\n"});
  EXPECT_TRUE(Files("/example.com/bob/tmp").empty());
  ASSERT_EQ(delivered.size(), 1u);
  EXPECT_EQ(delivered[0].router + ' ' + delivered[0].transport, "users local");
  EXPECT_FALSE(delivered[0].remote());
}

TEST_F(MaildirTransactionTest, RuleS11DroppedMessageLeavesNothing) {
  DeliverTo("/box");
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("bob").positive());
    EXPECT_EQ(transaction->StartData().code, 354);
    EXPECT_TRUE(transaction->WriteLine(std::string(100000, 'x')));
    EXPECT_EQ(Files("/box/tmp").size(), 1u);
    transaction.reset();
  });
  EXPECT_TRUE(Files("/box/tmp").empty());
  EXPECT_TRUE(Files("/box/new").empty());
}

TEST_F(MaildirTransactionTest, RuleE2UnsafeFileNamesAreRefused) {
  DeliverTo("/mail/$local_part");
  RunInCoroutine([&] {
    for (const char* local : {"..", ".hidden", "a/b", "../../etc", "a b", "a\\b", "a:b"}) {
      Start();
      Reply reply = Add(local);
      EXPECT_EQ(reply.code, 451) << local;
      EXPECT_NE(reply.log_text.find("R=users"), std::string::npos) << reply.log_text;
    }
    for (const char* local : {"a", "a.b", "A_b-c+d", "a..b"}) {
      Start();
      EXPECT_TRUE(Add(local).positive()) << local;
    }
    transaction.reset();
  });
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(MaildirTransactionTest, TwoBoxesAreTwoPlaces) {
  DeliverTo("/$local_part");
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("bob").positive());
    EXPECT_EQ(Add("carol").code, 452);
    transaction.reset();
  });
}

TEST_F(MaildirTransactionTest, TroubleWithTheDirectoryIsTemporary) {
  DeliverTo("/box");
  std::ofstream(root_ + "/box") << "a file";
  Deliver();
  EXPECT_EQ(data.code, 451);
  EXPECT_NE(data.log_text.find("/box"), std::string::npos);
  EXPECT_EQ(data.text.find("/box"), std::string::npos);
}

TEST_F(MaildirTransactionTest, MissingDirectoryIsNotMadeWhereThatIsOff) {
  DeliverTo("/box");
  policy.config.transports[0].create_directory = false;
  Deliver();
  EXPECT_EQ(data.code, 451);
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

}  // namespace
}  // namespace signet::relay
