// What happens to mail and identities while something around the gateway, or the gateway itself,
// breaks under load. Each test is a row of doc/faults.md, where the outcome is written down.
//
// Cases wait more than they work, so that this program runs several of them at a time, each in
// a process of its own (GoogleTest's shards). SIGNET_FAULTS=N makes each fault last N times as
// long.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gnutls/gnutls.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <set>

#include "test/support/fake_directory.h"
#include "test/support/fault_world.h"
#include "test/support/lying_upstream.h"
#include "test/support/postfix.h"
#include "test/support/redis.h"
#include "test/support/silent_resolver.h"
#include "test/support/slapd.h"
#include "test/support/tiny_disk.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Bounds for a machine that does other things as well. Whoever waits for what is broken waits
// for five or ten seconds and there are many of them: who has to wait with them shows here.
constexpr double kPromptSeconds = 3, kPatientSeconds = 12;
constexpr seconds kRecovery{20};

// A program with sanitizers wants to be the first to see a signal, a library and much memory.
bool Sanitized() {
  const char* variant = std::getenv("SIGNET_VARIANT");
  return variant != nullptr && (std::string(variant) == "asan" || std::string(variant) == "tsan");
}
#define SKIP_WITH_SANITIZERS() \
  if (Sanitized()) GTEST_SKIP() << "NOT TESTED: sanitizers do not let this happen"

int Times() {
  const char* text = std::getenv("SIGNET_FAULTS");
  return std::max(1, text != nullptr ? std::atoi(text) : 1);
}

// Sessions that were authenticated before anything happened, some on each worker.
class Established {
 public:
  explicit Established(const FaultWorld& world, const std::string& name = "alice") : name_(name) {
    for (int i = 0; i < 6; ++i) clients_.push_back(world.Client(name));
  }
  // Each is still there and still who it was.
  void ExpectServed() {
    for (SmtpClient& client : clients_) {
      const auto begun = Load::Now();
      EXPECT_THAT(client.Say(std::string("MAIL FROM:<") + Load::kWhoAmI + ">"),
                  HasSubstr("identity=[" + name_ + "@example.org]"));
      EXPECT_THAT(client.Say("MAIL FROM:<established@example.org>"), StartsWith("250"));
      EXPECT_THAT(client.Say("RCPT TO:<x@net.example>"), StartsWith("250"));
      EXPECT_THAT(client.Say("RSET"), StartsWith("250"));
      const std::chrono::duration<double> took = Load::Now() - begun;
      EXPECT_LT(took.count(), kPatientSeconds);
    }
  }

 private:
  std::string name_;
  std::vector<SmtpClient> clients_;
};

// All is as without any fault for this kind of visitor.
void ExpectServed(const Load& load, const std::string& kind, Load::Moment since,
                  const std::string& route = "") {
  EXPECT_TRUE(load.WaitForSessions(kind, since, 1, route)) << kind;
  const Tally tally = load.Of(kind, since, route);
  EXPECT_EQ(tally.connected, tally.sessions) << kind << ": " << tally.Text();
  EXPECT_EQ(tally.broken + tally.deferred + tally.denied, 0) << kind << ": " << tally.Text();
  const bool may_send = kind == "directory" || kind == "device";
  EXPECT_EQ(tally.accepted > 0, may_send) << kind << ": " << tally.Text();
  EXPECT_EQ(tally.refused > 0, !may_send) << kind << ": " << tally.Text();
  // On a machine that is slow with everything, that is what counts.
  const double before = load.Of(kind, {}, route, since).usual_seconds;
  EXPECT_LT(tally.usual_seconds, std::max(kPromptSeconds, 4 * before))
      << kind << ": " << tally.Text();
  EXPECT_LT(tally.slowest_seconds, kPatientSeconds) << kind << ": " << tally.Text();
}

// What no fault may have done, and that it is over. To be called at the end of each case.
void ExpectWellAgain(FaultWorld* world, int descriptors,
                     FaultWorld::Lived lived = FaultWorld::Lived::kYes) {
  EXPECT_EQ(world->load().WaitUntilWell(kRecovery), "") << world->load().Of("", {}).Text();
  EXPECT_EQ(world->Judge(lived), "");
  int open = 0;
  EXPECT_TRUE(WaitUntil([&] { return (open = world->Descriptors()) <= descriptors; }, seconds(15)))
      << open << " descriptors, were " << descriptors;
  const FaultWorld::Counts& counts = world->counts();
  std::cout << counts.offered << " messages offered, " << counts.acknowledged << " got 250, "
            << counts.lost << " of them lost, " << counts.duplicates << " there twice, "
            << counts.unacknowledged << " there without 250; " << counts.identities
            << " identities in the log" << std::endl;
}

// What it has open with all that it needs and some of what comes and goes.
int DescriptorsOf(const FaultWorld& world) { return world.Descriptors() + 8; }

// --- the directory ---------------------------------------------------------------------------

FaultWorld::Options WithDirectory(int port) {
  FaultWorld::Options options;
  options.ldap_servers = "127.0.0.1::" + std::to_string(port);
  return options;
}

// Those who need the directory heard "later", and nothing else.
void ExpectDeferred(const Load& load, Load::Moment since) {
  for (const char* kind : {"directory", "unknown"}) {
    const Tally tally = load.Of(kind, since);
    EXPECT_GT(tally.deferred, 0) << kind << ": " << tally.Text();
    EXPECT_EQ(tally.accepted + tally.refused + tally.denied + tally.broken, 0)
        << kind << ": " << tally.Text();
  }
}

void ExpectOthersServed(const Load& load, Load::Moment since) {
  for (const char* kind : {"device", "nobody"}) ExpectServed(load, kind, since);
}

// Until so many who need the directory have come and gone.
void AwaitTheConcerned(const Load& load, Load::Moment since, int sessions = 6) {
  EXPECT_TRUE(load.WaitForSessions("directory", since, sessions * Times()));
  EXPECT_TRUE(load.WaitForSessions("unknown", since, Times()));
  // Enough of them that one who waits with the others shows.
  EXPECT_TRUE(load.WaitForSessions("device", since, 10 * Times()));
  EXPECT_TRUE(load.WaitForSessions("nobody", since, Times()));
}

TEST(Faults, TheDirectoryIsStopped) {
  Slapd slapd;
  FaultWorld world(WithDirectory(slapd.port()));
  Established established(world);
  const int descriptors = DescriptorsOf(world);
  slapd.Stop();
  const auto since = Load::Now();
  established.ExpectServed();
  AwaitTheConcerned(world.load(), since, 3);
  ExpectDeferred(world.load(), since);
  ExpectOthersServed(world.load(), since);
  established.ExpectServed();
  slapd.Continue();
  EXPECT_TRUE(world.WaitForLog(" is gone: "));
  ExpectWellAgain(&world, descriptors);
}

TEST(Faults, TheDirectoryIsKilled) {
  Slapd slapd;
  FaultWorld world(WithDirectory(slapd.port()));
  Established established(world);
  const int descriptors = DescriptorsOf(world);
  slapd.Kill();
  const auto since = Load::Now();
  AwaitTheConcerned(world.load(), since);
  ExpectDeferred(world.load(), since);
  ExpectOthersServed(world.load(), since);
  established.ExpectServed();
  slapd.Start();
  EXPECT_TRUE(world.WaitForLog("Connection refused"));
  ExpectWellAgain(&world, descriptors);
}

