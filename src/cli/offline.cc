#include "src/cli/offline.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "src/acl/rates.h"
#include "src/base/codec.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/cli/ldif_directory.h"
#include "src/relay/pretend.h"
#include "src/server/listener.h"
#include "src/smtp/decide.h"
#include "src/smtp/dialogue.h"
#include "src/tls/pretend.h"

namespace signet::cli {
namespace {

constexpr int kClientPort = 49152;  // of the range that clients use
constexpr std::size_t kStampBytes = sizeof "2026-11-21 22:43:06 " - 1;

// The client's half of a connection that is not there.
class PlayedStream final : public tls::Stream {
 public:
  // `replies`: what was written and not given to `next` yet.
  PlayedStream(const OfflineSite::NextLine& next, std::string* replies)
      : next_(next), replies_(*replies) {}

  engine::IoResult Read(void* data, std::size_t size, Deadline) override {
    if (waiting_.empty()) {
      std::optional<std::string> line = next_(std::exchange(replies_, {}));
      if (!line) return {engine::IoStatus::kClosed};
      waiting_ = *std::move(line) + "\r\n";
    }
    const std::size_t count = std::min(size, waiting_.size());
    std::copy_n(waiting_.data(), count, static_cast<char*>(data));
    waiting_.erase(0, count);
    return {engine::IoStatus::kOk, count};
  }
  engine::IoResult Write(std::string_view data, Deadline) override {
    replies_ += data;
    return {engine::IoStatus::kOk, data.size()};
  }
  bool InputPending() override { return false; }
  engine::Socket* socket() override { return &none_; }

 private:
  const OfflineSite::NextLine& next_;
  std::string waiting_;
  std::string& replies_;
  engine::Socket none_;
};

// Code of the last reply in what was sent, 0 without one.
int CodeOf(std::string_view replies) {
  if (replies.size() < 3) return 0;
  const std::size_t end = replies.rfind("\r\n", replies.size() - 3);
  const std::string_view last = replies.substr(end == replies.npos ? 0 : end + 2);
  if (last.size() < 3 || !std::all_of(last.begin(), last.begin() + 3, IsDigit)) return 0;
  return (last[0] - '0') * 100 + (last[1] - '0') * 10 + (last[2] - '0');
}

bool Offers(std::string_view replies, std::string_view extension) {
  for (std::size_t at = 0; at < replies.size();) {
    const std::size_t end = std::min(replies.find("\r\n", at), replies.size());
    const std::string_view line = replies.substr(at, end - at);
    if (line.size() > 4 && line.substr(4, line.find(' ', 4) - 4) == extension) return true;
    at = end + 2;
  }
  return false;
}

// What an ordinary client says, step by step, until something is refused or all is said.
class Script {
 public:
  explicit Script(const OfflineClient& client) : client_(client) {}

