// Clients, the gateway and what is behind it are killed (SIGKILL) at every step of a message,
// while many messages are under way. Every message for which a client has read "250" is
// behind, whole; none is there in part, and none twice.
//
// SIGNET_KILLS=20000 kills that often (default: 1,050), SIGNET_SEED=… repeats the plans of a
// run that has printed it. Processes run as they like, so the same plans are not the same run.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <new>
#include <random>
#include <set>

#include "test/support/authority.h"
#include "test/support/mail_peer.h"
#include "test/support/recording_sink.h"
#include "test/support/smtp_client.h"

namespace signet::test {
namespace {

using Random = std::mt19937_64;

enum Victim : int { kClient, kSignet, kSink, kVictims };
constexpr const char* kVictimNames[] = {"client", "signet", "sink"};

// Where a client is. At each of these one of the three is killed.
enum Step : int {
  kGreeting,
  kEhlo,
  kStarttls,   // has heard 220, and is not shaking hands
  kHandshake,  // is encrypted, and has not said EHLO again
  kMail,
  kRcpt,
  kData,
  kMidHeader,
  kMidBody,
  kBeforeDot,
  kInDot,     // between the octets of CRLF.CRLF
  kAfterDot,  // at some time before the reply can be there, or has just come
  kReply,
  kQuit,
  kSteps
};
constexpr const char* kStepNames[] = {
    "greeting", "EHLO", "STARTTLS",   "handshake",  "MAIL",      "RCPT",  "DATA",
    "header",   "body", "before dot", "in the dot", "dot…reply", "reply", "QUIT"};
constexpr int kSinkSteps = static_cast<int>(SinkStep::kQuit) + 1;

// What all processes see.
struct Shared {
  std::atomic<pid_t> running[kVictims];  // 0 while it is down
  std::atomic<int> at_client_step[kVictims][kSteps];
  std::atomic<int> at_sink_step[kVictims][kSinkSteps];
  std::atomic<int> at_any_time[kVictims];
  std::atomic<int> fuse;  // victim and step for the sink: see Fuse()

  int Fuse(Victim victim, int step) const { return 1 + victim * kSinkSteps + step; }
  int Kills(Victim victim) const {
    int sum = at_any_time[victim];
    for (const auto& count : at_client_step[victim]) sum += count;
    for (const auto& count : at_sink_step[victim]) sum += count;
    return sum;
  }
  int Kills() const { return Kills(kClient) + Kills(kSignet) + Kills(kSink); }
  // Kills one that runs, once.
  void Strike(Victim victim, std::atomic<int>* count) {
    const pid_t pid = running[victim].exchange(0);
    if (pid <= 0) return;
    ++*count;
    kill(pid, SIGKILL);
  }
};

struct Report {
  int id;
  int code;  // the reply to the dot; 0: none was heard
};

// A message is made from its number: what arrives is compared with what must have been sent.
class Messages {
 public:
  explicit Messages(std::uint64_t seed) : seed_(seed) {
    Random random(seed);
    for (std::string& line : lines_) line = MakeLine(&random);
  }
  // Lines without their ends; the first ones are the header.
  static std::vector<std::string> Header(int id) {
    std::vector<std::string> lines = {
        "From: alice@example.org", "To: bob@example.net", "Date: Thu, 1 Jan 2026 00:00:00 +0000",
        "Message-ID: <" + std::to_string(id) + "@example.org>", "Subject: " + std::to_string(id)};
    for (int i = 0; i < 10; ++i) lines.push_back("X-Filler: " + std::string(60, 'f'));
    return lines;
  }
  std::vector<std::string> Body(int id) const {
    Random random(seed_ ^ (static_cast<std::uint64_t>(id) << 20));
    const std::size_t kind = random() % 100;
    const std::size_t bytes =
        kind < 70 ? random() % 4'000 : random() % (kind < 92 ? 60'000 : 600'000);
    std::vector<std::string> lines = {"begin " + std::to_string(id)};
    for (std::size_t size = 0; size < bytes; size += lines.back().size() + 2)
      lines.push_back(lines_[random() % lines_.size()]);
    lines.push_back("end " + std::to_string(id));
    return lines;
  }

