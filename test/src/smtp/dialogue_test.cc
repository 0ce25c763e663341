// Runs the dialogues of test/smtp/*.smtp: a real session in a loop of its own, a client
// that says what the file tells it, an upstream and a log that are looked at afterwards.
//
//   --- name              begins a case; names the section of an RFC or the rule it is about
//   = text                a line of the configuration (main section first)
//   ! port 465            the client comes to a port with TLS on connect
//   > rcpt ADDRESS REPLY  what the upstream answers to that recipient
//   > data REPLY          … to DATA;  > finish REPLY  to the message;  > early  stops reading
//   C: text               the client sends a line; several in a row are one write
//   c: text               the same without CRLF; \r \n \0 \xHH \\ are escapes
//   T: NAME               the client begins TLS, with that certificate ("none" for none)
//   T! NAME               the same, and it fails
//   t: text               the client ends TLS, then sends that line in clear
//   C*N text, S*N pattern N times
//   S: pattern            a line of the server, * stands for any text
//   S. pattern            any lines up to and with this one
//   E:                    the server ends the connection
//   X:                    the client ends the connection
//   F: N                  N attempts to authenticate fail elsewhere from the same address
//   L: pattern            afterwards: some line of the main log;  R: of the reject log
//   L! pattern            afterwards: no line of the main log
//   M: text               afterwards: all lines the upstream has got of accepted messages
//                         ("from <a> to <b>,<c>", then their lines)
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "src/smtp/session.h"
#include "test/support/certificates.h"

namespace signet::smtp {
namespace {

namespace fs = std::filesystem;

struct Step {
  std::string kind;
  std::string text;
  int line = 0;
};
struct Case {
  std::string file, name;
  std::string config;
  std::vector<Step> steps;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.file << ".smtp: " << c.name; }

// --- reading the files -----------------------------------------------------------------------

std::string KindOf(const std::string& line) {
  for (const char* kind : {"C:", "c:", "T:", "T!", "t:", "S:", "S.", "E:", "X:", "L:", "L!",
                           "R:", "M:", "F:", "! ", "> ", "C*", "S*"})
    if (line.starts_with(kind)) return kind;
  return "";
}

std::vector<Case> ReadFile(const fs::path& path) {
  std::vector<Case> cases;
  std::ifstream in(path);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.starts_with("--- ")) {
      cases.push_back({path.stem().string(), line.substr(4), "", {}});
    } else if (line.empty() || line.front() == '#') {
      continue;
    } else if (line.starts_with("=") && !cases.empty()) {
      cases.back().config += line.substr(std::min<std::size_t>(2, line.size())) + '\n';
    } else if (const std::string kind = KindOf(line); !kind.empty() && !cases.empty()) {
      std::string text = line.substr(2);
      if (line[1] == '*') {
        std::size_t digits = 0;
        const int times = std::stoi(text, &digits);
        for (int i = 0; i < times; ++i)
          cases.back().steps.push_back({line.substr(0, 1) + ':', text.substr(digits + 1), number});
        continue;
      }
      if (text.starts_with(" ")) text.erase(0, 1);
      cases.back().steps.push_back({kind, text, number});
    } else {
      cases.push_back(
          {path.stem().string(), "line " + std::to_string(number) + " is not understood", "", {}});
    }
  }
  return cases;
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator("test/smtp"))
    if (entry.path().extension() == ".smtp") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files)
    for (Case& c : ReadFile(file)) cases.push_back(std::move(c));
  return cases;
}