// Who asks at the wrong moment hears "later", never "no".
TEST(Faults, TheDirectoryIsRestartedAgainAndAgain) {
  Slapd slapd;
  FaultWorld world(WithDirectory(slapd.port()));
  Established established(world);
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  for (int i = 0; i < 4 * Times(); ++i) {
    slapd.Kill();
    std::this_thread::sleep_for(milliseconds(100));
    slapd.Start();
    std::this_thread::sleep_for(milliseconds(400));
  }
  for (const char* kind : {"directory", "unknown"}) {
    const Tally tally = world.load().Of(kind, since);
    EXPECT_EQ(tally.denied + tally.broken, 0) << tally.Text();
  }
  EXPECT_EQ(world.load().Of("directory", since).refused, 0);
  ExpectOthersServed(world.load(), since);
  established.ExpectServed();
  ExpectWellAgain(&world, descriptors);
}

// --- a directory that lies -------------------------------------------------------------------

enum class Lie : int {
  kNone,
  kSlow,
  kNoise,
  kHugeLength,
  kNested,
  kTruncated,
  kWrongId,
  kSwappedIds,
  kNotices,
  kDisconnection,
  kReferral,
  kReferences,
  kWrongEntry,
  kTwoEntries,
  kEndless,
  kCloses,
  kClosesHalfWay,
  kRefusesBinds,
};

// Knows alice and bob, and tells the truth until it is told to lie.
class Liar {
 public:
  Liar() : directory_([this](const FakeDirectory::Request& r) { return Answer(r); }) {}
  int port() const { return directory_.port(); }
  void Tell(Lie lie) { lie_ = lie; }
  int told() const { return told_; }

 private:
  using Request = FakeDirectory::Request;
  using Reaction = FakeDirectory::Reaction;
  static constexpr const char* kRest = ",ou=users,dc=example,dc=org";

  static std::string NameOf(const Request& request) {
    const std::string base = request.base.substr(0, request.base.find(','));
    return base.substr(base.find('=') + 1);
  }
  static std::string Entry(int id, const std::string& name) {
    return FakeDirectory::SearchEntry(id, "mailname=" + name + kRest, "mailname", {name});
  }
  static std::string Truth(int id, const std::string& name) {
    if (name != "alice@example.org" && name != "bob@example.org")
      return FakeDirectory::SearchDone(id, 32);
    return Entry(id, name) + FakeDirectory::SearchDone(id);
  }
  static std::string Repeated(const std::string& text, int times) {
    std::string all;
    while (times-- > 0) all += text;
    return all;
  }