 private:
  static std::string MakeLine(Random* random) {
    std::string line((*random)() % 10 == 0 ? 998 : (*random)() % 150, ' ');
    for (char& octet : line) octet = static_cast<char>(' ' + (*random)() % 90);
    if ((*random)() % 6 == 0) line = '.' + line.substr(0, 900);
    if ((*random)() % 6 == 0) line = "gr\xc3\xbc\xc3\x9f" + line.substr(0, 900);
    return line;
  }

  std::uint64_t seed_;
  std::array<std::string, 200> lines_;
};

std::string Joined(const std::vector<std::string>& lines, const char* end) {
  std::string text;
  for (const std::string& line : lines) text += line + end;
  return text;
}

// As a client sends them.
std::string Stuffed(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (line[0] == '.' ? "." : "") + line + "\r\n";
  return text;
}

// --- a client, in a process of its own ---------------------------------------------------------

struct Plan {
  bool tls = false;
  bool chunks = false;  // BDAT, not DATA
  int recipients = 1;
  bool strikes = false;  // at `step`, `victim` is killed after `delay_us`
  Victim victim = kClient;
  Step step = kGreeting;
  int delay_us = 0;
  int fuse = 0;  // or: the sink kills when it is at some step of its own
};

class Client {
 public:
  Client(Shared* shared, const Messages& messages, const Authority& authority, int port, int id,
         int reports, const Plan& plan)
      : shared_(*shared),
        messages_(messages),
        authority_(authority),
        port_(port),
        id_(id),
        reports_(reports),
        plan_(plan) {}

  void Run() {
    if (plan_.fuse != 0) shared_.fuse = plan_.fuse;
    const std::unique_ptr<SmtpClient> client = Connect();
    if (client == nullptr) return;
    At(kGreeting);
    if (!Good(client->Say("EHLO client.example.org"))) return;
    At(kEhlo);
    if (plan_.tls && !Encrypt(client.get())) return;
    if (!Good(client->Say("MAIL FROM:<alice@example.org>"))) return;
    At(kMail);
    for (int i = 0; i < plan_.recipients; ++i) {
      if (!Good(client->Say("RCPT TO:<bob@example.net>"))) return;
      At(kRcpt);
    }
    if (!plan_.chunks && client->Say("DATA").substr(0, 3) != "354") return;
    At(kData);
    const std::string& reply = plan_.chunks ? SendChunks(client.get()) : SendMessage(client.get());
    Tell(reply.empty() ? 0 : std::atoi(reply.c_str()));
    At(kReply);
    if (reply.empty()) return;
    client->Send("QUIT\r\n");
    At(kQuit);
    client->ReadReply();
  }

 private:
  static bool Good(const std::string& reply) { return !reply.empty() && reply[0] == '2'; }

