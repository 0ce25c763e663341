#include "drivers/lookup/ldap_connection.h"

#include <string.h>

#include <algorithm>

#include "drivers/lookup/ldap_referral.h"

namespace signet::ldap {

using driver::Text;
using driver::View;

// One search that somebody waits for. It lives on that caller's stack; while it is in
// queue_ or waiting_, the caller is waiting.
struct Connection::Waiter {
  Waiter(const signet_host* host, signet_worker* worker, const SearchRequest& r)
      : request(r), event(host, worker) {}
  const SearchRequest& request;
  driver::Event event;
  bool done = false;
  int id = 0;  // 0: not sent yet
  std::int64_t sent_ms = 0;
  std::size_t bytes = 0;
  SearchEnd end;
};

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::int64_t kReadSliceMs = 30'000;

std::string IoText(const signet_host* host, signet_stream* stream, std::int64_t status) {
  if (status == SIGNET_IO_TIMEOUT) return "timed out";
  if (status == SIGNET_IO_CLOSED) return "connection closed";
  if (status == SIGNET_IO_CANCELLED) return "the program is stopping";
  return std::string(View(host->stream_why(stream)));
}

}  // namespace

Connection::Connection(const signet_host* host, signet_worker* worker, Target target)
    : host_(host),
      worker_(worker),
      target_(std::move(target)),
      stream_(nullptr, driver::StreamCloser{host}),
      changed_(host, worker),
      output_(host, worker),
      last_used_ms_(host->now_ms()),
      buffer_(kReadBytes) {}

Target::~Target() { explicit_bzero(password.data(), password.size()); }

Connection::~Connection() = default;

void Connection::Start() {
  if (!driver::Spawn(host_, worker_, [self = shared_from_this()] { self->Run(); }))
    Kill("no task can be started");
}

std::string Connection::Name() const { return target_.server.Name(); }

// --- opening ------------------------------------------------------------------------------

void Connection::Run() {
  std::string why = Open();
  if (state_ == State::kDead) return;
  if (!why.empty()) return Kill(std::move(why));
  state_ = State::kReady;
  last_octets_ms_ = host_->now_ms();
  changed_.Signal();
  if (!driver::Spawn(host_, worker_, [self = shared_from_this()] { self->WriteLoop(); }))
    return Kill("no task can be started");
  Pump();
  ReadLoop();
}

std::string Connection::Open() {
  const std::int64_t deadline_ms = host_->now_ms() + kConnectMs;
  signet_endpoint endpoint{};
  endpoint.size = sizeof endpoint;
  endpoint.host = Text(target_.server.host);
  endpoint.unix_path = Text(target_.server.unix_path);
  endpoint.port = target_.server.port;
  signet_stream* stream = nullptr;
  const signet_io connected = host_->connect(worker_, &endpoint, deadline_ms, &stream);
  stream_.reset(stream);
  std::string why;
  if (state_ == State::kDead) return why_;
  if (connected != SIGNET_IO_OK) {
    server_failed_ = true;
    was_silent_ = connected == SIGNET_IO_TIMEOUT;
    return "failed to bind the LDAP connection to server " + Name() +
           " - ldap_bind() returned -1 (" + IoText(host_, stream, connected) + ")";
  }
  if (target_.security == Security::kTls) why = OpenTls(deadline_ms);
  if (target_.security == Security::kStartTls) why = StartTls(deadline_ms);
  return why.empty() ? Bind(deadline_ms) : why;
}

std::string Connection::OpenTls(std::int64_t deadline_ms) {
  signet_tls_options options{};
  options.size = sizeof options;
  options.verify_name = Text(target_.server.host);
  options.ca_file = Text(target_.tls.ca_file);
  options.ca_directory = Text(target_.tls.ca_directory);
  options.certificate_file = Text(target_.tls.certificate_file);
  options.key_file = Text(target_.tls.key_file);
  options.ciphers = Text(target_.tls.ciphers);
  options.do_not_verify = target_.tls.verify ? 0 : 1;
  const signet_io started = host_->start_tls(stream_.get(), &options, deadline_ms);
  if (started == SIGNET_IO_OK) return "";
  server_failed_ = true;
  was_silent_ = started == SIGNET_IO_TIMEOUT;
  return "failed to bind the LDAP connection to server " + Name() +
         " - ldap_bind() returned -1 (TLS: " + IoText(host_, stream_.get(), started) + ")";
}

std::string Connection::StartTls(std::int64_t deadline_ms) {
  const std::string failed = "failed to initiate TLS processing on an LDAP session to server " +
                             Name() + " - ldap_start_tls_s() returned ";
  Message answer;
  if (std::string why = Exchange(codec_.StartTls(), deadline_ms, &answer); !why.empty())
    return failed + "-1: " + why;
  if (answer.code != kSuccess)
    return failed + std::to_string(answer.code) + ": " + CodeText(answer.code);
  // What stands behind the answer was not protected by TLS and is not the server's.
  if (codec_.has_leftover() || host_->read_pending(stream_.get()) != 0)
    return failed + "-1: there was more behind the answer";
  std::string why = OpenTls(deadline_ms);
  return why.empty() ? "" : failed + "-11: " + why;
}