  Reaction Answer(const Request& request) {
    const int id = request.id;
    const Lie lie = lie_;
    if (request.operation == 0x60)
      return FakeDirectory::Say(
          FakeDirectory::BindResponse(id, lie == Lie::kRefusesBinds ? 53 : 0));
    if (request.operation != 0x63) return FakeDirectory::Hang();
    const std::string name = NameOf(request), truth = Truth(id, name);
    told_ += lie != Lie::kNone;
    switch (lie) {
      case Lie::kSlow:
        return {truth, false, 500, ""};
      case Lie::kNoise:
        return FakeDirectory::Say("\x30\x84\xff\xff\xff\xff this is no LDAP at all\r\n");
      case Lie::kHugeLength:
        return FakeDirectory::Say(std::string("\x30\x84\x7f\xff\xff\xf0\x02\x01\x01\x64", 10));
      case Lie::kNested:
        return FakeDirectory::Say(Repeated(std::string("\x30\x80", 2), 20'000));
      case Lie::kTruncated:
        return FakeDirectory::Say(truth.substr(0, truth.size() / 2));
      case Lie::kWrongId:
        return FakeDirectory::Say(Truth(id + 1000, "alice@example.org"));
      case Lie::kSwappedIds:
        return Swapped(request, name);
      case Lie::kNotices:
        return FakeDirectory::Say(Repeated(FakeDirectory::Notice("1.3.6.1.4.1.1.2.3"), 50) + truth);
      case Lie::kDisconnection:
        return FakeDirectory::Close(FakeDirectory::Notice("1.3.6.1.4.1.1466.20036"));
      case Lie::kReferral:
        return FakeDirectory::Say(FakeDirectory::SearchDone(id, 10));
      case Lie::kReferences:
        return FakeDirectory::Say(
            Repeated(FakeDirectory::SearchReference(
                         id, "ldap://127.0.0.1:" + std::to_string(port()) + "/" + request.base),
                     200) +
            FakeDirectory::SearchDone(id));
      case Lie::kWrongEntry:
        return FakeDirectory::Say(
            Truth(id, name == "alice@example.org" ? "bob@example.org" : "alice@example.org"));
      case Lie::kTwoEntries:
        return FakeDirectory::Say(Entry(id, name) + Entry(id, name + ".example") +
                                  FakeDirectory::SearchDone(id));
      case Lie::kEndless:
        return {"", false, 0, Entry(id, name)};
      case Lie::kCloses:
        return FakeDirectory::Close();
      case Lie::kClosesHalfWay:
        return FakeDirectory::Close(truth.substr(0, truth.size() - 3));
      case Lie::kNone:
      case Lie::kRefusesBinds:
        break;
    }
    return FakeDirectory::Say(truth);
  }

  // Two questions of one connection get each other's answers.
  Reaction Swapped(const Request& request, const std::string& name) {
    if (waiting_.connection != request.connection) {
      waiting_ = request;
      return FakeDirectory::Hang();
    }
    const Request first = std::exchange(waiting_, Request());
    return FakeDirectory::Say(Truth(first.id, name) + Truth(request.id, NameOf(first)));
  }

  std::atomic<Lie> lie_{Lie::kNone};
  std::atomic<int> told_{0};
  Request waiting_;  // in the directory's thread only
  FakeDirectory directory_;
};

// kUnsure: whatever they are told, nobody is taken for somebody else.
enum class Outcome { kDeferred, kServed, kDenied, kUnsure };

// A lie is told for a while, then the truth.
void LieAndJudge(Lie lie, Outcome outcome, const std::string& in_log) {
  Liar liar;
  FaultWorld world(WithDirectory(liar.port()));
  Established established(world);
  const int descriptors = DescriptorsOf(world);
  liar.Tell(lie);
  // What has been asked before is answered as it was.
  std::this_thread::sleep_for(milliseconds(200));
  const auto since = Load::Now();
  AwaitTheConcerned(world.load(), since, 4);
  const Load& load = world.load();
  if (outcome == Outcome::kDeferred) ExpectDeferred(load, since);
  if (outcome == Outcome::kServed) {
    ExpectServed(load, "directory", since);
    ExpectServed(load, "unknown", since);
  }
  if (outcome == Outcome::kDenied) {
    const Tally tally = load.Of("directory", since);
    EXPECT_EQ(tally.accepted + tally.deferred + tally.broken, 0) << tally.Text();
    EXPECT_GT(tally.refused, 0) << tally.Text();
  }
  ExpectOthersServed(load, since);
  established.ExpectServed();
  EXPECT_GT(liar.told(), 0);
  liar.Tell(Lie::kNone);
  EXPECT_TRUE(world.WaitForLog(in_log)) << in_log << "\n" << world.Log();
  ExpectWellAgain(&world, descriptors);
}

TEST(Faults, TheDirectoryIsSlow) { LieAndJudge(Lie::kSlow, Outcome::kServed, ""); }
TEST(Faults, TheDirectoryAnswersNoise) {
  LieAndJudge(Lie::kNoise, Outcome::kDeferred, "is not LDAP, or too large");
}
TEST(Faults, TheDirectoryAnnouncesTwoGigabytes) {
  LieAndJudge(Lie::kHugeLength, Outcome::kDeferred, "is not LDAP, or too large");
}
TEST(Faults, TheDirectoryAnswersNestedForEver) {
  LieAndJudge(Lie::kNested, Outcome::kDeferred, "is not LDAP, or too large");
}
TEST(Faults, TheDirectoryAnswersHalf) {
  LieAndJudge(Lie::kTruncated, Outcome::kDeferred, "is not LDAP, or too large");
}
TEST(Faults, TheDirectoryAnswersQuestionsThatNobodyAsked) {
  LieAndJudge(Lie::kWrongId, Outcome::kDeferred, "ldap_result timed out");
}
TEST(Faults, TheDirectorySwapsAnswers) { LieAndJudge(Lie::kSwappedIds, Outcome::kUnsure, ""); }
TEST(Faults, TheDirectorySendsNoticesThatNobodyKnows) {
  LieAndJudge(Lie::kNotices, Outcome::kDeferred, "the server ends the connection");
}
TEST(Faults, TheDirectorySaysThatItDisconnects) {
  LieAndJudge(Lie::kDisconnection, Outcome::kDeferred, "the server ends the connection");
}
TEST(Faults, TheDirectoryRefersWithoutAPlace) {
  LieAndJudge(Lie::kReferral, Outcome::kDeferred, "the server refers to others");
}
TEST(Faults, TheDirectoryRefersToItself) {
  LieAndJudge(Lie::kReferences, Outcome::kDeferred, "the server refers to others");
}
TEST(Faults, TheDirectoryAnswersWithSomebodyElse) {
  LieAndJudge(Lie::kWrongEntry, Outcome::kDenied, "");
}
TEST(Faults, TheDirectoryAnswersWithTwo) {
  LieAndJudge(Lie::kTwoEntries, Outcome::kDeferred, "more than one entry (2)");
}
TEST(Faults, TheDirectoryAnswersWithoutEnd) {
  LieAndJudge(Lie::kEndless, Outcome::kDeferred, "the answer is over");
}
TEST(Faults, TheDirectoryHangsUpOnEachQuestion) {
  LieAndJudge(Lie::kCloses, Outcome::kDeferred, "connection closed");
}
TEST(Faults, TheDirectoryHangsUpInTheMiddleOfAnAnswer) {
  LieAndJudge(Lie::kClosesHalfWay, Outcome::kDeferred, "connection closed");
}

// --- the server behind -----------------------------------------------------------------------

using Step = LyingUpstream::Step;
using UpstreamLie = LyingUpstream::Lie;
constexpr Step kSteps[] = {Step::kGreeting, Step::kEhlo, Step::kMail, Step::kRcpt,
                           Step::kData,     Step::kBody, Step::kDot};

// One of its servers behind is broken: those who send there hear "later", and only they.
class BehindIsBroken {
 public:
  // Each message has a connection of its own, unless `transport` says otherwise.
  explicit BehindIsBroken(const std::string& transport = "  connection_idle_timeout = 0s\n")
      : world_([&] {
          FaultWorld::Options options;
          options.faulty_port = liar_.port();
          options.faulty_messages = [this] { return liar_.messages(); };
          options.transport = transport;
          return options;
        }()),
        established_(world_, "device-1"),
        descriptors_(DescriptorsOf(world_)) {}

  // Tells `lie` at this step and the truth at the others, until some have met with it.
  void LieAt(Step step, const UpstreamLie& lie) {
    Lie([step, lie](Step at) { return at == step ? lie : LyingUpstream::Truth(); });
  }
  void Lie(const LyingUpstream::Script& script, int sessions = 2) {
    liar_.Tell(script);
    const int told = liar_.told();
    // Those who were in the middle of something may still get through.
    EXPECT_TRUE(WaitUntil([&] { return liar_.told() > told + 1; })) << "nobody came";
    const auto since = Load::Now();
    EXPECT_TRUE(world_.load().WaitForSessions("device", since, sessions * Times(), "faulty"));
    const Tally tally = world_.load().Of("device", since, "faulty");
    EXPECT_GT(tally.deferred, 0) << tally.Text();
    EXPECT_EQ(tally.accepted + tally.refused + tally.broken + tally.denied, 0) << tally.Text();
  }
  void TellTheTruth() { liar_.Tell(nullptr); }

  void ExpectOthersServedAndWellAgain(const std::string& in_log) {
    for (const char* route : {"net", "box"}) ExpectServed(world_.load(), "device", begun_, route);
    ExpectServed(world_.load(), "nobody", begun_);
    established_.ExpectServed();
    TellTheTruth();
    EXPECT_TRUE(world_.WaitForLog(in_log)) << in_log << "\n" << world_.Log();
    ExpectWellAgain(&world_, descriptors_);
  }
  FaultWorld& world() { return world_; }
  LyingUpstream& liar() { return liar_; }

 private:
  LyingUpstream liar_;
  FaultWorld world_;
  Established established_;
  int descriptors_;
  Load::Moment begun_ = Load::Now();
};

UpstreamLie Say(std::string text) {
  UpstreamLie lie;
  lie.send = std::move(text);
  return lie;
}
UpstreamLie SayAndClose(std::string text) {
  UpstreamLie lie = Say(std::move(text));
  lie.close = true;
  return lie;
}
UpstreamLie SayNothing(int ms) {
  UpstreamLie lie;
  lie.wait_ms = ms;
  lie.close = true;
  return lie;
}

TEST(Faults, TheServerBehindHangsUpAtEachStep) {
  BehindIsBroken behind;
  for (const Step step : kSteps) behind.LieAt(step, SayAndClose(""));
  // It has the message, and nobody hears of that: the client comes again.
  UpstreamLie kept = SayAndClose("");
  kept.keep = true;
  behind.LieAt(Step::kDot, kept);
  behind.ExpectOthersServedAndWellAgain("after end of data: connection closed");
}

TEST(Faults, TheServerBehindTalksNoise) {
  BehindIsBroken behind;
  for (const Step step : kSteps)
    behind.LieAt(step, Say(std::string("\0\xff\x80 noise \x1b[31m\r\n", 18)));
  behind.ExpectOthersServedAndWellAgain("unusable reply: no reply code in");
}

TEST(Faults, TheServerBehindGivesCodesThatMeanSomethingElse) {
  BehindIsBroken behind;
  behind.LieAt(Step::kGreeting, Say("354 go on\r\n"));
  behind.LieAt(Step::kEhlo, Say("354 go on\r\n"));
  behind.LieAt(Step::kMail, Say("354 go on\r\n"));
  behind.LieAt(Step::kRcpt, Say("354 go on\r\n"));
  behind.LieAt(Step::kData, Say("250 2.0.0 taken\r\n"));
  behind.LieAt(Step::kDot, Say("354 go on\r\n"));
  behind.LieAt(Step::kDot, Say("150 wait\r\n"));
  behind.LieAt(Step::kDot, Say("999 what\r\n"));
  behind.LieAt(Step::kDot, Say("250-2.0.0 one thing\r\n550 5.0.0 and another\r\n"));
  behind.ExpectOthersServedAndWellAgain("unexpected reply to DATA: 250");
}

// What comes before it was asked for is no answer to what is asked then (rule U4).
TEST(Faults, TheServerBehindAnswersBeforeItIsAsked) {
  BehindIsBroken behind;
  const std::string yes = "250 2.0.0 ok\r\n";
  behind.LieAt(Step::kGreeting, Say("220 hi\r\n" + yes + yes + yes + "354 go\r\n" + yes));
  behind.LieAt(Step::kEhlo, Say(yes + yes + yes + "354 go\r\n" + yes));
  behind.LieAt(Step::kData, Say("354 go\r\n" + yes));
  // Of a short message the end has been sent by then, and this is taken for the answer to it.
  behind.liar().Tell([&](Step at) {
    UpstreamLie lie = LyingUpstream::Truth();
    if (at == Step::kBody) lie = Say(yes);
    return lie;
  });
  const int told = behind.liar().told();
  EXPECT_TRUE(WaitUntil([&] { return behind.liar().told() > told + 8; }));
  behind.ExpectOthersServedAndWellAgain("unusable reply: more than one reply");
}

// A reply that belongs to nothing lies there when the next session gets this connection.
TEST(Faults, TheServerBehindAnswersWhatNobodyAsked) {
  BehindIsBroken behind("  connection_idle_timeout = 5s\n");
  UpstreamLie twice = Say("250 2.0.0 taken\r\n250 2.0.0 taken\r\n");
  behind.liar().Tell([&](Step at) { return at == Step::kRcpt ? twice : LyingUpstream::Truth(); });
  EXPECT_TRUE(WaitUntil([&] { return behind.liar().told() > 10; }));
  behind.TellTheTruth();
  twice.keep = true;
  behind.liar().Tell([&](Step at) { return at == Step::kDot ? twice : LyingUpstream::Truth(); });
  EXPECT_TRUE(WaitUntil([&] { return behind.liar().told() > 20; }));
  behind.ExpectOthersServedAndWellAgain("unusable reply: more than one reply");
}

TEST(Faults, TheServerBehindSays421) {
  BehindIsBroken behind;
  for (const Step step : kSteps) behind.LieAt(step, SayAndClose("421 4.3.2 going down\r\n"));
  behind.ExpectOthersServedAndWellAgain("421 4.3.2 going down");
}

TEST(Faults, TheServerBehindStopsInTheMiddleOfALine) {
  BehindIsBroken behind;
  for (const Step step : {Step::kGreeting, Step::kDot}) {
    UpstreamLie half = Say("25");
    half.hold_ms = 20'000;
    behind.LieAt(step, half);
    behind.LieAt(step, SayAndClose("250 2.0.0 tak"));
    behind.LieAt(step, SayAndClose("250-2.0.0 tak\r\n"));
  }
  behind.ExpectOthersServedAndWellAgain("after end of data: timed out");
}

TEST(Faults, TheServerBehindIsSilentAtSomeStep) {
  BehindIsBroken behind;
  for (const Step step : {Step::kGreeting, Step::kRcpt, Step::kDot})
    behind.LieAt(step, SayNothing(20'000));
  behind.ExpectOthersServedAndWellAgain("after end of data: timed out");
}

TEST(Faults, TheServerBehindTalksWithoutEnd) {
  BehindIsBroken behind;
  for (const Step step : {Step::kGreeting, Step::kEhlo, Step::kDot}) {
    UpstreamLie line = Say(std::string(1000, 'x'));
    line.endless = true;
    behind.LieAt(step, line);
    UpstreamLie lines = Say("250-and so on\r\n");
    lines.endless = true;
    behind.LieAt(step, lines);
  }
  behind.ExpectOthersServedAndWellAgain("unusable reply: too many lines");
}

TEST(Faults, TheServerBehindIsSlow) {
  BehindIsBroken behind;
  UpstreamLie late = LyingUpstream::Truth();
  late.wait_ms = 300;
  behind.liar().Tell([late](Step) { return late; });
  const auto since = Load::Now();
  EXPECT_TRUE(behind.world().load().WaitForSessions("device", since, 2 * Times(), "faulty"));
  const Tally tally = behind.world().load().Of("device", since, "faulty");
  EXPECT_GT(tally.accepted, 0) << tally.Text();
  EXPECT_EQ(tally.deferred + tally.refused + tally.broken, 0) << tally.Text();
  behind.ExpectOthersServedAndWellAgain("");
}

// The server that everybody's mail goes to. Messages to the Maildir do not need it.
TEST(Faults, TheServerBehindIsStopped) {
  FaultWorld world({});
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  world.sink().Signal(SIGSTOP);
  std::this_thread::sleep_for(milliseconds(50));
  const auto since = Load::Now();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, 3 * Times(), "net"));
  const Tally tally = world.load().Of("device", since, "net");
  EXPECT_GT(tally.deferred, 0) << tally.Text();
  EXPECT_EQ(tally.accepted + tally.refused + tally.broken, 0) << tally.Text();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, Times(), "box"));
  ExpectServed(world.load(), "device", since, "box");
  ExpectServed(world.load(), "nobody", since);
  world.sink().Signal(SIGCONT);
  established.ExpectServed();
  ExpectWellAgain(&world, descriptors);
}