  // The gateway may be down for a moment.
  std::unique_ptr<SmtpClient> Connect() const {
    for (int attempt = 0; attempt < 2'000; ++attempt) {
      try {
        auto client = std::make_unique<SmtpClient>(port_);
        if (Good(client->reply())) return client;
      } catch (const std::runtime_error&) {
      }
      usleep(2'000);
    }
    return nullptr;
  }

  bool Encrypt(SmtpClient* client) {
    if (!Good(client->Say("STARTTLS"))) return false;
    At(kStarttls);
    if (!client->StartTls(authority_.pem("alice"), authority_.key("alice"))) return false;
    At(kHandshake);
    return Good(client->Say("EHLO client.example.org"));
  }

  const std::string& SendMessage(SmtpClient* client) {
    const std::string header = Stuffed(Messages::Header(id_)) + "\r\n";
    std::string body = Stuffed(messages_.Body(id_));
    body.resize(body.size() - 2);  // its last CRLF belongs to the dot
    client->Send(header.substr(0, header.size() / 2));
    At(kMidHeader);
    client->Send(header.substr(header.size() / 2));
    const std::size_t part = body.size() * static_cast<std::size_t>(id_ % 97) / 97;
    client->Send(body.substr(0, part));
    At(kMidBody);
    client->Send(body.substr(part));
    At(kBeforeDot);
    const std::string dot = "\r\n.\r\n";
    const std::size_t first = 1 + static_cast<std::size_t>(id_) % 4;
    if (plan_.strikes && plan_.step == kInDot) client->Send(dot.substr(0, first));
    At(kInDot);
    client->Send(plan_.strikes && plan_.step == kInDot ? dot.substr(first) : dot);
    At(kAfterDot);
    return client->ReadReply();
  }

  // The same as chunks of a header's half, its other half, half of the body, and its rest.
  // Where they end is no matter of lines. The last one says so, and has the reply that counts.
  const std::string& SendChunks(SmtpClient* client) {
    const std::string header = Joined(Messages::Header(id_), "\r\n") + "\r\n";
    const std::string body = Joined(messages_.Body(id_), "\r\n");
    const std::size_t part = body.size() * static_cast<std::size_t>(id_ % 97) / 97;
    const auto chunk = [client](const std::string& octets) {
      client->Send("BDAT " + std::to_string(octets.size()) + "\r\n" + octets);
    };
    chunk(header.substr(0, header.size() / 2));
    At(kMidHeader);
    chunk(header.substr(header.size() / 2));
    chunk(body.substr(0, part));
    At(kMidBody);
    for (int i = 0; i < 3; ++i)
      if (!Good(client->ReadReply())) return client->reply();
    At(kBeforeDot);
    const std::string last = body.substr(part);
    client->Send("BDAT " + std::to_string(last.size()) + " LAST\r\n");
    client->Send(last.substr(0, last.size() / 2));
    At(kInDot);
    client->Send(last.substr(last.size() / 2));
    At(kAfterDot);
    return client->ReadReply();
  }

  void Tell(int code) const {
    const Report report{id_, code};
    if (write(reports_, &report, sizeof report) != sizeof report) _exit(2);
  }

  void At(Step step) {
    if (!plan_.strikes || plan_.step != step) return;
    plan_.strikes = plan_.step == kInDot;  // once, and the dot goes on as it began
    if (plan_.delay_us != 0) usleep(static_cast<useconds_t>(plan_.delay_us));
    if (plan_.victim != kClient) {
      shared_.Strike(plan_.victim, &shared_.at_client_step[plan_.victim][step]);
      return;
    }
    ++shared_.at_client_step[kClient][step];
    raise(SIGKILL);
  }

  Shared& shared_;
  const Messages& messages_;
  const Authority& authority_;
  int port_, id_, reports_;
  Plan plan_;
};

// --- the run ----------------------------------------------------------------------------------

enum class Behind { kSmtp, kLmtp, kMaildir };

// Where the DATA ACL adds to the header, which has to go before the body, messages are held
// until their end; otherwise they go on while they come.
bool Held(Behind behind) { return behind != Behind::kSmtp; }

constexpr const char* kConfiguration = R"(
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
no_master_process
tls_certificate = @SERVER@
tls_privatekey = @KEY@
tls_verify_certificates = @ROOT@
tls_try_verify_hosts = *
smtp_accept_max_per_host = 1000
acl_smtp_rcpt = accept
@MAIN@
begin acl
hold:
  accept add_header = X-Held: yes
begin routers
all:
@ROUTER@
  transport = out
begin transports
out:
@TRANSPORT@
)";

std::string Configuration(Behind behind, const Authority& authority, int port, int sink_port,
                          const std::string& directory) {
  const std::string upstream =
      "  driver = manualroute\n  route_list = * 127.0.0.1::" + std::to_string(sink_port);
  std::string text = Replace(kConfiguration, "@PORT@", std::to_string(port));
  text = Replace(text, "@SERVER@", authority.pem("server"));
  text = Replace(text, "@KEY@", authority.key("server"));
  text = Replace(text, "@ROOT@", authority.root());
  text = Replace(text, "@MAIN@", Held(behind) ? "acl_smtp_data = hold" : "");
  text = Replace(text, "@ROUTER@", behind == Behind::kMaildir ? "  driver = accept" : upstream);
  // One over TLS, with connections that serve several messages; one with a connection for each.
  std::string transport =
      "  driver = smtp\n  connection_max_messages = 2\n  hosts_require_tls = *\n"
      "  tls_verify_certificates = " +
      authority.root() + "\n";
  if (behind == Behind::kLmtp)
    transport = "  driver = smtp\n  protocol = lmtp\n  connection_idle_timeout = 0s\n";
  if (behind == Behind::kMaildir)
    transport = "  driver = appendfile\n  maildir_format\n  directory = @DIRECTORY@/mail/box\n";
  return Replace(Replace(text, "@TRANSPORT@", transport), "@DIRECTORY@", directory);
}

std::uint64_t Number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

const Authority& SharedAuthority() {
  static Authority authority;
  static const bool made = [] {
    authority.Issue("alice", testing::ClientSpec());
    return true;
  }();
  (void)made;
  return authority;
}

// One process starts all others and collects them. It has no threads: each client is a fork.
class Battle {
 public:
  Battle(Behind behind, int kills)
      : behind_(behind),
        kills_(kills),
        seed_(Number("SIGNET_SEED", std::random_device{}())),
        random_(seed_ + static_cast<std::uint64_t>(behind)),
        messages_(seed_),
        port_(FreePort()),
        sink_port_(FreePort()) {
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = new (memory) Shared{};
    if (pipe(reports_) != 0) throw std::runtime_error("pipe");
    signal(SIGPIPE, SIG_IGN);
    WriteFile(directory_ / "signet.conf",
              Configuration(behind, SharedAuthority(), port_, sink_port_, directory_.path()));
    for (const char* part : {"mail", "sink"}) std::filesystem::create_directory(directory_ / part);
  }
  ~Battle() {
    for (const pid_t pid : {signet_, sink_})
      if (pid > 0) kill(pid, SIGKILL), waitpid(pid, nullptr, 0);
    close(reports_[0]), close(reports_[1]);
    munmap(shared_, sizeof(Shared));
  }
  Battle(const Battle&) = delete;
  Battle& operator=(const Battle&) = delete;

