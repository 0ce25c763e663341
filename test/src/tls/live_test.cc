#include "src/tls/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "test/support/certificates.h"

// Files of a policy that change while it is in use.
namespace signet::tls {
namespace {

using namespace signet::testing;  // NOLINT: the maker's vocabulary
using std::chrono::milliseconds;

class LivePolicyTest : public ::testing::Test {
 protected:
  LivePolicyTest() {
    char pattern[] = "/tmp/signet-live-XXXXXX";
    folder_ = mkdtemp(pattern);
    WritePair(50);
    sources_.certificate_file = Path("server.pem");
    sources_.key_file = Path("server.key");
    sources_.verify_file = Write("ca.pem", root_.Pem());
  }
  ~LivePolicyTest() override {
    for (const std::string& file : files_) unlink(file.c_str());
    rmdir(Path("crls").c_str());
    rmdir(folder_.c_str());
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Write(const std::string& name, std::string_view octets) {
    // As careful administrators do it: the new file takes the old one's place at once.
    const std::string path = Path(name), draft = path + ".new";
    EXPECT_TRUE(WriteFile(draft, octets));
    EXPECT_EQ(rename(draft.c_str(), path.c_str()), 0);
    files_.push_back(path);
    return path;
  }
  void WritePair(int key) {
    const Issued server = Issue(ServerSpec(), SharedKey(KeyType::kEcdsaP256, key), nullptr);
    Write("server.key", server.key.Pem());
    Write("server.pem", server.Pem());
  }
  std::string Crl(const std::vector<std::string>& serials) const {
    CrlSpec spec;
    spec.serials = serials;
    return PemBlock("X509 CRL", MakeCrl(spec, root_));
  }
  std::shared_ptr<LivePolicy> Make() {
    auto live = LivePolicy::Make(sources_);
    EXPECT_TRUE(live.ok()) << (live.ok() ? "" : live.error());
    return live.ok() ? live.value() : nullptr;
  }
  ServerPolicyPtr Current(LivePolicy& live, bool resumption = false) {
    return live.Current(resumption, [&](LivePolicy::Event event, std::string_view text) {
      told_ += (event == LivePolicy::Event::kTrouble ? "! " : "  ") + std::string(text) + "\n";
    });
  }
  // Asks until something is told, for a few seconds at most.
  std::string Told(LivePolicy& live) {
    told_.clear();
    for (int i = 0; i < 400 && told_.empty(); ++i) {
      Current(live);
      std::this_thread::sleep_for(milliseconds(10));
    }
    return told_;
  }
  // "" where the client verifies.
  std::string ReasonFor(const ServerPolicyPtr& policy) const {
    const std::array<std::string_view, 1> chain = {client_.der};
    return policy->trust()->Verify(chain, crypto::Purpose::kTlsClient, 1800000000).reason;
  }

  const Issued root_ = MakeRoot();
  const Issued client_ = Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 51), &root_);
  std::string folder_, told_;
  std::vector<std::string> files_;
  ServerPolicy::Sources sources_;
};

TEST_F(LivePolicyTest, ANewRevocationListIsInUseSoon) {
  sources_.crl_file = Write("crl.pem", Crl({}));
  const auto live = Make();
  EXPECT_EQ(ReasonFor(Current(*live)), "");
  Write("crl.pem", Crl({SerialOf(client_.der)}));
  EXPECT_EQ(Told(*live), "  read again: \"" + Path("ca.pem") + "\", \"" + Path("crl.pem") + "\"\n");
  EXPECT_EQ(ReasonFor(Current(*live)), "certificate revoked");
  EXPECT_EQ(ReasonFor(Current(*live, true)), "certificate revoked") << "with tickets too";
}

TEST_F(LivePolicyTest, RevocationListsOfADirectoryAreFollowed) {
  ASSERT_EQ(mkdir(Path("crls").c_str(), 0700), 0);
  const Issued other = MakeRoot("Other", KeyType::kEcdsaP384, 9);
  Write("crls/other.pem", PemBlock("X509 CRL", MakeCrl(CrlSpec(), other)));
  sources_.crl_file = Path("crls");
  const auto live = Make();
  EXPECT_EQ(ReasonFor(Current(*live)), "") << "a list of another authority";
  Write("crls/ours.pem", Crl({SerialOf(client_.der)}));
  EXPECT_NE(Told(*live), "");
  EXPECT_EQ(ReasonFor(Current(*live)), "certificate revoked");
}

TEST_F(LivePolicyTest, RuleC3ABrokenListOfOneAuthorityDoesNotKeepThoseOfOthersFromBeingRead) {
  ASSERT_EQ(mkdir(Path("crls").c_str(), 0700), 0);
  const Issued other = MakeRoot("Other", KeyType::kEcdsaP384, 9);
  const Issued stranger = Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 51), &other);
  CrlSpec spec;
  spec.serials = {SerialOf(stranger.der)};
  Write("ca.pem", root_.Pem() + other.Pem());
  Write("crls/README", "What is here comes from the authorities.\n");
  Write("crls/other.pem", PemBlock("X509 CRL", MakeCrl(spec, other)));
  Write("crls/ours.pem", Crl({}));
  sources_.crl_file = Path("crls");
  const auto live = Make();
  const auto reason_for_stranger = [&] {
    const std::array<std::string_view, 1> chain = {stranger.der};
    return Current(*live)->trust()->Verify(chain, crypto::Purpose::kTlsClient, 1800000000).reason;
  };
  Write("crls/other.pem", "-----BEGIN X509 CRL-----\nAAAA\n");
  Write("crls/ours.pem", Crl({SerialOf(client_.der)}));
  const std::string told = Told(*live);
  EXPECT_NE(told.find("! \"" + Path("crls/other.pem") + "\": "), told.npos) << told;
  EXPECT_NE(told.find("  read again: "), told.npos) << told;
  EXPECT_EQ(ReasonFor(Current(*live)), "certificate revoked") << "the new list of one";
  EXPECT_EQ(reason_for_stranger(), "certificate revoked") << "the old list of the other";
  unlink(Path("crls/other.pem").c_str());
  EXPECT_NE(Told(*live).find("is gone; what was read before stays in use"), told.npos) << told_;
  EXPECT_EQ(reason_for_stranger(), "certificate revoked") << "until a restart or a SIGHUP";
}