std::string Connection::Bind(std::int64_t deadline_ms) {
  const std::string failed = "failed to bind the LDAP connection to server " + Name() + " - ";
  Message answer;
  const int id = codec_.Bind(target_.user, target_.password);
  if (std::string why = Exchange(id, deadline_ms, &answer); !why.empty())
    return failed + "LDAP error: " + (was_silent_ ? "timeout" : why);
  if (answer.code == kSuccess) return "";
  bind_code_ = answer.code;
  return failed + "LDAP error " + std::to_string(answer.code) + ": " + CodeText(answer.code);
}

std::string Connection::Flush(std::int64_t deadline_ms) {
  const std::string output = codec_.TakeOutput();
  const signet_io written = host_->write(stream_.get(), Text(output), deadline_ms);
  return written == SIGNET_IO_OK ? "" : IoText(host_, stream_.get(), written);
}

// Sends what was encoded as message `id` and waits for its answer, while nobody else
// uses the connection.
std::string Connection::Exchange(int id, std::int64_t deadline_ms, Message* answer) {
  if (id <= 0) return "cannot be encoded: " + CodeText(id);
  if (std::string why = Flush(deadline_ms); !why.empty()) return why;
  while (true) {
    while (codec_.Next(answer))
      if (answer->id == id) return "";
    if (codec_.broken()) return "not LDAP";
    const std::int64_t got =
        host_->read(stream_.get(), buffer_.data(), buffer_.size(), deadline_ms);
    if (state_ == State::kDead) return why_;
    if (got <= 0) {
      server_failed_ = true;
      was_silent_ = got == SIGNET_IO_TIMEOUT;
      return IoText(host_, stream_.get(), got);
    }
    codec_.Feed({buffer_.data(), static_cast<std::size_t>(got)});
  }
}

signet_io Connection::WaitOpen(std::int64_t deadline_ms) {
  while (state_ == State::kOpening) {
    const signet_io waited = changed_.Wait(deadline_ms);
    if (waited != SIGNET_IO_OK) return waited;
  }
  return SIGNET_IO_OK;
}

// --- the two tasks --------------------------------------------------------------------------

void Connection::ReadLoop() {
  while (state_ == State::kReady) {
    const std::int64_t now_ms = host_->now_ms();
    if (idle() && now_ms - last_used_ms_ >= kIdleMaxMs) return Kill("it was idle");
    const std::int64_t got =
        host_->read(stream_.get(), buffer_.data(), buffer_.size(), now_ms + kReadSliceMs);
    if (state_ != State::kReady) return;
    if (got == SIGNET_IO_TIMEOUT) continue;
    if (got <= 0) return Kill(IoText(host_, stream_.get(), got));
    last_octets_ms_ = host_->now_ms();
    codec_.Feed({buffer_.data(), static_cast<std::size_t>(got)});
    Message message;
    while (state_ == State::kReady && codec_.Next(&message)) Dispatch(std::move(message));
    if (codec_.broken()) return Kill("the server's answer is not LDAP, or too large");
    Pump();
  }
}

void Connection::WriteLoop() {
  while (state_ == State::kReady) {
    if (!codec_.has_output()) {
      const signet_io waited = output_.Wait(host_->now_ms() + kReadSliceMs);
      if (waited == SIGNET_IO_CANCELLED) return;
      continue;
    }
    const std::string output = codec_.TakeOutput();
    const signet_io written =
        host_->write(stream_.get(), Text(output), host_->now_ms() + kAnswerMs);
    if (written == SIGNET_IO_OK || state_ != State::kReady) continue;
    server_failed_ = was_silent_ = written == SIGNET_IO_TIMEOUT;
    Kill(IoText(host_, stream_.get(), written));
  }
}

// --- searches -------------------------------------------------------------------------------

void Connection::Finish(Waiter* waiter, SearchEnd::Kind kind, std::string why) {
  waiter->end.kind = kind;
  waiter->end.why = std::move(why);
  waiter->done = true;
  waiter->event.Signal();
}

void Connection::Send(Waiter* waiter) {
  int id = 0;
  driver::OnBigStack(host_, worker_, [&] { id = codec_.Search(waiter->request); });
  if (id <= 0)
    return Finish(waiter, SearchEnd::kBad,
                  "ldap_search failed: " + std::to_string(id) + ", " + CodeText(id));
  waiter->id = id;
  waiter->sent_ms = host_->now_ms();
  waiting_.emplace(id, waiter);
  output_.Signal();
}

void Connection::Pump() {
  const std::size_t most = target_.user.empty() ? kInFlightAnonymous : kInFlightBound;
  while (state_ == State::kReady && !queue_.empty() && waiting_.size() < most) {
    Waiter* waiter = queue_.front();
    queue_.pop_front();
    Send(waiter);
  }
}