  void Fight() {
    std::cout << "seed " << seed_ << std::endl;
    const auto begun = std::chrono::steady_clock::now();
    if (with_sink()) StartSink();
    StartSignet();
    while ((!Enough() && !Overdue(begun)) || !clients_.empty()) {
      Collect();
      if (signet_ > 0 && shared_->running[kSignet] == 0 && SomebodyListens(port_))
        shared_->running[kSignet] = signet_;
      while (clients_.size() < kAtOnce && !Enough() && !Overdue(begun)) StartClient();
      if (random_() % 300 == 0) StrikeAtAnyTime();
      ReadReports(1);
    }
    ReadReports(0);
    EXPECT_TRUE(Enough()) << "too few kills, or a step without any";
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::printf("%.1f s, %d messages begun\n", took.count(), next_id_);
    End();
  }

  // What is behind: for each id, how many whole copies; what is not whole is a failure.
  void Judge() {
    std::map<int, int> stored;
    for (const std::string& message : Stored()) ++stored[IdOfWhole(message)];
    int good = 0, lost = 0, unheard = 0;
    std::map<int, int> codes;
    for (const auto& [id, code] : replies_) {
      ++codes[code];
      const int copies = stored.count(id) != 0 ? stored[id] : 0;
      const int wanted = behind_ == Behind::kLmtp ? recipients_[id] : 1;
      if (code == 250) {
        ++good;
        if (copies < wanted) ++lost;
        EXPECT_GE(copies, wanted) << "message " << id << " got 250 and is not there";
      }
      EXPECT_LE(copies, wanted) << "message " << id << " is there more than once";
    }
    for (const auto& [id, copies] : stored) unheard += replies_[id] != 250 && id != 0;
    Print(codes, good, lost, unheard);
    EXPECT_GT(good, kills_ / 10) << "too few messages got through to prove anything";
    for (const auto& [code, count] : codes)
      EXPECT_NE(code / 100, 5) << count << " clients heard " << code << " for what was not theirs";
    EXPECT_EQ(ReadFile(directory_ / "sink/violations"), "");
  }

 private:
  static constexpr std::size_t kAtOnce = 8;
  static constexpr unsigned kPatienceSeconds = 25;

  bool with_sink() const { return behind_ != Behind::kMaildir; }
  bool with_tls() const { return behind_ == Behind::kSmtp; }

  // Some kills do not come: something hangs, or a step is never reached.
  bool Overdue(std::chrono::steady_clock::time_point begun) const {
    return std::chrono::steady_clock::now() - begun > seconds(60) + milliseconds(200) * kills_;
  }

  // So many kills, and each victim at each step, unless only a few are wanted.
  bool Enough() const {
    if (shared_->Kills() < kills_) return false;
    if (kills_ < kVictims * kSteps) return true;
    for (int victim = 0; victim < (with_sink() ? kVictims : kSink); ++victim)
      if (shared_->at_client_step[victim][Rarest(shared_->at_client_step[victim])] == 0)
        return false;
    for (const Victim victim : {kSignet, kSink})
      if (with_sink() && shared_->at_sink_step[victim][RarestSinkStep(victim)] == 0) return false;
    return true;
  }

