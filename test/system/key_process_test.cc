// Private keys of server certificates lie in a process of their own: what signs, what is in
// whose memory, and what happens when it dies.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <thread>

#include "test/support/process.h"
#include "test/support/smtp_client.h"

namespace signet::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A certificate of each kind, which signs itself.
struct Kind {
  const char* name;
  std::vector<std::string> key;  // for openssl
};
const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"rsa", {"-newkey", "rsa:2048"}},
      {"p256", {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"}},
      {"p384", {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"}},
      {"ed25519", {"-newkey", "ed25519"}}};
  return kinds;
}

class KeyProcess : public ::testing::Test {
 protected:
  void MakePair(const Kind& kind, const std::string& name) {
    std::vector<std::string> words = {"openssl", "req",
                                      "-x509",   "-nodes",
                                      "-days",   "30",
                                      "-subj",   "/CN=mx.example.org",
                                      "-addext", "subjectAltName=DNS:mx.example.org",
                                      "-keyout", Key(name),
                                      "-out",    Pem(name)};
    words.insert(words.end(), kind.key.begin(), kind.key.end());
    const Finished made = signet::test::Run(words);
    ASSERT_EQ(made.status, 0) << made.output;
    chmod(Key(name).c_str(), 0600);
  }
  std::string Pem(const std::string& name) const { return directory_ / (name + ".pem"); }
  std::string Key(const std::string& name) const { return directory_ / (name + ".key"); }

  void Configure(const std::string& certificates, const std::string& keys,
                 const std::string& more = "") {
    WriteFile(directory_ / "conf",
              "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\n"
              "daemon_smtp_ports = " +
                  std::to_string(port_) + "\ntls_certificate = " + certificates + "\n" +
                  (keys.empty() ? "" : "tls_privatekey = " + keys + "\n") +
                  "tls_advertise_hosts = *\nacl_smtp_rcpt = accept\n" + more);
  }
  void Start() {
    process_ = std::make_unique<Process>(
        std::vector<std::string>{SignetProgram(), "serve", "-C", directory_ / "conf"});
    ASSERT_TRUE(process_->WaitForOutput("daemon started")) << process_->Output();
  }
  void StartWithOne(const std::string& more = "") {
    MakePair(Kinds()[1], "one");
    Configure(Pem("one"), Key("one"), more);
    Start();
  }
  bool Handshakes() {
    try {
      return SmtpClient(port_).Begin().starts_with("250");
    } catch (const std::exception&) {
      return false;
    }
  }
  // The process of that name below the gateway.
  pid_t Find(std::string_view name) const {
    for (const pid_t child : ChildrenOf(process_->pid()))
      if (NameOfProcess(child) == name) return child;
    return 0;
  }
  // What a client like that sees of how we have signed.
  std::string Signature(std::vector<std::string> options) {
    std::vector<std::string> words = {"openssl", "s_client", "-starttls",
                                      "smtp",    "-connect", "127.0.0.1:" + std::to_string(port_)};
    words.insert(words.end(), options.begin(), options.end());
    return signet::test::Run(words, {.input = "QUIT\r\n"}).output;
  }

  TempDir directory_;
  int port_ = FreePort();
  std::unique_ptr<Process> process_;
};

TEST_F(KeyProcess, SignsWithEveryKindOfKeyInEachVersion) {
  std::string certificates, keys;
  for (const Kind& kind : Kinds()) {
    MakePair(kind, kind.name);
    certificates += (certificates.empty() ? "" : " : ") + Pem(kind.name);
    keys += (keys.empty() ? "" : " : ") + Key(kind.name);
  }
  Configure(certificates, keys, "tls_require_ciphers = NORMAL:+GROUP-SECP384R1\n");
  Start();
  struct Case {
    std::vector<std::string> options;
    const char* type;
  };
  const Case cases[] = {
      {{"-tls1_2", "-sigalgs", "RSA+SHA256"}, "Peer signature type: RSA\n"},
      {{"-tls1_2", "-sigalgs", "RSA+SHA512"}, "Peer signature type: RSA\n"},
      {{"-tls1_2", "-sigalgs", "RSA-PSS+SHA256"}, "Peer signature type: RSA-PSS\n"},
      {{"-tls1_2", "-sigalgs", "ECDSA+SHA256"}, "Peer signature type: ECDSA\n"},
      {{"-tls1_2", "-sigalgs", "ECDSA+SHA384"}, "Peer signature type: ECDSA\n"},
      {{"-tls1_2", "-sigalgs", "ed25519"}, "Peer signature type: ed25519\n"},
      {{"-tls1_3", "-sigalgs", "RSA-PSS+SHA256"}, "Peer signature type: RSA-PSS\n"},
      {{"-tls1_3", "-sigalgs", "RSA-PSS+SHA512"}, "Peer signature type: RSA-PSS\n"},
      {{"-tls1_3", "-sigalgs", "ECDSA+SHA256"}, "Peer signature type: ECDSA\n"},
      {{"-tls1_3", "-sigalgs", "ECDSA+SHA384"}, "Peer signature type: ECDSA\n"},
      {{"-tls1_3", "-sigalgs", "ed25519"}, "Peer signature type: ed25519\n"},
  };
  for (const Case& each : cases)
    EXPECT_THAT(Signature(each.options), HasSubstr(each.type))
        << each.options[0] << ' ' << each.options[2];
}

// --- whose memory ------------------------------------------------------------------------

std::string FromHex(const std::string& hex) {
  std::string octets;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    octets += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return octets;
}

// The secret numbers of a key, as openssl prints them: primes, or the scalar.
std::vector<std::string> Secrets(const std::string& key_file) {
  const Finished printed =
      signet::test::Run({"openssl", "pkey", "-in", key_file, "-noout", "-text"});
  std::vector<std::string> secrets;
  std::istringstream lines(printed.output);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("    ")) {
      inside = line == "prime1:" || line == "prime2:" || line == "priv:";
      if (inside) secrets.emplace_back();
      continue;
    }
    if (!inside) continue;
    std::erase_if(line, [](char c) { return c == ' ' || c == ':'; });
    secrets.back() += FromHex(line);
  }
  // Both ends of a number are as good as the whole; a leading zero is how DER has it.
  for (std::string& secret : secrets)
    secret = secret.substr(secret[0] == '\0' ? 1 : 0).substr(0, 24);
  return secrets;
}