TEST(Faults, TheServerBehindIsKilledAgainAndAgain) {
  FaultWorld world({});
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  for (int i = 0; i < 5 * Times(); ++i) {
    world.sink().Signal(SIGKILL);
    std::this_thread::sleep_for(milliseconds(50));
    world.StartSink();
    std::this_thread::sleep_for(milliseconds(250));
  }
  const Tally tally = world.load().Of("device", since, "net");
  EXPECT_EQ(tally.refused + tally.broken, 0) << tally.Text();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, Times(), "box"));
  ExpectServed(world.load(), "device", since, "box");
  ExpectServed(world.load(), "nobody", since);
  established.ExpectServed();
  ExpectWellAgain(&world, descriptors);
}

// What Postfix has said "250" to is in its queue, and comes out of it after a restart.
TEST(Faults, PostfixBehindIsStoppedAndKilled) {
  PostfixPeer postfix({.main = "virtual_mailbox_domains = faulty.example\n"});
  FaultWorld::Options options;
  options.faulty_port = postfix.port();
  options.faulty_messages = [&] {
    std::vector<std::string> messages = postfix.Messages();
    for (std::string& message : messages) message = Replace(message, "\n", "\r\n");
    return messages;
  };
  FaultWorld world(options);
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  postfix.Freeze();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, 2 * Times(), "faulty"));
  postfix.Thaw();
  EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  for (int i = 0; i < 2 * Times(); ++i) {
    postfix.Kill();
    const auto gone = Load::Now();
    EXPECT_TRUE(world.load().WaitForSessions("device", gone, 1, "faulty"));
    postfix.StartAgain();
    EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  }
  const Tally tally = world.load().Of("device", since, "faulty");
  EXPECT_GT(tally.deferred, 0) << tally.Text();
  EXPECT_EQ(tally.refused + tally.broken, 0) << tally.Text();
  for (const char* route : {"net", "box"}) ExpectServed(world.load(), "device", since, route);
  ExpectServed(world.load(), "nobody", since);
  ExpectWellAgain(&world, descriptors);
}

// --- what the system gives -------------------------------------------------------------------

#define SKIP_WITHOUT_DISKS() \
  if (!TinyDisk::Possible()) \
  GTEST_SKIP() << "NOT TESTED: a file system of its own needs root and the right to mount"

void ExpectAllServed(const Load& load, Load::Moment since) {
  for (const char* route : {"net", "box"}) ExpectServed(load, "device", since, route);
  ExpectServed(load, "nobody", since);
}

TEST(Faults, TheDiskOfTheLogIsFull) {
  SKIP_WITHOUT_DISKS();
  TinyDisk disk(256);
  FaultWorld::Options options;
  options.log_path = disk / "%slog";
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  disk.Fill();
  const auto since = Load::Now();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, 10 * Times()));
  ExpectAllServed(world.load(), since);
  established.ExpectServed();
  EXPECT_TRUE(world.WaitForLog("log lines are being lost"));
  EXPECT_TRUE(world.WaitForLog("No space left on device"));
  disk.Empty();
  EXPECT_TRUE(world.WaitForLog("log lines were lost"));
  ExpectWellAgain(&world, descriptors);
}