  // nullopt: there is nothing more to say.
  std::optional<std::string> Next(std::string_view replies, const facts::Session& session) {
    const int code = CodeOf(replies);
    if (code == 0 && step_ != kHandshaken) return std::nullopt;
    if (code >= 400 && step_ != kAuth) return std::nullopt;
    switch (step_) {
      case kGreeted:
        step_ = kHello;
        return Hello();
      case kHello:
        if (client_.tls && !session.tls.active && Offers(replies, "STARTTLS")) {
          step_ = kHandshaken;
          return "STARTTLS";
        }
        step_ = kAuth;
        if (!client_.mechanism.empty()) return Authenticate();
        return Mail(session);
      case kHandshaken:
        step_ = kHello;
        return Hello();
      case kAuth:
        if (code == 334) return Respond();
        if (code >= 400) return std::nullopt;
        return Mail(session);
      case kMail:
      case kRcpt:
        if (recipient_ < client_.to.size()) {
          step_ = kRcpt;
          return "RCPT TO:<" + client_.to[recipient_++] + ">";
        }
        if (step_ == kMail) return std::nullopt;
        step_ = kData;
        return "DATA";
      case kData:
        return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  enum Step { kGreeted, kHello, kHandshaken, kAuth, kMail, kRcpt, kData };

  std::string Hello() const {
    if (!client_.helo.empty()) return "EHLO " + client_.helo;
    const bool v6 = client_.ip.find(':') != std::string::npos;
    return "EHLO [" + std::string(v6 ? "IPv6:" : "") + client_.ip + ']';
  }
  std::string Authenticate() {
    std::string line = "AUTH " + client_.mechanism;
    if (client_.responses.empty()) return line;
    const std::string& first = client_.responses[response_++];
    return line + ' ' + (first.empty() ? "=" : EncodeBase64(first));
  }
  std::string Respond() {
    if (response_ >= client_.responses.size()) return "*";
    return EncodeBase64(client_.responses[response_++]);
  }
  std::optional<std::string> Mail(const facts::Session& session) {
    step_ = kMail;
    if (client_.from) return "MAIL FROM:<" + *client_.from + ">";
    if (!client_.from_is_identity) return std::nullopt;
    return "MAIL FROM:<" + LikelySender(session) + ">";
  }
  // Whom the client would send as: its identity, or the address in its certificate.
  static std::string LikelySender(const facts::Session& session) {
    if (session.auth.id.find('@') != std::string::npos) return session.auth.id;
    if (session.tls.peer != nullptr)
      for (const crypto::SanName& name : session.tls.peer->alternative_names())
        if (name.type == crypto::SanType::kMail && name.valid) return name.value;
    return "postmaster@" + session.primary_hostname;
  }

  const OfflineClient& client_;
  Step step_ = kGreeted;
  std::size_t recipient_ = 0, response_ = 0;
};

// Adds to the last step what was said to it while it is not over ("354" of DATA).
void CompleteLastStep(std::string_view replies, report::Decision* decision) {
  using Kind = facts::TraceStep::Kind;
  auto last = std::find_if(decision->steps.rbegin(), decision->steps.rend(),
                           [](const auto& step) { return step.kind == Kind::kCommand; });
  if (last == decision->steps.rend() || !last->value.empty()) return;
  last->value = Printable(replies.substr(0, replies.find("\r\n")));
  last->outcome = facts::TraceStep::Outcome::kYes;
}

}  // namespace

// A log that is kept in memory.
struct OfflineSite::Captured {
  Captured()
      : file(::memfd_create("signet-log", MFD_CLOEXEC)),
        log(Log::Setup{
            {{Log::Place::Kind::kFile, Log::Form::kExim, "/proc/self/fd/" + std::to_string(file)}},
            {},
            {},
            false}) {}
  ~Captured() { ::close(file); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  // The lines since the last call.
  std::vector<std::string> Take() {
    std::string text;
    char part[4096];
    ssize_t got = 0;
    while ((got = ::pread(file, part, sizeof part, seen)) > 0) {
      text.append(part, static_cast<std::size_t>(got));
      seen += got;
    }
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      lines.push_back(line.size() > kStampBytes ? line.substr(kStampBytes) : line);
      at = end + 1;
    }
    return lines;
  }