// Whether any of these is in the memory of a process, in either order of octets.
bool Holds(pid_t pid, const std::vector<std::string>& secrets) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/";
  std::istringstream maps(ReadFile(directory + "maps"));
  const int memory = open((directory + "mem").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(memory, 0);
  std::size_t looked = 0;
  bool found = false;
  for (std::string line; std::getline(maps, line) && !found;) {
    std::size_t from = 0, to = 0;
    char may_read = '-', may_write = '-';
    if (sscanf(line.c_str(), "%zx-%zx %c%c", &from, &to, &may_read, &may_write) != 4) continue;
    if (may_read != 'r' || line.find("[v") != line.npos || to - from > (256u << 20)) continue;
    std::string block(to - from, '\0');
    const ssize_t got = pread(memory, block.data(), block.size(), static_cast<off_t>(from));
    if (got <= 0) continue;
    looked += static_cast<std::size_t>(got);
    for (const std::string& secret : secrets) {
      const std::string turned(secret.rbegin(), secret.rend());
      found = found || block.find(secret) != block.npos || block.find(turned) != block.npos;
    }
  }
  close(memory);
  EXPECT_GT(looked, 1'000'000u);
  return found;
}

TEST_F(KeyProcess, RuleP2NoOctetOfAKeyIsInTheProcessThatServes) {
  if (geteuid() != 0) GTEST_SKIP() << "not root: may not look into other processes";
  MakePair(Kinds()[0], "rsa");
  MakePair(Kinds()[1], "p256");
  // One of them has certificate and key in one file.
  const std::string both = directory_ / "both.pem";
  WriteFile(both, ReadFile(Key("rsa")) + ReadFile(Pem("rsa")));
  chmod(both.c_str(), 0600);
  Configure(both + " : " + Pem("p256"), both + " : " + Key("p256"));
  Start();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Handshakes());
  EXPECT_THAT(Signature({"-tls1_3", "-sigalgs", "RSA-PSS+SHA256"}), HasSubstr("RSA-PSS"));
  for (const char* name : {"rsa", "p256"}) {
    auto secrets = Secrets(Key(name));
    ASSERT_FALSE(secrets.empty());
    EXPECT_TRUE(Holds(Find("signet-keys"), secrets)) << name;
    const std::string pem = ReadFile(Key(name));
    secrets.push_back(pem.substr(pem.find('\n') + 20, 24));
    EXPECT_FALSE(Holds(Find("signet-serve"), secrets)) << name;
    EXPECT_FALSE(Holds(process_->pid(), secrets)) << name;
  }
}