TEST_F(LivePolicyTest, RuleC2ABrokenNewListLeavesTheOldOneInUseLoudly) {
  sources_.crl_file = Write("crl.pem", Crl({SerialOf(client_.der)}));
  const auto live = Make();
  const auto before = Current(*live);
  Write("crl.pem", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
  const std::string told = Told(*live);
  EXPECT_EQ(told.substr(0, 2), "! ");
  EXPECT_NE(told.find("crl.pem"), told.npos) << told;
  EXPECT_NE(told.find("what was read before stays in use"), told.npos) << told;
  EXPECT_EQ(Current(*live), before);
  EXPECT_EQ(ReasonFor(Current(*live)), "certificate revoked");
  unlink(Path("crl.pem").c_str());
  EXPECT_EQ(Told(*live).substr(0, 2), "! ") << "a list that is gone is not an empty one";
  EXPECT_EQ(Current(*live), before);
  Write("crl.pem", Crl({}));
  EXPECT_EQ(Told(*live).substr(0, 2), "  ");
  EXPECT_EQ(ReasonFor(Current(*live)), "");
}

TEST_F(LivePolicyTest, RuleC3AFileWithoutAListIsNotAnEmptyList) {
  sources_.crl_file = Write("crl.pem", Crl({SerialOf(client_.der)}));
  const auto live = Make();
  Write("crl.pem", "");
  EXPECT_EQ(Told(*live).substr(0, 2), "! ");
  EXPECT_EQ(ReasonFor(Current(*live)), "certificate revoked");
}

TEST_F(LivePolicyTest, RuleC2AHalfNewPairLeavesTheOldOneAndTheWholeOneIsTaken) {
  const auto live = Make();
  const auto before = Current(*live);
  const Issued next = Issue(ServerSpec(), SharedKey(KeyType::kEcdsaP256, 52), nullptr);
  Write("server.pem", next.Pem());
  EXPECT_EQ(Told(*live).substr(0, 2), "! ");
  EXPECT_EQ(Current(*live), before);
  Write("server.key", next.key.Pem());
  EXPECT_EQ(Told(*live).substr(0, 2), "  ");
  EXPECT_NE(Current(*live), before);
}

TEST_F(LivePolicyTest, RuleC4ANewKeyThatOthersMayReadIsNotTaken) {
  const auto live = Make();
  const auto before = Current(*live);
  ASSERT_EQ(chmod(Path("server.key").c_str(), 0644), 0);
  EXPECT_NE(Told(*live).find("0644"), std::string::npos);
  EXPECT_EQ(Current(*live), before);
}

TEST_F(LivePolicyTest, AKeyThatIsOutOfReachDoesNotKeepRevocationListsFromBeingRead) {
  sources_.crl_file = Write("crl.pem", Crl({}));
  const auto live = Make();
  unlink(Path("server.key").c_str());
  EXPECT_EQ(Told(*live).substr(0, 2), "! ");
  Write("crl.pem", Crl({SerialOf(client_.der)}));
  EXPECT_EQ(Told(*live).substr(0, 2), "  ");
  EXPECT_EQ(ReasonFor(Current(*live)), "certificate revoked");
}

TEST_F(LivePolicyTest, FilesThatAreWrittenAnewTheSameChangeNothing) {
  const std::string crl = Crl({});
  sources_.crl_file = Write("crl.pem", crl);
  const auto live = Make();
  const auto before = Current(*live);
  Write("crl.pem", crl);
  Write("ca.pem", root_.Pem());
  const auto until = std::chrono::steady_clock::now() + milliseconds(2500);
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_EQ(Current(*live), before);
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_EQ(told_, "");
}

TEST_F(LivePolicyTest, NamesSentToClientsAreSixteenAtMost) {
  std::string names;
  for (int i = 0; i < 16; ++i)
    names += MakeRoot("Authority " + std::to_string(i), KeyType::kEcdsaP256, 60).Pem();
  sources_.ca_names = Write("names.pem", names);
  EXPECT_TRUE(LivePolicy::Make(sources_).ok());
  Write("names.pem", names + root_.Pem());
  EXPECT_FALSE(LivePolicy::Make(sources_).ok());
  sources_.verify_file = Path("names.pem");
  sources_.ca_names = "all";
  EXPECT_FALSE(LivePolicy::Make(sources_).ok());
}

// As after `signet_user`: what only root may read stays as it was, and is no trouble.
class Unprivileged {
 public:
  Unprivileged() { EXPECT_EQ(seteuid(65534), 0); }
  ~Unprivileged() { EXPECT_EQ(seteuid(0), 0); }
};

TEST_F(LivePolicyTest, AKeyThatOnlyRootMayReadStaysInUse) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(chmod(folder_.c_str(), 0711), 0);
  const auto live = Make();
  const auto before = Current(*live);
  const Unprivileged nobody;
  const auto until = std::chrono::steady_clock::now() + milliseconds(2500);
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_EQ(Current(*live), before);
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_EQ(told_, "");
}

