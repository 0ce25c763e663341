#include "src/server/metrics_listener.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <thread>
#include <utility>

#include "src/base/clock.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::server {
namespace {

using config::MetricsAddress;
using Format = report::Metrics::Format;

constexpr int kBacklog = 64;
constexpr std::size_t kMemoryBytes = 16 * 1024;  // of a connection, for the request
constexpr int kLookMs = 250;                     // between two looks at who has been there too long
// Where all places are taken: a scrape takes a few milliseconds, and others wait.
constexpr std::chrono::seconds kCrowdedWait{1};

constexpr char kOpenMetrics[] = "application/openmetrics-text";
constexpr char kOpenMetricsType[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr char kTextType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kPlainType[] = "text/plain; charset=utf-8";

std::string NameOf(const MetricsAddress& address) {
  if (!address.path.empty()) return address.path;
  const bool v6 = address.ip.find(':') != std::string::npos;
  return (v6 ? '[' + address.ip + ']' : address.ip) + ':' + std::to_string(address.port);
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress ToSocketAddress(const MetricsAddress& address) {
  SocketAddress out;
  if (!address.path.empty()) {
    auto* local = reinterpret_cast<sockaddr_un*>(&out.storage);
    local->sun_family = AF_UNIX;
    std::memcpy(local->sun_path, address.path.c_str(), address.path.size() + 1);
    out.size = sizeof *local;
    return out;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (::inet_pton(AF_INET, address.ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(address.port));
    out.size = sizeof *v4;
    return out;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  ::inet_pton(AF_INET6, address.ip.c_str(), &v6->sin6_addr);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(static_cast<std::uint16_t>(address.port));
  out.size = sizeof *v6;
  return out;
}

// A socket that a process left behind: nobody answers there any more.
void RemoveStale(const SocketAddress& address, const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  const bool refused = ::connect(fd, address.get(), address.size) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  if (refused) ::unlink(path.c_str());
}

Result<int, std::string> Listen(const MetricsAddress& wanted, MetricsListener::Place place) {
  // Beside the other one's, then in its place: there is always one.
  MetricsAddress address = wanted;
  const bool another = place == MetricsListener::Place::kOfAnother;
  constexpr std::string_view kBeside = ".new";
  if (another && !address.path.empty()) address.path += kBeside;
  if (address.path.size() >= sizeof sockaddr_un().sun_path)
    return Err{NameOf(address) + ": " + std::strerror(ENAMETOOLONG)};
  const SocketAddress where = ToSocketAddress(address);
  const auto fail = [&](int fd) -> Result<int, std::string> {
    const std::string why = NameOf(address) + ": " + std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return Err{why};
  };
  const int fd = ::socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(fd);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool local = !address.path.empty();
  if (local) RemoveStale(where, address.path);
  if (another && !local) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd, where.get(), where.size) != 0) return fail(fd);
  constexpr mode_t kMode = 0660;
  if (local && ::chmod(address.path.c_str(), kMode) != 0) return fail(fd);
  // For one that takes our place. Not before the bind: two who do not know of each other are a
  // mistake.
  if (!local) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::listen(fd, kBacklog) != 0) return fail(fd);
  if (address.path != wanted.path && ::rename(address.path.c_str(), wanted.path.c_str()) != 0)
    return fail(fd);
  return fd;
}

MHD_Result Answer(MHD_Connection* connection, unsigned status, std::string body, const char* type) {
  MHD_Response* response =
      MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  const MHD_Result queued = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return queued;
}

// OpenMetrics, unless the other end says what it takes and that is not among it.
Format FormatFor(MHD_Connection* connection) {
  const char* accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
  const std::string wanted = Lower(accept != nullptr ? accept : "");
  const bool old =
      wanted.find(kOpenMetrics) == wanted.npos && wanted.find("text/plain") != wanted.npos;
  return old ? Format::kText : Format::kOpenMetrics;
}

MHD_Result Handle(void* metrics, MHD_Connection* connection, const char* url, const char* method,
                  const char*, const char*, std::size_t*, void**) {
  const std::string_view path = url, verb = method;
  if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD)
    return Answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n", kPlainType);
  if (path == "/health") return Answer(connection, MHD_HTTP_OK, "ok\n", kPlainType);
  if (path != "/metrics") return Answer(connection, MHD_HTTP_NOT_FOUND, "not here\n", kPlainType);
  const Format format = FormatFor(connection);
  return Answer(connection, MHD_HTTP_OK,
                static_cast<const report::Metrics*>(metrics)->Render(format),
                format == Format::kOpenMetrics ? kOpenMetricsType : kTextType);
}

// Who is connected, and until when. The library knows only how long somebody was silent.
struct Guest {
  int fd = -1;
  Deadline until, until_crowded;
};

}  // namespace