TEST_F(KeyProcess, RuleP2WithoutOneTheKeyIsInTheProcessThatServes) {
  if (geteuid() != 0) GTEST_SKIP() << "not root: may not look into other processes";
  StartWithOne("no_key_process\n");
  EXPECT_TRUE(Handshakes());
  EXPECT_EQ(Find("signet-keys"), 0);
  EXPECT_TRUE(Holds(Find("signet-serve"), Secrets(Key("one"))));
}

TEST_F(KeyProcess, RuleP1GivesUpRootAndIsNobodysToLookInto) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  StartWithOne("signet_user = nobody\nsignet_group = nogroup\n");
  for (const char* name : {"signet-keys", "signet-serve"}) {
    const std::string status = ReadFile("/proc/" + std::to_string(Find(name)) + "/status");
    EXPECT_THAT(status, AllOf(HasSubstr("Uid:\t65534\t65534\t65534\t65534"),
                              HasSubstr("CapEff:\t0000000000000000"), HasSubstr("NoNewPrivs:\t1")))
        << name;
  }
  // What is not dumpable belongs to root in /proc: a process of the same user may not read it.
  struct stat memory {};
  ASSERT_EQ(stat(("/proc/" + std::to_string(Find("signet-keys")) + "/mem").c_str(), &memory), 0);
  EXPECT_EQ(memory.st_uid, 0u);
}

// --- deaths ------------------------------------------------------------------------------

TEST_F(KeyProcess, ItsDeathEndsNoSessionAndAnotherOneSigns) {
  StartWithOne();
  SmtpClient client(port_);
  ASSERT_THAT(client.Begin(), StartsWith("250"));
  const pid_t before = Find("signet-keys"), serving = Find("signet-serve");
  kill(before, SIGKILL);
  ASSERT_TRUE(process_->WaitForOutput("the key process was ended by SIGKILL; another one starts"));
  EXPECT_TRUE(WaitUntil([&] { return Handshakes(); }));
  EXPECT_NE(Find("signet-keys"), before);
  EXPECT_EQ(Find("signet-serve"), serving);
  EXPECT_THAT(client.Say("EHLO client.example.org"), StartsWith("250"));
}

TEST_F(KeyProcess, WhileThereIsNoneHandshakesFailAndNothingElse) {
  StartWithOne();
  kill(Find("signet-keys"), SIGSTOP);
  kill(process_->pid(), SIGSTOP);  // so that there is no other one
  kill(Find("signet-keys"), SIGKILL);
  std::thread later([this] {
    std::this_thread::sleep_for(milliseconds(300));
    kill(process_->pid(), SIGCONT);
  });
  (void)Handshakes();
  later.join();
  EXPECT_TRUE(WaitUntil([&] { return Handshakes(); }));
  EXPECT_TRUE(process_->running());
}