// One more than may be followed is enough to know that there are too many.
void Connection::AddReference(std::vector<std::string> urls, Waiter* waiter) {
  for (const std::string& url : urls) waiter->bytes += url.size();
  auto& references = waiter->end.references;
  if (references.size() <= kReferralsMax) references.push_back(std::move(urls));
}

// An answer belongs to whoever asked under its id; what nobody waits for is dropped (L5).
void Connection::Dispatch(Message message) {
  if (message.id == 0) return Kill("the server ends the connection: " + CodeText(message.code));
  if (message.id == probe_ && message.kind == Message::kResult) probe_ = 0;
  const auto found = waiting_.find(message.id);
  if (found == waiting_.end()) return;
  Waiter* waiter = found->second;
  SearchEnd& end = waiter->end;
  if (message.kind != Message::kResult) {
    if (message.kind == Message::kReference)
      AddReference(std::move(message.urls), waiter);
    else
      end.entries.push_back(std::move(message.entry));
    waiter->bytes += message.bytes;
    const bool fits = end.entries.size() <= kAnswerEntriesMax && waiter->bytes <= kAnswerBytesMax;
    if (fits) return;
    Withdraw(waiter);
    Finish(waiter, SearchEnd::kTooLarge,
           "LDAP search: the answer is over " + std::to_string(kAnswerEntriesMax) + " entries or " +
               std::to_string(kAnswerBytesMax) + " octets");
  } else {
    waiting_.erase(found);
    end.code = message.code;
    if (end.code == kReferral) AddReference(std::move(message.urls), waiter);
    end.text = std::move(message.text);
    end.matched = std::move(message.matched);
    Finish(waiter, SearchEnd::kAnswered);
  }
}

// Takes back a search that was sent or queued; a late answer will find nobody.
void Connection::Withdraw(Waiter* waiter) {
  if (waiter->id != 0 && waiting_.erase(waiter->id) != 0) {
    codec_.Abandon(waiter->id);
    output_.Signal();
  }
  std::erase(queue_, waiter);
}

bool Connection::Silent(const Waiter& waiter) const {
  return waiter.id != 0 &&
         host_->now_ms() - std::max(last_octets_ms_, waiter.sent_ms) >= kProbeAfterMs;
}

// A server that is alive reads its root entry at once, so silence after this means that
// the connection is dead and not that one search is slow.
void Connection::ProbeIfSilent(const Waiter& waiter) {
  if (state_ != State::kReady || probe_ != 0 || !Silent(waiter)) return;
  SearchRequest root;
  root.attributes = {"1.1"};
  const int id = codec_.Search(root);
  probe_ = id > 0 ? id : 0;
  output_.Signal();
}

SearchEnd Connection::GiveUp(Waiter* waiter, signet_io how) {
  Withdraw(waiter);
  SearchEnd end;
  end.kind = how == SIGNET_IO_TIMEOUT ? SearchEnd::kTimeout : SearchEnd::kStopping;
  end.why = how == SIGNET_IO_TIMEOUT ? "ldap_result timed out (server " + Name() + ")"
                                     : "the program is stopping";
  if (end.kind == SearchEnd::kTimeout && state_ == State::kReady && Silent(*waiter)) {
    server_failed_ = was_silent_ = true;
    end.kind = SearchEnd::kDead;
    Kill(end.why);
  }
  Pump();
  return end;
}

SearchEnd Connection::Search(const SearchRequest& request, std::int64_t deadline_ms) {
  const std::shared_ptr<Connection> keep = shared_from_this();
  SearchEnd dead;
  dead.why = why_;
  if (state_ == State::kDead) return dead;
  Waiter waiter(host_, worker_, request);
  last_used_ms_ = host_->now_ms();
  queue_.push_back(&waiter);
  Pump();
  while (!waiter.done) {
    const std::int64_t now_ms = host_->now_ms();
    const signet_io waited = waiter.event.Wait(std::min(deadline_ms, now_ms + kProbeAfterMs));
    if (waiter.done) break;
    if (waited == SIGNET_IO_CANCELLED) return GiveUp(&waiter, waited);
    if (host_->now_ms() >= deadline_ms) return GiveUp(&waiter, SIGNET_IO_TIMEOUT);
    ProbeIfSilent(waiter);
  }
  last_used_ms_ = host_->now_ms();
  return std::move(waiter.end);
}

void Connection::Kill(std::string why) {
  if (state_ == State::kDead) return;
  state_ = State::kDead;
  why_ = std::move(why);
  for (const auto& [id, waiter] : waiting_) Finish(waiter, SearchEnd::kDead, why_);
  for (Waiter* waiter : queue_) Finish(waiter, SearchEnd::kDead, why_);
  waiting_.clear();
  queue_.clear();
  changed_.Signal();
  output_.Signal();
  if (stream_ != nullptr) host_->shutdown(stream_.get());
}

}  // namespace signet::ldap