std::string CaseName(const ::testing::TestParamInfo<Case>& info) {
  std::string name = info.param.file + '_';
  bool upper = true;
  for (char c : info.param.name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'r') {
      out += '\r';
    } else if (c == 'n') {
      out += '\n';
    } else if (c == '0') {
      out += '\0';
    } else if (c == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

bool Matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*')
    return !text.empty() && pattern.front() == text.front() &&
           Matches(pattern.substr(1), text.substr(1));
  for (std::size_t i = 0; i <= text.size(); ++i)
    if (Matches(pattern.substr(1), text.substr(i))) return true;
  return false;
}

// --- the upstream ----------------------------------------------------------------------------

struct UpstreamScript {
  std::map<std::string, relay::Reply> rcpt;
  std::optional<relay::Reply> data, finish;
  bool early = false;
  std::vector<std::string> received;
  int open = 0;
};

relay::Reply ParseReply(const std::string& text) {
  relay::Reply reply;
  std::istringstream in(text);
  in >> reply.code >> reply.enhanced;
  std::getline(in >> std::ws, reply.text);
  reply.log_text = "upstream said " + text;
  return reply;
}

class FakeTransaction final : public relay::Transaction {
 public:
  FakeTransaction(UpstreamScript& script, const facts::Session& session)
      : script_(script), sender_(session.envelope.sender) {
    ++script_.open;
  }
  ~FakeTransaction() override { --script_.open; }

  relay::Reply AddRecipient(const facts::Recipient& recipient, config::MatchContext&) override {
    const auto scripted = script_.rcpt.find(recipient.address);
    if (scripted != script_.rcpt.end() && !scripted->second.positive()) return scripted->second;
    recipients_.push_back(recipient);
    return {250, "2.1.5", "ok", ""};
  }
  relay::Reply StartData() override {
    return script_.data.value_or(relay::Reply{354, "", "go", ""});
  }
  bool WriteLine(std::string_view line) override {
    lines_.emplace_back(line);
    return !script_.early;
  }
  relay::Reply Finish() override {
    if (script_.early) return {451, "4.3.0", "early", "early"};
    if (script_.finish) return *script_.finish;
    std::string to;
    for (const facts::Recipient& r : recipients_) to += (to.empty() ? "<" : ",<") + r.address + '>';
    script_.received.push_back("from <" + sender_ + "> to " + to);
    for (const std::string& line : lines_) script_.received.push_back(line);
    return {250, "2.0.0", "queued", ""};
  }
  std::vector<relay::Delivered> TakeDelivered() override {
    std::vector<relay::Delivered> delivered;
    for (const facts::Recipient& r : recipients_)
      delivered.push_back({r, "up", "fake", {"up", "192.0.2.25", 25, {}}});
    return delivered;
  }

 private:
  UpstreamScript& script_;
  std::string sender_;
  std::vector<facts::Recipient> recipients_;
  std::vector<std::string> lines_;
};

// --- certificates ------------------------------------------------------------------------------

// Files of a server, two clients and a stranger, made once.
class Files {
 public:
  static const Files& Get() {
    static const Files files;
    return files;
  }
  std::string Path(const std::string& name) const { return directory_ / name; }

 private:
  Files() {
    std::string pattern = (fs::temp_directory_path() / "signet-smtp-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    using namespace signet::testing;
    const Issued root = MakeRoot();
    Write("ca.pem", root.Pem(), 0644);
    MakePair("server", {}, &root, 1);
    MakePair("alice", "alice@example.org", &root, 2);
    MakePair("stranger", "alice@example.org", nullptr, 3);
  }
  ~Files() { fs::remove_all(directory_); }

  void MakePair(const std::string& name, std::string_view mail, const testing::Issued* issuer,
                int key_number) {
    testing::CertificateSpec spec;
    spec.subject = testing::CommonName(name);
    if (!mail.empty()) spec.alternative_names = {testing::MailName(mail)};
    spec.purposes = {std::string(mail.empty() ? testing::kServerAuth : testing::kClientAuth)};
    const testing::Issued issued =
        Issue(spec, testing::SharedKey(testing::KeyType::kEcdsaP256, key_number), issuer);
    Write(name + ".pem", issued.Pem(), 0644);
    Write(name + ".key", issued.key.Pem(), 0600);
  }
  void Write(const std::string& name, const std::string& text, mode_t mode) {
    const fs::path path = directory_ / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }
  fs::path directory_;
};

// --- the client ----------------------------------------------------------------------------------

constexpr auto kPatience = std::chrono::seconds(10);

class Client {
 public:
  explicit Client(engine::Socket socket) : stream_(tls::MakeClearStream(std::move(socket))) {}

  void Send(std::string_view octets) {
    if (stream_ != nullptr) (void)stream_->Write(octets, Deadline::After(kPatience));
  }
  // A line of the server without CRLF; nullopt when it has gone.
  std::optional<std::string> ReadLine() {
    while (true) {
      const std::size_t end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return line;
      }
      char octets[1024];
      if (stream_ == nullptr) return std::nullopt;
      const engine::IoResult result =
          stream_->Read(octets, sizeof octets, Deadline::After(kPatience));
      if (!result.ok()) {
        ended_ = result.status != engine::IoStatus::kTimeout;
        return std::nullopt;
      }
      buffer_.append(octets, result.bytes);
    }
  }
  bool ended() const { return ended_; }

  std::string StartTls(const std::string& name) {
    tls::ClientOptions options;
    options.verify = false;
    if (name != "none") {
      options.certificate_file = Files::Get().Path(name + ".pem");
      options.key_file = Files::Get().Path(name + ".key");
    }
    engine::Socket socket = std::move(*stream_->socket());
    stream_.reset();
    below_ = engine::Socket(::dup(socket.fd()));
    auto connected = tls::ConnectTls(std::move(socket), options, Deadline::After(kPatience));
    if (!connected) return connected.error();
    stream_ = std::move(connected).value();
    return "";
  }
  void EndTls(std::string_view text) {
    stream_.reset();
    (void)below_.Write(std::string(text) + "\r\n", Deadline::After(kPatience));
    stream_ = tls::MakeClearStream(std::move(below_));
  }
  void Close() {
    stream_.reset();
    below_.Close();
  }

 private:
  std::unique_ptr<tls::Stream> stream_;
  engine::Socket below_;  // what TLS runs on
  std::string buffer_;
  bool ended_ = false;
};

// --- one case ------------------------------------------------------------------------------------

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "signet-dialogue-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    log_ = std::make_unique<Log>(
        Log::Paths{directory_ / "main", directory_ / "reject", directory_ / "panic"});
    registry_ = drivers::Registry::MakeBuiltin();
  }
  void TearDown() override { fs::remove_all(directory_); }

  SitePtr MakeSite(std::string text) {
    const std::string files = "tls_certificate = " + Files::Get().Path("server.pem") +
                              "\ntls_privatekey = " + Files::Get().Path("server.key") +
                              "\ntls_verify_certificates = " + Files::Get().Path("ca.pem") + '\n';
    std::string standard = "primary_hostname = mx.example.org\n";
    if (text.find("tls_certificate") == std::string::npos) standard += files;
    if (text.find("acl_smtp_rcpt") == std::string::npos)
      standard += "acl_smtp_rcpt = accept hosts = *\n";
    for (std::size_t at; (at = text.find("@DIR@")) != std::string::npos;)
      text.replace(at, 5, directory_.string());
    const std::string path = directory_ / "signet.conf";
    std::ofstream(path) << standard << text;
    LoadedSite loaded = LoadSite(path, {}, *registry_, LoadTls::kYes);
    for (const Diagnostic& diagnostic : loaded.loaded.diagnostics)
      EXPECT_EQ(diagnostic.severity, Severity::kWarning) << Render(diagnostic);
    return loaded.site;
  }

  void Prepare(const Case& c) {
    for (const Step& step : c.steps) {
      if (step.kind == "! ") tls_on_connect_ = true;
      if (step.kind != "> ") continue;
      std::istringstream in(step.text);
      std::string what, rest;
      in >> what;
      if (what == "rcpt") {
        std::string address;
        in >> address;
        std::getline(in >> std::ws, rest);
        script_.rcpt[address] = ParseReply(rest);
      } else {
        std::getline(in >> std::ws, rest);
        if (what == "data") script_.data = ParseReply(rest);
        if (what == "finish") script_.finish = ParseReply(rest);
        if (what == "early") script_.early = true;
        if (what == "shutdown") shutting_down_ = true;
      }
    }
  }

  void Serve(engine::Socket socket, SitePtr site) {
    facts::Connection connection;
    connection.client_ip = "192.0.2.1";
    connection.client_port = 4711;
    connection.local_ip = "192.0.2.2";
    connection.local_port = tls_on_connect_ ? 465 : 587;
    connection.tls_on_connect = tls_on_connect_;
    connection.started = std::chrono::system_clock::now();
    SessionContext context;
    context.log = log_.get();
    context.shutting_down = &shutting_down_;
    context.auth_failures = &failures_;
    context.rates = &rates_;
    context.begin = [this](const facts::Session& session, const relay::TransactionOptions&) {
      return std::make_unique<FakeTransaction>(script_, session);
    };
    {
      lookup::Worker worker(*registry_, site->config, log_.get());
      context.lookups = &worker;
      context.site = std::move(site);
      RunSession(std::move(socket), std::move(connection), std::move(context));
    }
  }

  // What the case is about: the client's side, step by step.
  void Talk(Client& client, const Case& c) {
    std::string sending;
    for (const Step& step : c.steps) {
      const std::string place = "test/smtp/" + c.file + ".smtp:" + std::to_string(step.line) + ": ";
      if (step.kind == "C:") sending += Unescape(step.text) + "\r\n";
      if (step.kind == "c:") sending += Unescape(step.text);
      if (step.kind == "C:" || step.kind == "c:") continue;
      if (!sending.empty()) client.Send(std::exchange(sending, ""));
      if (step.kind == "F:")
        for (int i = std::stoi(step.text); i > 0; --i)
          failures_.Add("192.0.2.1", std::chrono::steady_clock::now());
      if (step.kind == "S:") {
        const std::optional<std::string> line = client.ReadLine();
        ASSERT_TRUE(line) << place << "expected \"" << step.text << "\", the server says nothing";
        ASSERT_TRUE(Matches(step.text, *line))
            << place << "expected \"" << step.text << "\", the server says \"" << *line << '"';
      } else if (step.kind == "S.") {
        std::string seen;
        while (true) {
          const std::optional<std::string> line = client.ReadLine();
          ASSERT_TRUE(line) << place << "expected \"" << step.text << "\" after:\n" << seen;
          if (Matches(step.text, *line)) break;
          seen += *line + '\n';
        }
      } else if (step.kind == "E:") {
        const std::optional<std::string> line = client.ReadLine();
        ASSERT_FALSE(line) << place << "expected the end, the server says \"" << *line << '"';
        ASSERT_TRUE(client.ended()) << place << "expected the end";
      } else if (step.kind == "t:") {
        client.EndTls(Unescape(step.text));
      } else if (step.kind == "X:") {
        client.Close();
      } else if (step.kind == "T:") {
        const std::string error = client.StartTls(step.text);
        ASSERT_EQ(error, "") << place;
      } else if (step.kind == "T!") {
        ASSERT_NE(client.StartTls(step.text), "") << place;
      }
    }
    if (!sending.empty()) client.Send(sending);
  }

  // A session, and a client that does as told, in a loop of their own.
  void Run(const SitePtr& site, const std::function<void(Client&)>& talk) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    engine::Loop loop;
    bool served = false;
    loop.Post([&] {
      loop.Spawn([&] {
        {
          Client client{engine::Socket(ends[1])};
          talk(client);
        }
        // The session sees its client go, and ends.
        const Deadline until = Deadline::After(kPatience);
        while (!served && !until.Passed())
          (void)engine::SleepUntil(Deadline::After(std::chrono::milliseconds(1)));
        EXPECT_TRUE(served) << "the session goes on without a client";
        loop.Stop();
      });
      loop.Spawn([&] {
        Serve(engine::Socket(ends[0]), site);
        served = true;
      });
    });
    loop.Run();
  }

  std::vector<std::string> LogLines(const std::string& name) const {
    std::vector<std::string> lines;
    std::ifstream in(directory_ / name);
    std::string line;
    while (std::getline(in, line))  // without the time stamp
      lines.push_back(line.size() > 20 ? line.substr(20) : line);
    return lines;
  }

  void CheckLogs(const Case& c) {
    const std::vector<std::string> main = LogLines("main"), reject = LogLines("reject");
    std::vector<std::string> messages;
    bool look_at_messages = false;
    for (const Step& step : c.steps) {
      const std::string place = "test/smtp/" + c.file + ".smtp:" + std::to_string(step.line) + ": ";
      const auto fits = [&](const std::string& line) { return Matches(step.text, line); };
      if (step.kind == "L:") {
        EXPECT_TRUE(std::any_of(main.begin(), main.end(), fits))
            << place << "no such line in the log:\n"
            << ::testing::PrintToString(main);
      } else if (step.kind == "R:") {
        EXPECT_TRUE(std::any_of(reject.begin(), reject.end(), fits))
            << place << "no such line in the reject log:\n"
            << ::testing::PrintToString(reject);
      } else if (step.kind == "L!") {
        EXPECT_FALSE(std::any_of(main.begin(), main.end(), fits))
            << place << "such a line is in the log:\n"
            << ::testing::PrintToString(main);
      } else if (step.kind == "M:") {
        look_at_messages = true;
        if (!step.text.empty() || !messages.empty()) messages.push_back(step.text);
      }
    }
    if (!look_at_messages) return;
    ASSERT_EQ(messages.size(), script_.received.size())
        << ::testing::PrintToString(script_.received);
    for (std::size_t i = 0; i < messages.size(); ++i)
      EXPECT_TRUE(Matches(messages[i], script_.received[i]))
          << "expected \"" << messages[i] << "\", the upstream got \"" << script_.received[i]
          << '"';
  }

  fs::path directory_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<drivers::Registry> registry_;
  auth::Failures failures_;
  acl::RateTable rates_;
  UpstreamScript script_;
  std::atomic<bool> shutting_down_{false};
  bool tls_on_connect_ = false;
};