// One that is there and does not answer: handshakes fail, and who needs no signature hardly waits,
// however many handshakes there are.
TEST_F(KeyProcess, RuleR5ASilentOneHoldsUpHandshakesAndNoSession) {
  StartWithOne();
  SmtpClient client(port_);
  ASSERT_THAT(client.Begin(), StartsWith("250"));
  const pid_t keys = Find("signet-keys");
  kill(keys, SIGSTOP);
  std::vector<std::thread> others;
  for (int i = 0; i < 12; ++i) others.emplace_back([this] { (void)Handshakes(); });
  ASSERT_TRUE(process_->WaitForOutput("no signature with private key"));
  // Twelve answers that do not come, one after the other, would be twelve waits.
  for (int i = 0; i < 3; ++i) EXPECT_THAT(client.Say("NOOP"), StartsWith("250"));
  for (std::thread& other : others) other.join();
  kill(keys, SIGCONT);
  EXPECT_TRUE(WaitUntil([&] { return Handshakes(); }));
}

// A key that only root may read: the file is read once, and outlives the serving process.
TEST_F(KeyProcess, AKeyThatOnlyRootMayReadSurvivesACrash) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  StartWithOne("signet_user = nobody\nsignet_group = nogroup\n");
  EXPECT_TRUE(Handshakes());
  kill(Find("signet-serve"), SIGSEGV);
  EXPECT_TRUE(WaitUntil([&] { return Handshakes(); })) << process_->SettledOutput();
  process_->Signal(SIGHUP);
  EXPECT_TRUE(process_->WaitForOutput("SIGHUP received: configuration reloaded"))
      << process_->Output();
  EXPECT_TRUE(Handshakes());
  // With the key process it is gone, and that is said.
  kill(Find("signet-keys"), SIGKILL);
  EXPECT_TRUE(WaitUntil([&] { return !Handshakes(); }));
  EXPECT_TRUE(process_->WaitForOutput("no signature with private key \"" + Key("one") + "\""))
      << process_->Output();
}

// --- other files -------------------------------------------------------------------------

TEST_F(KeyProcess, RuleC2ANewPairIsTakenAndABadOneLeavesTheOldOne) {
  StartWithOne();
  MakePair(Kinds()[0], "other");
  const std::string old_pem = ReadFile(Pem("one"));
  WriteFile(Key("one"), ReadFile(Key("other")));
  process_->Signal(SIGHUP);
  EXPECT_TRUE(process_->WaitForOutput("configuration kept as it was")) << process_->Output();
  EXPECT_THAT(process_->Output(), HasSubstr(" with key "));
  EXPECT_THAT(Signature({"-tls1_3"}), HasSubstr("Peer signature type: ECDSA"));
  WriteFile(Pem("one"), ReadFile(Pem("other")));
  process_->Signal(SIGHUP);
  EXPECT_TRUE(process_->WaitForOutput("configuration reloaded")) << process_->Output();
  EXPECT_THAT(Signature({"-tls1_3"}), HasSubstr("Peer signature type: RSA-PSS"));
}

TEST_F(KeyProcess, RuleC4RefusesAKeyThatOthersMayRead) {
  MakePair(Kinds()[1], "one");
  chmod(Key("one").c_str(), 0644);
  Configure(Pem("one"), Key("one"));
  const Finished refused = signet::test::Run({SignetProgram(), "serve", "-C", directory_ / "conf"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output,
              HasSubstr("private key \"" + Key("one") + "\" is open to group or others"));
}

TEST_F(KeyProcess, MistakesAreSaidAsWithoutIt) {
  MakePair(Kinds()[1], "one");
  MakePair(Kinds()[1], "other");
  WriteFile(directory_ / "junk.key", "this is no key\n");
  chmod((directory_ / "junk.key").c_str(), 0600);
  for (const std::string& key : {Key("other"), directory_ / "junk.key", directory_ / "none.key"}) {
    std::string said[2];
    for (const bool with : {false, true}) {
      Configure(Pem("one"), key, with ? "" : "no_key_process\n");
      const Finished finished =
          signet::test::Run({SignetProgram(), "serve", "-C", directory_ / "conf"});
      EXPECT_EQ(finished.status, 2) << key;
      said[with] = finished.output;
    }
    EXPECT_EQ(said[0], said[1]);
  }
}

}  // namespace
}  // namespace signet::test
