#include "src/lookup/io.h"

#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>

#include "src/engine/engine.h"
#include "src/tls/tls.h"

namespace signet::lookup {
namespace {

using drivers::NowMs;
using drivers::View;

Deadline DeadlineOf(std::int64_t ms) {
  constexpr std::int64_t kFarMs = 1'000'000'000'000;  // 30 years of uptime
  if (ms > kFarMs) return Deadline::Never();
  return Deadline::At(MonotonicTime(std::chrono::milliseconds(ms)));
}

signet_io StatusOf(engine::IoStatus status) {
  switch (status) {
    case engine::IoStatus::kOk:
      return SIGNET_IO_OK;
    case engine::IoStatus::kTimeout:
      return SIGNET_IO_TIMEOUT;
    case engine::IoStatus::kClosed:
      return SIGNET_IO_CLOSED;
    case engine::IoStatus::kCancelled:
      return SIGNET_IO_CANCELLED;
    case engine::IoStatus::kError:
      break;
  }
  return SIGNET_IO_ERROR;
}

class Event final : public signet_event {
 public:
  signet_io Wait(std::int64_t deadline_ms) override {
    return StatusOf(event_.Wait(DeadlineOf(deadline_ms)));
  }
  void Signal() override { event_.Signal(); }

 private:
  engine::Event event_;
};

// A connection, in clear until StartTls.
class Stream final : public signet_stream {
 public:
  Stream() = default;
  void Use(engine::Socket socket) {
    socket_ = std::move(socket);
    fd_ = socket_.fd();
  }
  // A connection that does not leave the process needs no TLS.
  void UseInside(engine::Socket socket) {
    Use(std::move(socket));
    inside_ = true;
  }
  signet_io Fail(signet_io status, std::string why) {
    why_ = std::move(why);
    return status;
  }

  signet_io StartTls(const signet_tls_options& options, std::int64_t deadline_ms) override;
  std::int64_t Read(void* data, std::size_t size, std::int64_t deadline_ms) override;
  signet_io Write(std::string_view data, std::int64_t deadline_ms) override;
  bool ReadPending() override;
  std::string_view Why() override { return why_; }
  void Shutdown() override {
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  }

 private:
  signet_io Note(const engine::IoResult& result) {
    return result.ok() ? SIGNET_IO_OK : Fail(StatusOf(result.status), engine::Describe(result));
  }