TEST(Faults, TheLogCannotBeWritten) {
  FaultWorld::Options options;
  TempDir place;
  const std::string log = place / "log";
  std::filesystem::create_directory(log);
  options.log_path = log + "/%slog";
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  // In its place is something that no file can be made in, whoever one is.
  std::filesystem::rename(log, place / "away");
  WriteFile(log, "");
  const auto since = Load::Now();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, 10 * Times()));
  ExpectAllServed(world.load(), since);
  established.ExpectServed();
  EXPECT_TRUE(world.WaitForLog("log lines are being lost"));
  std::filesystem::remove(log);
  std::filesystem::rename(place / "away", log);
  EXPECT_TRUE(world.WaitForLog("log lines were lost"));
  ExpectWellAgain(&world, descriptors);
}

// What does not fit is deferred, and everything else goes on.
void ExpectOnlyDeferred(const FaultWorld& world, const std::string& route, Load::Moment since,
                        const std::string& reply, const TinyDisk* disk = nullptr) {
  Tally tally;
  EXPECT_TRUE(WaitUntil(
      [&] {
        // What was under way when it was filled has left room.
        if (disk != nullptr) disk->Fill();
        return (tally = world.load().Of("device", since, route)).deferred >= 2 * Times();
      },
      seconds(60)));
  EXPECT_EQ(tally.refused + tally.broken, 0) << tally.Text();
  EXPECT_EQ(tally.replies[reply], tally.deferred) << tally.Text();
  if (!route.empty()) ExpectServed(world.load(), "device", since, "net");
  ExpectServed(world.load(), "nobody", since);
}

TEST(Faults, TheDiskOfHeldMessagesIsFull) {
  SKIP_WITHOUT_DISKS();
  TinyDisk disk(4096);
  FaultWorld::Options options;
  options.main_options = "acl_smtp_data = hold\nhold_directory = " + disk.path();
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  disk.Fill();
  const auto since = Load::Now();
  ExpectOnlyDeferred(world, "", since, "452 4.3.1", &disk);
  // Those of less than 64 KiB need no disk.
  EXPECT_GT(world.load().Of("device", since).accepted, 0);
  established.ExpectServed();
  EXPECT_TRUE(world.WaitForLog("No space left on device")) << world.Log();
  disk.Empty();
  ExpectWellAgain(&world, descriptors);
}

TEST(Faults, TheDiskOfTheMaildirIsFull) {
  SKIP_WITHOUT_DISKS();
  TinyDisk disk(64 * 1024);
  FaultWorld::Options options;
  options.mail_directory = disk.path();
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  disk.Fill();
  const auto since = Load::Now();
  ExpectOnlyDeferred(world, "box", since, "452 4.3.1", &disk);
  established.ExpectServed();
  EXPECT_TRUE(world.WaitForLog("No space left on device")) << world.Log();
  disk.Empty();
  ExpectWellAgain(&world, descriptors);
}

// RLIMIT_FSIZE: the log, and large messages for the Maildir.
TEST(Faults, FilesMayNotGrow) {
  FaultWorld world({});
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const std::uint64_t before = world.SetLimit(RLIMIT_FSIZE, 20'000);
  const auto since = Load::Now();
  ExpectOnlyDeferred(world, "box", since, "451 4.3.0");
  EXPECT_GT(world.load().Of("device", since, "box").accepted, 0);
  established.ExpectServed();
  world.SetLimit(RLIMIT_FSIZE, before);
  EXPECT_TRUE(world.WaitForLog("log lines were lost"));
  ExpectWellAgain(&world, descriptors);
}

// Whoever comes then waits; who is there is served, or deferred where it takes a descriptor.
TEST(Faults, ThereAreNoDescriptors) {
  FaultWorld world({});
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  const std::uint64_t before = world.SetLimit(RLIMIT_NOFILE, 16);
  EXPECT_TRUE(world.WaitForLog("accepting connections is paused: Too many open files"));
  std::this_thread::sleep_for(seconds(Times()));
  world.SetLimit(RLIMIT_NOFILE, before);
  EXPECT_TRUE(world.WaitForLog("accepting connections again"));
  EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  const Tally tally = world.load().Of("device", since);
  EXPECT_EQ(tally.refused + tally.broken + tally.denied, 0) << tally.Text();
  established.ExpectServed();
  ExpectWellAgain(&world, descriptors);
}

// RLIMIT_AS, at what the process has. Stacks of new sessions cannot be had, nor can anything else
// be counted on; what ends a session ends only that one, or the process, which is then replaced.
TEST(Faults, ThereIsNoMemory) {
  SKIP_WITH_SANITIZERS();
  FaultWorld world({});
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  const std::string statm = ReadFile("/proc/" + std::to_string(world.serving_pid()) + "/statm");
  const std::uint64_t before =
      world.SetLimit(RLIMIT_AS, std::strtoull(statm.c_str(), nullptr, 10) * 4096);
  // More at a time than it has stacks for.
  std::vector<std::unique_ptr<SmtpClient>> crowd;
  for (int i = 0; i < 60; ++i) crowd.push_back(std::make_unique<SmtpClient>(world.port(), true));
  EXPECT_TRUE(world.WaitForLog("refused: no memory") ||
              world.WaitForLog("the serving process was ended"))
      << world.Log();
  std::this_thread::sleep_for(milliseconds(500) * Times());
  if (world.serving_pid() > 0) world.SetLimit(RLIMIT_AS, before);
  crowd.clear();
  EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  const Tally tally = world.load().Of("device", since);
  EXPECT_EQ(tally.refused + tally.denied, 0) << tally.Text();
  std::cout << (world.Log().find("serving process was ended") != std::string::npos
                    ? "the serving process was replaced"
                    : "the serving process lived")
            << std::endl;
  ExpectWellAgain(&world, descriptors, FaultWorld::Lived::kNo);
}

TEST(Faults, ThereAreTooManyConnections) {
  FaultWorld::Options options;
  options.main_options = "smtp_accept_max = 40";
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  std::vector<std::unique_ptr<SmtpClient>> crowd;
  const auto since = Load::Now();
  for (int i = 0; i < 40; ++i) crowd.push_back(std::make_unique<SmtpClient>(world.port()));
  EXPECT_TRUE(WaitUntil(
      [&] { return SmtpClient(world.port()).reply().starts_with("421 Too many concurrent"); }));
  established.ExpectServed();
  EXPECT_TRUE(world.WaitForLog("refused: too many connections"));
  EXPECT_TRUE(world.load().WaitForSessions("nobody", since, 3));
  crowd.clear();
  EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  const Tally tally = world.load().Of("device", since);
  EXPECT_EQ(tally.refused + tally.denied, 0) << tally.Text();
  ExpectWellAgain(&world, descriptors);
}

// --- time and names --------------------------------------------------------------------------

// The time of day of one program.
class ShiftedClock {
 public:
  ShiftedClock() {
    Set(std::chrono::hours(0));
    const Finished built =
        Run({"cc", "-shared", "-fPIC", "-O1", "-o", library(), "test/support/shifted_clock.c"});
    if (built.status != 0) throw std::runtime_error(built.output);
  }
  void Set(seconds shift) const {
    const std::int64_t value = shift.count();
    const int fd = open((directory_ / "shift").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    EXPECT_EQ(pwrite(fd, &value, sizeof value, 0), static_cast<ssize_t>(sizeof value));
    close(fd);
  }
  std::vector<std::string> environment() const {
    return {"LD_PRELOAD=" + library(), "SHIFTED_CLOCK=" + (directory_ / "shift")};
  }

 private:
  std::string library() const { return directory_ / "shifted_clock.so"; }
  TempDir directory_;
};

// Certificates of these tests are from 2020 and end in 2120.
void JumpAndBack(seconds shift, const std::string& in_log = "") {
  SKIP_WITH_SANITIZERS();
  ShiftedClock clock;
  FaultWorld::Options options;
  options.environment = clock.environment();
  options.as_nobody = true;
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  clock.Set(shift);
  std::this_thread::sleep_for(milliseconds(300));
  const auto since = Load::Now();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, 6 * Times()));
  const Tally tally = world.load().Of("device", since);
  if (!in_log.empty()) {
    // No identity for whoever comes now; no reason to hang up on anybody.
    EXPECT_EQ(tally.accepted + tally.broken, 0) << tally.Text();
    EXPECT_GT(tally.refused, 0) << tally.Text();
    EXPECT_GT(tally.denied, 0) << tally.Text();
    EXPECT_TRUE(world.WaitForLog(in_log)) << world.Log();
  } else {
    EXPECT_GT(tally.accepted, 0) << tally.Text();
    EXPECT_EQ(tally.deferred + tally.refused + tally.broken, 0) << tally.Text();
  }
  ExpectServed(world.load(), "nobody", since);
  established.ExpectServed();
  clock.Set(seconds(0));
  ExpectWellAgain(&world, descriptors);
}