class Smtp : public SessionTest, public ::testing::WithParamInterface<Case> {};

TEST_P(Smtp, GoesAsWritten) {
  const Case& c = GetParam();
  Prepare(c);
  SitePtr site = MakeSite(c.config);
  ASSERT_NE(site, nullptr);
  Run(site, [&](Client& client) { Talk(client, c); });
  EXPECT_EQ(script_.open, 0) << "a transaction was left open";
  CheckLogs(c);
}

// Sends `data` as a message, then QUIT, and counts the messages that were accepted.
void SubmitData(Client& client, const std::string& data, std::size_t* accepted) {
  const auto until = [&](std::string_view pattern) {
    while (const std::optional<std::string> line = client.ReadLine())
      if (Matches(pattern, *line)) return;
  };
  client.Send("EHLO c\r\n");
  until("250 HELP");
  client.Send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
  until("354 *");
  client.Send(data + "\r\n.\r\nQUIT\r\n");
  while (const std::optional<std::string> line = client.ReadLine())
    if (Matches("250 2.0.0 OK id=*", *line)) ++*accepted;
}

TEST_F(SessionTest, RuleS2AsManyMessagesArriveAsWereAccepted) {
  const SitePtr site = MakeSite("smtp_enforce_sync = false\n");
  ASSERT_NE(site, nullptr);
  const std::vector<std::string> tokens = {"\r\n",
                                           "\r\n",
                                           ".",
                                           "\r",
                                           "\n",
                                           std::string(1, '\0'),
                                           "x",
                                           "..",
                                           "\r\n.\r\n",
                                           "RSET",
                                           "MAIL FROM:<e@v.example>",
                                           "RCPT TO:<v@v.example>",
                                           "DATA",
                                           "Subject: s"};
  std::uint32_t random = 1;  // always the same, so that a failure comes again
  std::size_t accepted = 0, refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string data;
    for (int i = 0; i < 12; ++i) {
      random = random * 1664525 + 1013904223;
      data += tokens[(random >> 16) % tokens.size()];
    }
    script_.received.clear();
    std::size_t yes = 0;
    Run(site, [&](Client& client) { SubmitData(client, data, &yes); });
    const auto arrived =
        std::count_if(script_.received.begin(), script_.received.end(),
                      [](const std::string& l) { return l.starts_with("from <"); });
    ASSERT_EQ(static_cast<std::size_t>(arrived), yes) << ::testing::PrintToString(data);
    for (const std::string& line : script_.received)
      ASSERT_EQ(line.find_first_of(std::string_view("\r\n\0", 3)), std::string::npos)
          << ::testing::PrintToString(data);
    ASSERT_EQ(script_.open, 0);
    accepted += yes;
    refused += yes == 0 ? 1 : 0;
  }
  EXPECT_GT(accepted, 10U);
  EXPECT_GT(refused, 10U);
}

TEST(Dialogues, AreMoreThanAHundredAndFiftyAndSayWhatTheyAreAbout) {
  const std::vector<Case> cases = AllCases();
  std::set<std::string> titles;
  for (const Case& c : cases) {
    EXPECT_THAT(c.name, ::testing::ContainsRegex("RFC [0-9]+ [0-9A-Z]|Rule[A-Z][0-9]"))
        << c.file << ".smtp: the title names neither a section of an RFC nor a rule";
    EXPECT_TRUE(titles.insert(c.file + c.name).second) << c.file << ".smtp: twice: " << c.name;
  }
  std::cout << cases.size() << " dialogues\n";
  EXPECT_GE(cases.size(), 150U);
}

INSTANTIATE_TEST_SUITE_P(Dialogues, Smtp, ::testing::ValuesIn(AllCases()), CaseName);

}  // namespace
}  // namespace signet::smtp