struct MetricsListener::Rep {
  MetricsAddress address;
  struct stat socket {};  // of a path: what to remove at the end
  int stop = -1;          // an eventfd
  MHD_Daemon* daemon = nullptr;
  std::list<Guest> guests;  // the thread's
  std::thread thread;

  static void Connected(void* self, MHD_Connection* connection, void** guest,
                        MHD_ConnectionNotificationCode what);
  void Run();
  void EndLate();
  void RemoveSocket() const;
  ~Rep();
};

void MetricsListener::Rep::Connected(void* self, MHD_Connection* connection, void** guest,
                                     MHD_ConnectionNotificationCode what) {
  auto& guests = static_cast<Rep*>(self)->guests;
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    guests.push_back({info != nullptr ? info->connect_fd : -1,
                      Deadline::After(limits::kMetricsWait), Deadline::After(kCrowdedWait)});
    *guest = &guests.back();
    return;
  }
  guests.remove_if([&](const Guest& g) { return &g == *guest; });
}

// The library finds the end of the connection by itself.
void MetricsListener::Rep::EndLate() {
  const bool crowded = guests.size() >= limits::kMetricsConnections;
  for (const Guest& guest : guests)
    if ((crowded ? guest.until_crowded : guest.until).Passed() && guest.fd >= 0)
      ::shutdown(guest.fd, SHUT_RDWR);
}

void MetricsListener::Rep::Run() {
  ::pthread_setname_np(::pthread_self(), "metrics");
  const int epoll = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  // The library waits for new connections again only in the turn after one has left.
  bool settled = false;
  while (true) {
    constexpr MHD_UNSIGNED_LONG_LONG kMost = kLookMs;
    MHD_UNSIGNED_LONG_LONG wait = kMost;
    if (MHD_get_timeout(daemon, &wait) != MHD_YES) wait = kMost;
    pollfd ready[] = {{epoll, POLLIN, 0}, {stop, POLLIN, 0}};
    (void)::poll(ready, 2, settled ? -1 : static_cast<int>(std::min(wait, kMost)));
    if (ready[1].revents != 0) return;
    EndLate();
    settled = guests.empty();
    MHD_run(daemon);
    settled = settled && guests.empty();
  }
}

// Unless another process has put its own there meanwhile.
void MetricsListener::Rep::RemoveSocket() const {
  struct stat now {};
  if (address.path.empty() || ::lstat(address.path.c_str(), &now) != 0) return;
  if (now.st_dev == socket.st_dev && now.st_ino == socket.st_ino) ::unlink(address.path.c_str());
}

MetricsListener::Rep::~Rep() {
  if (thread.joinable()) {
    const std::uint64_t one = 1;
    (void)!::write(stop, &one, sizeof one);
    thread.join();
  }
  if (daemon != nullptr) MHD_stop_daemon(daemon);
  if (stop >= 0) ::close(stop);
  RemoveSocket();
}

MetricsListener::MetricsListener(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
MetricsListener::~MetricsListener() = default;
const MetricsAddress& MetricsListener::address() const { return rep_->address; }

Result<std::unique_ptr<MetricsListener>, std::string> MetricsListener::Open(
    const MetricsAddress& address, const report::Metrics& metrics, Place place) {
  auto fd = Listen(address, place);
  if (!fd) return Err{fd.error()};
  auto rep = std::make_unique<Rep>();
  rep->address = address;
  (void)::lstat(address.path.c_str(), &rep->socket);
  rep->stop = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  rep->daemon = MHD_start_daemon(
      MHD_USE_EPOLL, 0, nullptr, nullptr, &Handle, const_cast<report::Metrics*>(&metrics),
      MHD_OPTION_LISTEN_SOCKET, fd.value(), MHD_OPTION_CONNECTION_LIMIT,
      static_cast<unsigned>(limits::kMetricsConnections), MHD_OPTION_CONNECTION_TIMEOUT,
      static_cast<unsigned>(limits::kMetricsWait.count()), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      kMemoryBytes, MHD_OPTION_NOTIFY_CONNECTION, &Rep::Connected, rep.get(), MHD_OPTION_END);
  if (rep->daemon == nullptr || rep->stop < 0) {
    if (rep->daemon == nullptr) ::close(fd.value());
    return Err{NameOf(address) + ": the HTTP server could not be started"};
  }
  rep->thread = std::thread([rep = rep.get()] { rep->Run(); });
  return std::unique_ptr<MetricsListener>(new MetricsListener(std::move(rep)));
}

}  // namespace signet::server