constexpr std::chrono::hours kYear(24 * 365);
TEST(Faults, TheClockJumpsAYearForward) { JumpAndBack(kYear); }
TEST(Faults, TheClockJumpsAYearBack) { JumpAndBack(-kYear); }
TEST(Faults, TheClockJumpsBeyondTheCertificates) {
  JumpAndBack(100 * kYear, "certificate expired");
}
TEST(Faults, TheClockJumpsBeforeTheCertificates) { JumpAndBack(-10 * kYear, "not yet valid"); }

// Those who send to a host that has to be looked up hear "later" in time, however many they are.
TEST(Faults, NamesAreNotAnswered) {
  if (!SilentResolver::Possible())
    GTEST_SKIP() << "NOT TESTED: a resolver of its own needs root and the right to mount";
  SilentResolver resolver;
  LyingUpstream upstream;
  FaultWorld::Options options;
  options.faulty_port = upstream.port();
  options.faulty_host = "behind.names.example";
  options.faulty_messages = [&] { return upstream.messages(); };
  options.wrapper = resolver.wrapper();
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  resolver.BeSilent(true);
  const auto since = Load::Now();
  // More than there are threads that ask.
  std::vector<std::unique_ptr<SmtpClient>> crowd;
  for (int i = 0; i < 40; ++i) {
    crowd.push_back(std::make_unique<SmtpClient>(world.Client("device-2")));
    crowd.back()->Say("MAIL FROM:<crowd@example.org>");
    crowd.back()->Send("RCPT TO:<x@faulty.example>\r\n");
  }
  for (auto& client : crowd) EXPECT_THAT(client->ReadReply(), StartsWith("451"));
  crowd.clear();
  const std::chrono::duration<double> took = Load::Now() - since;
  EXPECT_TRUE(world.load().WaitForSessions("device", since, 1, "faulty"));
  EXPECT_LT(took.count(), 2 * kPatientSeconds);
  const Tally tally = world.load().Of("device", since, "faulty");
  EXPECT_EQ(tally.accepted + tally.refused + tally.broken, 0) << tally.Text();
  EXPECT_GT(tally.deferred, 0) << tally.Text();
  ExpectAllServed(world.load(), since);
  established.ExpectServed();
  EXPECT_TRUE(world.WaitForLog("cannot find its address: no answer from the resolver"));
  resolver.BeSilent(false);
  ExpectWellAgain(&world, descriptors);
}

// --- our own processes -----------------------------------------------------------------------

// Sessions are lost, mail is not, and whoever connects meanwhile waits instead of being refused.
void CrashAgainAndAgain(int signal, const std::string& name) {
  FaultWorld world({});
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  for (int i = 0; i < 4 * Times(); ++i) {
    const pid_t pid = world.serving_pid();
    ASSERT_GT(pid, 0);
    ASSERT_NE(pid, world.gateway().pid());
    kill(pid, signal);
    EXPECT_TRUE(WaitUntil(
        [&] {
          const pid_t now = world.serving_pid();
          return now > 0 && now != pid;
        },
        seconds(60)));
    // Some get through before the next one.
    const auto again = Load::Now();
    EXPECT_TRUE(WaitUntil([&] { return world.load().Of("device", again).accepted > 4; }));
  }
  EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  for (const char* kind : {"device", "nobody"}) {
    const Tally tally = world.load().Of(kind, since);
    EXPECT_EQ(tally.connected, tally.sessions) << "refused: " << tally.Text();
  }
  const Tally tally = world.load().Of("device", since);
  EXPECT_EQ(tally.refused + tally.denied, 0) << tally.Text();
  EXPECT_GT(tally.broken, 0) << tally.Text();
  EXPECT_TRUE(world.WaitForLog("the serving process was ended by " + name)) << world.Log();
  EXPECT_TRUE(world.WaitForLog("daemon serves again"));
  ExpectWellAgain(&world, descriptors, FaultWorld::Lived::kNo);
}

TEST(Faults, TheServingProcessIsKilled) { CrashAgainAndAgain(SIGKILL, "SIGKILL"); }
TEST(Faults, TheServingProcessCrashes) {
  SKIP_WITH_SANITIZERS();
  CrashAgainAndAgain(SIGSEGV, "SIGSEGV");
}
TEST(Faults, TheServingProcessFindsItselfWrong) { CrashAgainAndAgain(SIGABRT, "SIGABRT"); }

// Handshakes need it: they fail until there is another one, and nothing else does.
TEST(Faults, TheKeyProcessIsKilled) {
  FaultWorld world({});
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  for (int i = 0; i < 4 * Times(); ++i) {
    const pid_t pid = world.key_pid();
    ASSERT_GT(pid, 0);
    kill(pid, SIGKILL);
    EXPECT_TRUE(WaitUntil(
        [&] {
          const pid_t now = world.key_pid();
          return now > 0 && now != pid;
        },
        seconds(60)));
    const auto again = Load::Now();
    EXPECT_TRUE(WaitUntil([&] { return world.load().Of("device", again).accepted > 4; }));
  }
  established.ExpectServed();
  const Tally tally = world.load().Of("device", since);
  EXPECT_EQ(tally.connected, tally.sessions) << tally.Text();
  EXPECT_EQ(tally.refused + tally.denied + tally.deferred, 0) << tally.Text();
  EXPECT_TRUE(world.WaitForLog("the key process")) << world.Log();
  ExpectWellAgain(&world, descriptors);
}

// Nothing stays behind that serves with nobody to look after it, or holds the port.
TEST(Faults, TheMasterIsKilled) {
  FaultWorld world({});
  const int descriptors = DescriptorsOf(world);
  for (int i = 0; i < 2 * Times(); ++i) {
    const pid_t serving = world.serving_pid();
    kill(world.gateway().pid(), SIGKILL);
    EXPECT_TRUE(WaitUntil([&] { return kill(serving, 0) != 0; })) << "it stays behind";
    EXPECT_TRUE(WaitUntil([&] { return !SomebodyListens(world.port()); }));
    world.StartGateway();
    EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  }
  ExpectWellAgain(&world, descriptors, FaultWorld::Lived::kNo);
}

// --- files -----------------------------------------------------------------------------------