  int file;
  off_t seen = 0;
  Log log;
};

DirectoryChoice ParseDirectory(const std::string& text) {
  if (text.empty() || text == "live") return {};
  if (text == "none") return {DirectoryChoice::kNone, ""};
  return {DirectoryChoice::kLdif, text};
}

OfflineSite::OfflineSite(smtp::LoadedSite loaded, const drivers::Registry& registry,
                         const DirectoryChoice& directory)
    : loaded_(std::move(loaded)), captured_(std::make_unique<Captured>()) {
  if (directory.kind != DirectoryChoice::kNone)
    lookups_ = std::make_unique<lookup::Worker>(registry, loaded_.site->config, &captured_->log);
  if (directory.kind == DirectoryChoice::kLdif) {
    auto loaded = LdifDirectory::Load(directory.file);
    if (loaded)
      LdifDirectory::Answer(std::move(loaded).value(), *lookups_);
    else
      trouble_ = loaded.error();
  }
}

OfflineSite::~OfflineSite() = default;

Result<OfflineSite::Listening, std::string> OfflineSite::FindListener(
    const std::string& wanted) const {
  auto set = server::ListeningSet(site().config->main, {});
  if (!set) return Err{set.error()};
  for (const server::ListenAddress& address : set.value()) {
    const std::string port = std::to_string(address.port);
    const bool v6 = address.ip.find(':') != std::string::npos;
    const std::string whole = (v6 ? '[' + address.ip + ']' : address.ip) + ':' + port;
    if (!wanted.empty() && wanted != port && wanted != whole && wanted != address.Text()) continue;
    const bool any = address.ip == "0.0.0.0" || address.ip == "::0" || address.ip == "::";
    return Listening{any ? "127.0.0.1" : address.ip, address.port, address.tls_on_connect};
  }
  std::string known;
  for (const std::string& one : ListenersOf(*site().config))
    known += (known.empty() ? "" : ", ") + one;
  return Err{"no listener \"" + Printable(wanted) + "\"; there are " + known};
}

Result<Played, std::string> OfflineSite::Converse(const OfflineClient& client, const NextLine& next,
                                                  const SeeSteps& steps) {
  const auto listener = FindListener(client.listener);
  if (!listener) return Err{listener.error()};
  (void)captured_->Take();
  facts::Trace trace(true);
  acl::RateTable rates;

  facts::Connection connection;
  connection.client_ip = client.ip;
  connection.client_port = kClientPort;
  connection.local_ip = listener.value().ip;
  connection.local_port = listener.value().port;
  connection.tls_on_connect = listener.value().tls_on_connect;
  connection.id = "0";
  connection.started = client.at ? std::chrono::system_clock::from_time_t(*client.at)
                                 : std::chrono::system_clock::now();

  const NextLine with_steps = [&](std::string_view replies) {
    if (steps) steps(trace);
    return next(replies);
  };
  auto pretence = std::make_shared<smtp::Pretence>();
  std::string replies;
  pretence->stream = std::make_unique<PlayedStream>(with_steps, &replies);
  pretence->server_name = client.server_name;
  pretence->handshake =
      [&client](const tls::ServerPolicyPtr& policy,
                const tls::AcceptOptions& options) -> Result<tls::Accepted, tls::HandshakeFailure> {
    return tls::Pretend(
        *policy, options,
        {client.chain, client.server_name, client.tls12, client.at.value_or(std::time(nullptr))});
  };

  smtp::SessionContext context;
  context.site = loaded_.site;
  context.lookups = lookups_.get();
  context.log = &captured_->log;
  context.rates = &rates;
  context.trace = &trace;
  context.pretence = std::move(pretence);
  context.begin = [this](facts::Session&, const relay::TransactionOptions&) {
    return relay::Pretend(loaded_.site->routes);
  };
  auto dialogue =
      std::make_unique<smtp::Dialogue>(engine::Socket(), std::move(connection), std::move(context));
  dialogue->session().at = client.at;
  playing_ = dialogue.get();
  dialogue->Run();
  (void)with_steps(replies);
  playing_ = nullptr;
  Played played{smtp::MakeDecision(*dialogue), {}};
  dialogue.reset();
  played.log = captured_->Take();
  return played;
}

Result<Played, std::string> OfflineSite::Play(const OfflineClient& client) {
  Script script(client);
  std::optional<Played> before;  // as it was when the client had nothing more to say
  const NextLine next = [&](std::string_view replies) -> std::optional<std::string> {
    if (before) return std::nullopt;
    std::optional<std::string> line = script.Next(replies, playing_->session());
    if (line) return line;
    before.emplace(Played{smtp::MakeDecision(*playing_), captured_->Take()});
    CompleteLastStep(replies, &before->decision);
    return std::nullopt;
  };
  auto played = Converse(client, next, nullptr);
  if (!played || !before) return played;
  return *std::move(before);
}

std::vector<std::string> OfflineSite::TakeLog() { return captured_->Take(); }

std::vector<std::string> ListenersOf(const config::Config& config) {
  std::vector<std::string> listeners;
  const auto set = server::ListeningSet(config.main, {});
  if (!set) return listeners;
  for (const server::ListenAddress& address : set.value()) {
    const bool v6 = address.ip.find(':') != std::string::npos;
    listeners.push_back((v6 ? '[' + address.ip + ']' : address.ip) + ':' +
                        std::to_string(address.port) + (address.tls_on_connect ? " (TLS)" : ""));
  }
  return listeners;
}

Result<std::vector<std::string>, std::string> ReadChainFile(const std::string& file) {
  auto text = ReadRegularFile(file, limits::kCertificateFileMaxBytes);
  if (!text) return Err{"cannot read \"" + Printable(file) + "\": " + text.error()};
  std::vector<std::string> chain;
  if (text.value().find("-----BEGIN") == std::string::npos) {
    auto certificate = crypto::Certificate::FromDer(text.value());
    if (!certificate) return Err{"\"" + file + "\": " + certificate.error()};
    chain.emplace_back(certificate.value()->der());
    return chain;
  }
  auto certificates = crypto::Certificate::ChainFromPem(text.value());
  if (!certificates) return Err{"\"" + file + "\": " + certificates.error()};
  for (const crypto::CertificatePtr& one : certificates.value()) chain.emplace_back(one->der());
  if (chain.empty()) return Err{"\"" + file + "\" holds no certificate"};
  return chain;
}

}  // namespace signet::cli