  engine::Socket socket_;
  std::unique_ptr<tls::Stream> tls_;
  bool inside_ = false;
  int fd_ = -1;  // of either; -1 where there is no connection
  std::string why_ = "not connected";
};

signet_io Stream::StartTls(const signet_tls_options& options, std::int64_t deadline_ms) {
  if (fd_ < 0 || tls_ != nullptr) return Fail(SIGNET_IO_ERROR, "no connection in clear");
  if (inside_) return SIGNET_IO_OK;
  tls::ClientOptions wanted;
  wanted.verify_name = View(options.verify_name);
  wanted.ca_file = View(options.ca_file);
  wanted.ca_directory = View(options.ca_directory);
  wanted.certificate_file = View(options.certificate_file);
  wanted.key_file = View(options.key_file);
  wanted.priority = View(options.ciphers);
  wanted.verify = options.do_not_verify == 0;
  const Deadline deadline = DeadlineOf(deadline_ms);
  auto started = tls::ConnectTls(std::move(socket_), wanted, deadline);
  if (!started) {
    fd_ = -1;
    return Fail(deadline.Passed() ? SIGNET_IO_TIMEOUT : SIGNET_IO_ERROR, started.error());
  }
  tls_ = std::move(started).value();
  return SIGNET_IO_OK;
}

std::int64_t Stream::Read(void* data, std::size_t size, std::int64_t deadline_ms) {
  if (fd_ < 0) return SIGNET_IO_ERROR;
  const Deadline deadline = DeadlineOf(deadline_ms);
  const engine::IoResult result =
      tls_ != nullptr ? tls_->Read(data, size, deadline) : socket_.Read(data, size, deadline);
  if (!result.ok()) return Note(result);
  return static_cast<std::int64_t>(result.bytes);
}

signet_io Stream::Write(std::string_view data, std::int64_t deadline_ms) {
  if (fd_ < 0) return SIGNET_IO_ERROR;
  const Deadline deadline = DeadlineOf(deadline_ms);
  return Note(tls_ != nullptr ? tls_->Write(data, deadline) : socket_.Write(data, deadline));
}

bool Stream::ReadPending() {
  if (fd_ < 0) return false;
  if (tls_ != nullptr) return tls_->InputPending();
  pollfd ready{fd_, POLLIN, 0};
  return ::poll(&ready, 1, 0) > 0;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// What a thread of the pool found out about a name. Shared, because a caller whose
// deadline passes goes away before the resolver has an answer.
struct Resolution {
  std::string host;
  std::vector<Address> addresses;
  std::string why;
  bool done = false;
  engine::Event changed;
};

void Resolve(Resolution* resolution, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(resolution->host.c_str(), nullptr, &hints, &found);
  if (code != 0) {
    resolution->why = code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code);
    return;
  }
  for (const addrinfo* item = found; item != nullptr; item = item->ai_next) {
    Address address;
    if (item->ai_addrlen > sizeof address.storage) continue;
    memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
    address.size = item->ai_addrlen;
    resolution->addresses.push_back(address);
  }
  ::freeaddrinfo(found);
}

// The addresses of a name, by its deadline whatever the resolver does.
std::shared_ptr<Resolution> ResolveBy(std::string_view host, Deadline deadline,
                                      engine::IoStatus* status) {
  auto resolution = std::make_shared<Resolution>();
  resolution->host = host;
  *status = engine::IoStatus::kOk;
  Resolve(resolution.get(), AI_NUMERICHOST);
  if (!resolution->addresses.empty()) return resolution;
  resolution->why.clear();
  const bool started = engine::Loop::Current()->Spawn([resolution] {
    engine::BlockingForAnswer([&resolution] { Resolve(resolution.get(), AI_ADDRCONFIG); });
    resolution->done = true;
    resolution->changed.Signal();
  });
  if (!started) {
    resolution->done = true;
    resolution->why = "no task can be started";
  }
  while (!resolution->done && *status == engine::IoStatus::kOk)
    *status = resolution->changed.Wait(deadline);
  if (resolution->done) *status = engine::IoStatus::kOk;
  return resolution;
}

void SetPort(Address* address, std::uint16_t port) {
  if (address->storage.ss_family == AF_INET)
    reinterpret_cast<sockaddr_in*>(&address->storage)->sin_port = htons(port);
  if (address->storage.ss_family == AF_INET6)
    reinterpret_cast<sockaddr_in6*>(&address->storage)->sin6_port = htons(port);
}

signet_io ConnectTo(const Address& address, Deadline deadline, Stream* stream) {
  auto connected = engine::Socket::Connect(reinterpret_cast<const sockaddr*>(&address.storage),
                                           address.size, deadline);
  if (!connected)
    return stream->Fail(StatusOf(connected.error().status), engine::Describe(connected.error()));
  stream->Use(std::move(connected).value());
  return SIGNET_IO_OK;
}

signet_io ConnectToPath(std::string_view path, Deadline deadline, Stream* stream) {
  Address address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.size() >= sizeof local->sun_path || path.find('\0') != std::string_view::npos)
    return stream->Fail(SIGNET_IO_ERROR, "the path of the socket is too long");
  local->sun_family = AF_UNIX;
  memcpy(local->sun_path, path.data(), path.size());
  address.size = sizeof *local;
  return ConnectTo(address, deadline, stream);
}

// Tries each address with its share of what is left of the time.
signet_io ConnectToHost(std::string_view host, std::uint16_t port, Deadline deadline,
                        Stream* stream) {
  engine::IoStatus status;
  const auto resolution = ResolveBy(host, deadline, &status);
  if (status != engine::IoStatus::kOk)
    return stream->Fail(StatusOf(status), "no answer from the resolver");
  if (resolution->addresses.empty())
    return stream->Fail(SIGNET_IO_ERROR, "host name lookup failed: " + resolution->why);
  signet_io result = SIGNET_IO_ERROR;
  auto left = static_cast<std::int64_t>(resolution->addresses.size());
  for (Address& address : resolution->addresses) {
    SetPort(&address, port);
    result = ConnectTo(address, Deadline::After(deadline.Remaining() / left--), stream);
    if (result == SIGNET_IO_OK || result == SIGNET_IO_CANCELLED) break;
  }
  return result;
}

}  // namespace

void Host::AddDefaults(const std::vector<drivers::OptionRow>& rows) {
  for (const drivers::OptionRow& row : rows)
    if (!row.default_text.empty()) defaults_.emplace(row.name, row.default_text);
}

bool Host::MainOption(std::string_view name, std::string_view* text) {
  const auto& set = config_->main.driver_options;
  if (const auto found = set.find(name); found != set.end()) {
    *text = found->second;
    return true;
  }
  const auto found = defaults_.find(name);
  if (found == defaults_.end()) return false;
  *text = found->second;
  return true;
}

void Host::Log(std::string_view line) {
  if (log_ != nullptr) log_->Main(Printable(line));
}

bool Host::Spawn(std::function<void()> body) {
  engine::Loop* loop = engine::Loop::Current();
  SIGNET_CHECK(loop != nullptr);
  return loop->Spawn([keep = shared_from_this(), body = std::move(body)] { body(); });
}

void Host::RunBlocking(const std::function<void()>& body) { engine::BlockingForAnswer(body); }
void Host::RunOnBigStack(const std::function<void()>& body) { engine::OnThreadStack(body); }
signet_event* Host::MakeEvent() { return new Event; }

signet_io Host::Connect(const signet_endpoint& endpoint, std::int64_t deadline_ms,
                        signet_stream** out) {
  auto* stream = new Stream;
  *out = stream;
  if (connector_) {
    engine::Socket socket = connector_();
    if (!socket.valid()) return stream->Fail(SIGNET_IO_ERROR, "no connection within the process");
    stream->UseInside(std::move(socket));
    return SIGNET_IO_OK;
  }
  const Deadline deadline = DeadlineOf(deadline_ms);
  if (endpoint.unix_path.size != 0)
    return ConnectToPath(View(endpoint.unix_path), deadline, stream);
  if (endpoint.port == 0 || endpoint.port > 65535)
    return stream->Fail(SIGNET_IO_ERROR, "no such port");
  return ConnectToHost(View(endpoint.host), static_cast<std::uint16_t>(endpoint.port), deadline,
                       stream);
}

}  // namespace signet::lookup