TEST_F(LivePolicyTest, FilesThatCannotBeSeenAnyMoreAreSaidOnce) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto live = Make();
  const auto before = Current(*live);
  const Unprivileged nobody;
  EXPECT_EQ(Told(*live).substr(0, 24), "  cannot see changes of ");
  EXPECT_EQ(Current(*live), before);
}

TEST_F(LivePolicyTest, RuleC2AFileThatIsBeingWrittenIntoIsNotYetOneWithoutAuthorities) {
  const auto live = Make();
  Write("ca.pem", "");
  EXPECT_THAT(Told(*live),
              ::testing::EndsWith("ca.pem\" is empty; what was read before stays in use\n"));
  EXPECT_EQ(ReasonFor(Current(*live)), "");
  EXPECT_NE(ReasonFor(Current(*Make())), "") << "whoever starts anew takes it as it is";
}

TEST_F(LivePolicyTest, RuleT11AnAuthorityThatIsTakenAwayIsTrustedNoMore) {
  const auto live = Make();
  EXPECT_EQ(ReasonFor(Current(*live)), "");
  Write("ca.pem", MakeRoot("Other", KeyType::kEcdsaP384, 9).Pem());
  EXPECT_NE(Told(*live), "");
  EXPECT_EQ(ReasonFor(Current(*live)), "unknown CA");
}

}  // namespace
}  // namespace signet::tls