  template <typename Body>
  static pid_t Fork(Body body) {
    std::cout.flush(), std::fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) throw std::runtime_error("fork");
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    _exit(0);
  }

  void StartSignet() {
    shared_->running[kSignet] = 0;
    signet_ = Fork([this] {
      std::freopen((directory_ / "log").c_str(), "a", stderr);
      const std::string program = SignetProgram(), file = directory_ / "signet.conf";
      execl(program.c_str(), program.c_str(), "serve", "-C", file.c_str(), nullptr);
      _exit(127);
    });
  }

  void StartSink() {
    sink_ = Fork([this] {
      RecordingSink sink;
      sink.port = sink_port_;
      sink.directory = directory_ / "sink";
      sink.lmtp = behind_ == Behind::kLmtp;
      if (with_tls()) {
        sink.certificate = SharedAuthority().pem("server");
        sink.key = SharedAuthority().key("server");
      }
      sink.at = [this](SinkStep step) { Burn(step); };
      sink.Run();
    });
    shared_->running[kSink] = sink_;
  }

  // In the sink: at the step that a client has chosen, it or the gateway dies.
  void Burn(SinkStep at) const {
    const int step = static_cast<int>(at);
    for (const Victim victim : {kSignet, kSink}) {
      int lit = shared_->Fuse(victim, step);
      if (shared_->fuse.compare_exchange_strong(lit, 0))
        shared_->Strike(victim, &shared_->at_sink_step[victim][step]);
    }
  }

  void StartClient() {
    const int id = ++next_id_;
    const Plan plan = MakePlan();
    recipients_[id] = plan.recipients;
    clients_.insert(Fork([&] {
      alarm(kPatienceSeconds);
      Client(shared_, messages_, SharedAuthority(), port_, id, reports_[1], plan).Run();
    }));
  }

  Plan MakePlan() {
    Plan plan;
    plan.tls = random_() % 4 == 0;
    plan.chunks = random_() % 3 == 0;
    plan.recipients = 1 + static_cast<int>(random_() % 3 == 0);
    const std::size_t kind = random_() % 100;
    plan.strikes = kind < 24;
    plan.victim = kind < 12 ? kClient : kind < 17 || !with_sink() ? kSignet : kSink;
    plan.step = random_() % 2 == 0
                    ? static_cast<Step>(random_() % kSteps)
                    : static_cast<Step>(Rarest(shared_->at_client_step[plan.victim]));
    // What is between the dot and its reply is short, and of most interest.
    if (random_() % 4 == 0) plan.step = kAfterDot;
    if (plan.step == kStarttls || plan.step == kHandshake) plan.tls = true;
    plan.delay_us = plan.step == kAfterDot ? static_cast<int>(random_() % 4'000) : 0;
    if (!plan.strikes && with_sink() && random_() % 12 == 0) {
      const Victim victim = random_() % 2 == 0 ? kSignet : kSink;
      plan.fuse = shared_->Fuse(victim, RarestSinkStep(victim));
    }
    return plan;
  }

  int RarestSinkStep(Victim victim) const {
    const auto& counts = shared_->at_sink_step[victim];
    int rarest = static_cast<int>(SinkStep::kConnect);
    for (int step = rarest; step < kSinkSteps; ++step) {
      const bool of_tls = step == static_cast<int>(SinkStep::kStarttls) ||
                          step == static_cast<int>(SinkStep::kHandshake);
      if ((with_tls() || !of_tls) && counts[step] < counts[rarest]) rarest = step;
    }
    return rarest;
  }

  // The step at which there were the fewest kills.
  template <std::size_t kCount>
  static int Rarest(const std::atomic<int> (&counts)[kCount]) {
    return static_cast<int>(std::min_element(counts, counts + kCount) - counts);
  }

  void StrikeAtAnyTime() {
    const Victim victim = with_sink() && random_() % 2 == 0 ? kSink : kSignet;
    shared_->Strike(victim, &shared_->at_any_time[victim]);
  }

  // Whoever has ended; daemons are started again.
  void Collect() {
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      const bool as_planned =
          WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0;
      if (pid == signet_ || pid == sink_) {
        EXPECT_TRUE(WIFSIGNALED(status) && as_planned)
            << (pid == sink_ ? "sink" : "signet") << " ended by itself, status " << status << "\n"
            << Tail(ReadFile(directory_ / "log"));
        if (pid == sink_) StartSink();
        if (pid == signet_) StartSignet();
        continue;
      }
      clients_.erase(pid);
      EXPECT_TRUE(as_planned) << "a client waited for too long, or failed: status " << status;
    }
  }