// What a file holds when whoever writes it has been careless or interrupted.
std::vector<std::pair<const char*, std::string>> Spoilt(const std::string& good) {
  return {{"garbage", std::string("\0\xff garbage \x1b[31m\n", 16)},
          {"half", good.substr(0, good.size() / 2)},
          {"empty", ""}};
}

// New files are noticed as they come, and with a reload. What is wrong leaves the old ones in use.
TEST(Faults, FilesAreSpoiltInPlace) {
  FaultWorld::Options options;
  options.main_options = "tls_crl = @DIRECTORY@/crl.pem";
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  for (const char* name : {"server.pem", "server.key", "root.pem", "crl.pem", "signet.conf"}) {
    const std::string path = world.file(name), good = ReadFile(path);
    for (const auto& [kind, text] : Spoilt(good)) {
      // Whoever reloads with an empty one says that nobody is trusted.
      if (std::string(name) == "root.pem" && text.empty()) continue;
      SCOPED_TRACE(std::string(name) + ", " + kind);
      const std::size_t log = world.Log().size();
      testing::WriteFile(path, text);
      world.gateway().Signal(SIGHUP);
      EXPECT_TRUE(WaitUntil([&] {
        return world.Log().find("configuration kept as it was", log) != std::string::npos;
      })) << world.Log().substr(log);
      EXPECT_THAT(world.Log().substr(log), HasSubstr(name));
      const auto spoilt = Load::Now();
      EXPECT_TRUE(world.load().WaitForSessions("device", spoilt, Times()));
      testing::WriteFile(path, good);
    }
  }
  ExpectAllServed(world.load(), since);
  established.ExpectServed();
  const std::size_t log = world.Log().size();
  world.gateway().Signal(SIGHUP);
  EXPECT_TRUE(WaitUntil([&] {
    return world.Log().find("configuration reloaded", log) != std::string::npos;
  })) << world.Log().substr(log);
  ExpectWellAgain(&world, descriptors);
}

// Without a reload: looked at when sessions begin.
TEST(Faults, FilesAreSpoiltAndNobodyReloads) {
  FaultWorld::Options options;
  options.main_options = "tls_crl = @DIRECTORY@/crl.pem";
  FaultWorld world(options);
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  for (const char* name : {"server.pem", "server.key", "root.pem", "crl.pem"}) {
    const std::string path = world.file(name), good = ReadFile(path);
    const std::size_t log = world.Log().size();
    testing::WriteFile(path, good.substr(0, good.size() / 2));
    EXPECT_TRUE(WaitUntil([&] {
      return world.Log().find("what was read before stays in use", log) != std::string::npos;
    })) << name
        << world.Log().substr(log);
    testing::WriteFile(path, good);
  }
  ExpectAllServed(world.load(), since);
  ExpectWellAgain(&world, descriptors);
}

// There is no old one then: nobody is served, and nobody let in, until the files are good.
TEST(Faults, FilesAreSpoiltWhenTheServingProcessCrashes) {
  FaultWorld::Options options;
  options.main_options = "tls_crl = @DIRECTORY@/crl.pem";
  FaultWorld world(options);
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  for (const char* name : {"server.key", "root.pem", "crl.pem"}) {
    SCOPED_TRACE(name);
    const std::string path = world.file(name), good = ReadFile(path);
    testing::WriteFile(path, Spoilt(good)[1].second);
    const std::size_t log = world.Log().size();
    kill(world.serving_pid(), SIGKILL);
    EXPECT_TRUE(WaitUntil([&] { return world.Log().find(name, log) != std::string::npos; }))
        << world.Log().substr(log);
    testing::WriteFile(path, good);
    EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "") << world.Log().substr(log);
  }
  for (const char* kind : {"device", "nobody"}) {
    const Tally tally = world.load().Of(kind, since);
    EXPECT_EQ(tally.connected, tally.sessions) << "refused: " << tally.Text();
    EXPECT_EQ(tally.denied, 0) << tally.Text();
  }
  ExpectWellAgain(&world, descriptors, FaultWorld::Lived::kNo);
}

// A list that has ended says nothing of whoever was revoked since (rule C3).
TEST(Faults, TheClockJumpsBeyondTheRevocationList) {
  SKIP_WITH_SANITIZERS();
  ShiftedClock clock;
  FaultWorld::Options options;
  options.environment = clock.environment();
  options.as_nobody = true;
  options.main_options = "tls_crl = @DIRECTORY@/crl.pem";
  options.list_ends = std::time(nullptr) + 30 * 86'400;
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  clock.Set(kYear);
  std::this_thread::sleep_for(milliseconds(300));
  const auto since = Load::Now();
  EXPECT_TRUE(world.load().WaitForSessions("device", since, 6 * Times()));
  const Tally tally = world.load().Of("device", since);
  EXPECT_EQ(tally.accepted + tally.refused + tally.denied + tally.broken, 0) << tally.Text();
  EXPECT_GT(tally.deferred, 0) << tally.Text();
  established.ExpectServed();
  EXPECT_TRUE(world.WaitForLog("out of date")) << world.Log();
  clock.Set(seconds(0));
  ExpectWellAgain(&world, descriptors);
}

// --- clients ---------------------------------------------------------------------------------

// Connections by the hundred, from as many addresses as one wants, that never get anywhere.
class Crowd {
 public:
  explicit Crowd(int port) : port_(port) {}
  ~Crowd() { Leave(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // From 127.1.N.1, a hundred from each.
  int Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in from{}, to{};
    from.sin_family = to.sin_family = AF_INET;
    from.sin_addr.s_addr =
        htonl(0x7f010001u | static_cast<std::uint32_t>(fds_.size() / 100 + 1) << 8);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(port_));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      ADD_FAILURE() << "cannot connect: " << std::strerror(errno);
    fds_.push_back(fd);
    return fd;
  }
  static void Send(int fd, std::string_view octets) {
    (void)!send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
  }
  // One octet from each of these, as slow clients do.
  void Drip(std::size_t from, std::size_t to) const {
    for (std::size_t i = from; i < to && i < fds_.size(); ++i) Send(fds_[i], "x");
  }
  std::size_t size() const { return fds_.size(); }
  void Leave() {
    for (const int fd : fds_) close(fd);
    fds_.clear();
  }

 private:
  const int port_;
  std::vector<int> fds_;
};

// The first octets of a handshake, as a client sends them.
std::string ClientHello() {
  std::string octets;
  gnutls_session_t session;
  gnutls_certificate_credentials_t none;
  gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
  gnutls_certificate_allocate_credentials(&none);
  gnutls_set_default_priority(session);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, none);
  gnutls_transport_set_ptr(session, &octets);
  gnutls_transport_set_push_function(
      session, [](gnutls_transport_ptr_t to, const void* data, std::size_t size) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
        return static_cast<ssize_t>(size);
      });
  gnutls_transport_set_pull_function(session,
                                     [](gnutls_transport_ptr_t, void*, std::size_t) -> ssize_t {
                                       errno = EAGAIN;
                                       return -1;
                                     });
  gnutls_handshake(session);
  gnutls_deinit(session);
  gnutls_certificate_free_credentials(none);
  return octets;
}