  static std::string Tail(const std::string& text) {
    return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
  }

  void ReadReports(int wait_ms) {
    pollfd waiting{reports_[0], POLLIN, 0};
    while (poll(&waiting, 1, wait_ms) == 1) {
      Report report;
      if (read(reports_[0], &report, sizeof report) != sizeof report) return;
      replies_[report.id] = report.code;
      wait_ms = 0;
    }
  }

  // After the last client: what is stored now stays as it is.
  void End() {
    for (pid_t* pid : {&signet_, &sink_}) {
      if (*pid > 0) kill(*pid, SIGKILL), waitpid(*pid, nullptr, 0);
      *pid = -1;
    }
  }

  std::vector<std::string> Stored() const {
    if (!with_sink()) return MaildirMessages(directory_ / "mail");
    std::vector<std::string> messages;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "sink/accepted")) {
      const std::string text = ReadFile(entry.path().string());
      messages.push_back(text.substr(text.find("\n\n") + 2));
    }
    return messages;
  }

  // 0, and a failure, where the message is not exactly what was sent under its number.
  int IdOfWhole(const std::string& message) const {
    const char* end = with_sink() ? "\r\n" : "\n";
    const std::string subject = "Subject: ";
    const std::size_t at = message.find(subject);
    const std::size_t body = message.find(std::string(end) + end);
    const int id = at != message.npos ? std::atoi(message.c_str() + at + subject.size()) : 0;
    const bool whole = id > 0 && body != message.npos && at < body &&
                       std::string_view(message).substr(body + 2 * std::string(end).size()) ==
                           Joined(messages_.Body(id), end);
    EXPECT_TRUE(whole) << "message " << id << " is not whole: " << message.size() << " octets";
    for (const std::string& line : Messages::Header(id))
      EXPECT_NE(message.find(line + end), message.npos) << "message " << id << " lacks " << line;
    if (Held(behind_)) EXPECT_NE(message.find("X-Held: yes"), message.npos);
    return whole ? id : 0;
  }

  void Print(const std::map<int, int>& codes, int good, int lost, int unheard) const {
    for (int victim = 0; victim < (with_sink() ? kVictims : kSink); ++victim) {
      std::printf("killed %-6s %5d:", kVictimNames[victim],
                  shared_->Kills(static_cast<Victim>(victim)));
      for (int step = 0; step < kSteps; ++step)
        std::printf(" %s %d", kStepNames[step], shared_->at_client_step[victim][step].load());
      std::printf(" any time %d\n", shared_->at_any_time[victim].load());
      if (victim == kClient || !with_sink()) continue;
      std::printf("              at the sink's steps:");
      for (int step = 1; step < kSinkSteps; ++step)
        std::printf(" %d", shared_->at_sink_step[victim][step].load());
      std::printf("\n");
    }
    std::printf("replies to the dot:");
    for (const auto& [code, count] : codes) std::printf(" %d×%d", code, count);
    std::printf("\n%d kills; %d messages got 250, %d of them lost; %d more arrived without\n",
                shared_->Kills(), good, lost, unheard);
  }

  Behind behind_;
  int kills_;
  std::uint64_t seed_;
  Random random_;
  Messages messages_;
  TempDir directory_;
  int port_, sink_port_;
  Shared* shared_;
  int reports_[2];
  pid_t signet_ = -1, sink_ = -1;
  std::set<pid_t> clients_;
  int next_id_ = 0;
  std::map<int, int> recipients_, replies_;  // by number of the message
};

void FightAndJudge(Behind behind, int share_percent) {
  const int kills = static_cast<int>(Number("SIGNET_KILLS", 1050)) * share_percent / 100;
  Battle battle(behind, kills);
  battle.Fight();
  battle.Judge();
}

TEST(Kills, RuleU1LoseNothingThatAnUpstreamGot) { FightAndJudge(Behind::kSmtp, 40); }

TEST(Kills, RuleU1LoseNothingThatAnLmtpServerGot) { FightAndJudge(Behind::kLmtp, 30); }

TEST(Kills, RuleU1LoseNothingThatWentToAMaildir) { FightAndJudge(Behind::kMaildir, 30); }

}  // namespace
}  // namespace signet::test