std::string ReadLine(int fd) {
  const timeval patience{20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string line;
  for (char octet = 0; octet != '\n' && recv(fd, &octet, 1, 0) == 1;) line += octet;
  return line;
}

// Up to where the handshake begins.
bool AskForTls(int fd) {
  ReadLine(fd);
  Crowd::Send(fd, "EHLO crowd.example.org\r\n");
  for (std::string line = "250-"; line.starts_with("250-");) line = ReadLine(fd);
  Crowd::Send(fd, "STARTTLS\r\n");
  return ReadLine(fd).starts_with("220");
}

constexpr std::size_t kThird = 670;

TEST(Faults, ClientsAreIdleSlowAndHalfWayByTheThousand) {
  FaultWorld world({});
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const long resident = world.ResidentKib();
  Crowd crowd(world.port());
  // A third says nothing, a third says a command octet by octet, a third has begun a handshake,
  // for which there are 20 seconds.
  const std::string hello = ClientHello();
  std::size_t begun = 0;
  for (std::size_t i = 0; i < 3 * kThird; ++i) {
    const int fd = crowd.Connect();
    if (i < 2 * kThird) continue;
    begun += AskForTls(fd);
    Crowd::Send(fd, std::string_view(hello).substr(0, hello.size() / 2));
  }
  EXPECT_EQ(begun, kThird);
  EXPECT_GT(world.Descriptors(), static_cast<int>(2 * kThird));
  const auto since = Load::Now();
  for (int i = 0; i < 3 * Times(); ++i) {
    crowd.Drip(kThird, 2 * kThird);
    std::this_thread::sleep_for(seconds(1));
  }
  ExpectAllServed(world.load(), since);
  established.ExpectServed();
  const long at_most = world.ResidentKib();
  crowd.Leave();
  long left = 0;
  const long at_rest = resident + (Sanitized() ? 400 : 20) * 1024;
  EXPECT_TRUE(WaitUntil([&] { return (left = world.ResidentKib()) < at_rest; }, seconds(60)))
      << resident << " KiB before, " << at_most << " with the crowd, " << left << " afterwards";
  ExpectWellAgain(&world, descriptors);
}

// Handshakes are begun as fast as it goes, and never finished.
TEST(Faults, HandshakesAreBegunAndNeverFinished) {
  FaultWorld world({});
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const std::string hello = ClientHello();
  std::atomic<bool> stop{false};
  std::atomic<int> begun{0};
  std::vector<std::thread> flood;
  for (int i = 0; i < 20; ++i)
    flood.emplace_back([&] {
      while (!stop) {
        Crowd one(world.port());
        const int fd = one.Connect();
        if (!AskForTls(fd)) continue;
        Crowd::Send(fd, hello);
        char flight[256];
        begun += recv(fd, flight, sizeof flight, 0) > 0;
      }
    });
  const auto since = Load::Now();
  std::this_thread::sleep_for(seconds(3) * Times());
  established.ExpectServed();
  stop = true;
  for (std::thread& thread : flood) thread.join();
  EXPECT_GT(begun, 20);
  ExpectAllServed(world.load(), since);
  ExpectWellAgain(&world, descriptors);
}

// --- those who look at it --------------------------------------------------------------------

// Fifty ask and do not read, fifty ask half, fifty say nothing.
TEST(Faults, WhoeverWatchesItHangs) {
  const int port = FreePort();
  FaultWorld::Options options;
  options.main_options =
      "control_socket = @DIRECTORY@/control\nmetrics_listen = 127.0.0.1:" + std::to_string(port);
  FaultWorld world(options);
  Established established(world, "device-1");
  const int descriptors = DescriptorsOf(world);
  const auto since = Load::Now();
  std::vector<int> hanging;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  world.file("control").copy(name.sun_path, sizeof name.sun_path - 1);
  Crowd scrapers(port);
  const char* half[] = {"", "GET /metr", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"};
  const char* asked[] = {"", "stat", "status\n"};
  for (int i = 0; i < 150; ++i) {
    Crowd::Send(scrapers.Connect(), half[i % 3]);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0)
      Crowd::Send(fd, asked[i % 3]);
    hanging.push_back(fd);
  }
  std::this_thread::sleep_for(seconds(Times()));
  ExpectAllServed(world.load(), since);
  established.ExpectServed();
  for (const int fd : hanging) close(fd);
  scrapers.Leave();
  EXPECT_TRUE(WaitUntil([&] {
    return test::Run({SignetProgram(), "status", "-C", world.config_file()}).status == 0;
  }));
  ExpectWellAgain(&world, descriptors);
}

// --- rates -----------------------------------------------------------------------------------

TEST(Faults, TheStoreOfRatesIsGone) {
  RedisServer redis;
  FaultWorld::Options options;
  options.main_options =
      "ratelimit_store = redis\nredis_servers = " + redis.item() + "\nacl_smtp_data = counted";
  FaultWorld world(options);
  const int descriptors = DescriptorsOf(world);
  for (int i = 0; i < 2; ++i) {
    i == 0 ? redis.Signal(SIGSTOP) : redis.Kill();
    std::this_thread::sleep_for(milliseconds(50));
    const auto since = Load::Now();
    EXPECT_TRUE(world.load().WaitForSessions("device", since, 4 * Times()));
    const Tally tally = world.load().Of("device", since);
    EXPECT_GT(tally.deferred, 0) << tally.Text();
    EXPECT_EQ(tally.accepted + tally.refused + tally.broken, 0) << tally.Text();
    ExpectServed(world.load(), "nobody", since);
    i == 0 ? redis.Signal(SIGCONT) : redis.Start();
    EXPECT_EQ(world.load().WaitUntilWell(kRecovery), "");
  }
  EXPECT_TRUE(world.WaitForLog("ratelimit database not available")) << world.Log();
  ExpectWellAgain(&world, descriptors);
}

// --- the table -------------------------------------------------------------------------------

// Each test is in a row of the manual, and each row names tests that are here.
TEST(Table, HasEachFaultAndNothingElse) {
  std::set<std::string> here, there;
  const auto& suite = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < suite.total_test_suite_count(); ++i) {
    const auto& tests = *suite.GetTestSuite(i);
    for (int j = 0; std::string(tests.name()) == "Faults" && j < tests.total_test_count(); ++j)
      here.insert(tests.GetTestInfo(j)->name());
  }
  const std::string text = ReadFile("doc/faults.md");
  for (std::size_t line = 0, end; line < text.size(); line = end + 1) {
    end = std::min(text.find('\n', line), text.size());
    const std::string row = text.substr(line, end - line);
    const std::size_t cell = row.size() < 4 ? row.npos : row.rfind("| ", row.size() - 3);
    if (row[0] != '|' || cell == row.npos) continue;
    for (std::size_t at = row.find('`', cell); at != row.npos; at = row.find('`', at + 1)) {
      const std::size_t close = row.find('`', at + 1);
      if (close == row.npos) break;
      there.insert(row.substr(at + 1, close - at - 1));
      at = close;
    }
  }
  EXPECT_EQ(here, there);
}

}  // namespace
}  // namespace signet::test

namespace {

// Runs all cases, several processes at a time, and says what they said. Whoever picks one test,
// or is one of these processes, runs here.
constexpr int kProcesses = 10;

int RunSideBySide(const std::string& program) {
  using signet::test::Process;
  std::vector<std::unique_ptr<Process>> parts;
  for (int i = 0; i < kProcesses; ++i)
    parts.push_back(std::make_unique<Process>(
        std::vector<std::string>{program},
        Process::Options{.environment = {"GTEST_TOTAL_SHARDS=" + std::to_string(kProcesses),
                                         "GTEST_SHARD_INDEX=" + std::to_string(i)}}));
  int status = 0;
  for (auto& part : parts) {
    const int ended = part->Wait(std::chrono::hours(2));
    std::cout << part->Output() << std::flush;
    if (ended != 0) status = 1;
    if (ended > 1) std::cout << "a part of the cases ended with status " << ended << std::endl;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (signet::test::RunAsSink(argc, argv)) return 0;
  if (argc == 1 && std::getenv("GTEST_TOTAL_SHARDS") == nullptr) return RunSideBySide(argv[0]);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
