#include "src/server/control.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "src/base/clock.h"
#include "src/base/log_sink.h"
#include "src/base/text.h"

namespace signet::server {
namespace {

constexpr std::size_t kReferenceBytes = 40;
constexpr std::size_t kNumberDigits = 9;
constexpr const char* kBeside = ".new";  // added to the path while another one has that
constexpr std::chrono::seconds kPause{1};
// From its asking to take over until it serves: it may have to wait for a resolver or a disk.
constexpr std::chrono::minutes kStartOfAnother{5};

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// --- opening -----------------------------------------------------------------------------

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Descriptor NewSocket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool SomebodyListens(const sockaddr_un& address) {
  const Descriptor probe = NewSocket();
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  // EAGAIN: its queue is full.
  return ::connect(probe.get(), where, sizeof address) == 0 || errno == EAGAIN;
}

// "" where the path is free, or what stands in the way.
std::string ClearPath(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return "";
  if (!S_ISSOCK(info.st_mode)) return "something else than a socket is there";
  if (SomebodyListens(address)) return "another server listens there";
  return ::unlink(path.c_str()) == 0 ? "" : std::strerror(errno);
}

bool MayAsk(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

// --- connections -------------------------------------------------------------------------

struct Connection {
  // What the client does; kHolding: takes over, and has yet to say that it serves.
  enum class State : std::uint8_t { kAsking, kWaiting, kReading, kHolding };
  std::uint64_t number = 0;
  Descriptor socket;
  State state = State::kAsking;
  Deadline until = Deadline::Never();
  std::string text;  // the request so far, then the answer
  std::size_t sent = 0;
  std::vector<OwnedFd> fds;  // to go with the answer
  bool takes_over = false;
};

// As send(); the descriptors go with the first octet.
ssize_t SendWith(int socket, std::string_view text, const std::vector<OwnedFd>& fds) {
  iovec data{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  std::vector<char> control;
  if (!fds.empty()) {
    const std::size_t size = fds.size() * sizeof(int);
    control.resize(CMSG_SPACE(size));
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::vector<int> numbers;
    for (const OwnedFd& fd : fds) numbers.push_back(fd.get());
    std::memcpy(CMSG_DATA(header), numbers.data(), size);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Answers that other threads bring.
struct Mailbox {
  std::mutex mutex;
  std::vector<std::pair<std::uint64_t, ControlAnswer>> answers;
  bool open = true;
  Descriptor wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  void Wake() const {
    const std::uint64_t one = 1;
    (void)!::write(wake.get(), &one, sizeof one);
  }
  void Put(std::uint64_t number, ControlAnswer answer) {
    std::lock_guard lock(mutex);
    if (!open) return;
    answers.emplace_back(number, std::move(answer));
    Wake();
  }
};

bool IsReferenceLike(std::string_view text) {
  return !text.empty() && text.size() <= kReferenceBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlnum(c) || c == '-'; });
}

std::optional<std::size_t> Number(std::string_view text) {
  if (text.empty() || text.size() > kNumberDigits ||
      !std::all_of(text.begin(), text.end(), IsDigit))
    return std::nullopt;
  return std::stoul(std::string(text));
}

}  // namespace

// --- requests ----------------------------------------------------------------------------

Result<ControlRequest, std::string> ParseControlRequest(std::string_view line) {
  using What = ControlRequest::What;
  enum class Takes : std::uint8_t { kNothing, kReference, kNumber };
  struct Row {
    std::string_view word;
    What what;
    Takes takes;
  };
  static constexpr Row kRows[] = {{"why", What::kWhy, Takes::kReference},
                                  {"recent", What::kRecent, Takes::kNumber},
                                  {"decisions", What::kDecisions, Takes::kNumber},
                                  {"status", What::kStatus, Takes::kNothing},
                                  {"reload", What::kReload, Takes::kNothing},
                                  {"take-over", What::kTakeOver, Takes::kNothing},
                                  {"leave", What::kLeave, Takes::kNumber}};
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, blank);
  const std::string_view rest = line.substr(std::min(blank + 1, line.size()));
  for (const Row& row : kRows) {
    if (row.word != word) continue;
    ControlRequest request{row.what, "", 0};
    if (row.takes == Takes::kNothing && blank != line.size())
      return Err{"\"" + std::string(word) + "\" takes nothing"};
    if (row.takes == Takes::kReference) {
      if (!IsReferenceLike(rest)) return Err{std::string("a reference expected")};
      request.reference = rest;
    }
    if (row.takes == Takes::kNumber) {
      const std::optional<std::size_t> number = Number(rest);
      if (!number) return Err{std::string("a number expected")};
      request.number = *number;
    }
    return request;
  }
  return Err{std::string("unknown request")};
}

std::string ControlError(std::string_view text) {
  return "{\"error\":" + logging::JsonString(text) + '}';
}

// --- the thread --------------------------------------------------------------------------

struct ControlSocket::Rep {
  std::string path, wanted;  // where it is, and where it is to be
  Handler handler;
  Bounds bounds;
  Descriptor listener;
  struct stat made {};  // the socket in the file system
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  std::list<Connection> connections;
  std::uint64_t accepted = 0;
  Deadline pause = Deadline::After(std::chrono::milliseconds(0));  // until then nobody is accepted
  std::atomic<bool> stopping{false}, retired{false};
  std::thread thread;

  void Run();
  void Poll();
  void Deliver();
  void Accept();
  bool MakeRoom();
  bool Serve(Connection& connection, short events);  // NOLINT: as poll has it
  bool ReadRequest(Connection& connection);
  std::string WhyNot(const ControlRequest& request, const Connection& connection) const;
  bool Ask(Connection& connection, std::string_view line);
  void Answer(Connection& connection, ControlAnswer answer);
  bool Write(Connection& connection);
  bool IsThere() const;
  void Remove() const;
};

bool ControlSocket::Rep::IsThere() const {
  struct stat now {};
  return ::lstat(path.c_str(), &now) == 0 && now.st_ino == made.st_ino && now.st_dev == made.st_dev;
}

// Not where somebody else has put another one there.
void ControlSocket::Rep::Remove() const {
  if (IsThere()) ::unlink(path.c_str());
}

void ControlSocket::Rep::Run() {
  ::pthread_setname_np(::pthread_self(), "control");
  while (!stopping) Poll();
}

void ControlSocket::Rep::Poll() {
  const bool accepts = pause.Passed() && !retired;
  std::vector<pollfd> fds = {{mailbox->wake.get(), POLLIN, 0},
                             {accepts ? listener.get() : -1, POLLIN, 0}};
  Deadline next = accepts || retired ? Deadline::Never() : pause;
  for (const Connection& connection : connections) {
    const bool reads = connection.state == Connection::State::kReading;
    const bool asks = connection.state == Connection::State::kAsking ||
                      connection.state == Connection::State::kHolding;
    const int awaited = reads ? POLLOUT : asks ? POLLIN : 0;
    fds.push_back({connection.socket.get(), static_cast<short>(awaited), 0});
    next = next.Sooner(connection.until);
  }
  constexpr std::chrono::milliseconds kLongest = std::chrono::minutes(1);
  const auto wait = std::min(next.Remaining(), kLongest);
  if (::poll(fds.data(), fds.size(), static_cast<int>(wait.count())) < 0) return;
  auto connection = connections.begin();
  for (std::size_t i = 2; i < fds.size(); ++i) {
    const bool goes_on = !connection->until.Passed() && Serve(*connection, fds[i].revents);
    connection = goes_on ? std::next(connection) : connections.erase(connection);
  }
  if (fds[0].revents != 0) Deliver();
  if (fds[1].revents != 0) Accept();
}

void ControlSocket::Rep::Deliver() {
  std::uint64_t count = 0;
  (void)!::read(mailbox->wake.get(), &count, sizeof count);
  std::vector<std::pair<std::uint64_t, ControlAnswer>> answers;
  {
    std::lock_guard lock(mailbox->mutex);
    answers.swap(mailbox->answers);
  }
  for (auto& [number, answer] : answers)
    for (Connection& connection : connections)
      if (connection.number == number && connection.state == Connection::State::kWaiting)
        Answer(connection, std::move(answer));
}

void ControlSocket::Rep::Accept() {
  Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.get() < 0 && errno != EAGAIN) pause = Deadline::After(kPause);  // no descriptors
  if (socket.get() < 0 || !MayAsk(socket.get()) || !MakeRoom()) return;
  Connection connection;
  connection.number = ++accepted;
  connection.socket = std::move(socket);
  connection.until = Deadline::After(bounds.wait);
  connections.push_back(std::move(connection));
}

// Who has not said yet what it wants gives way, then who reads; the one that has had most time
// for it.
bool ControlSocket::Rep::MakeRoom() {
  if (connections.size() < bounds.connections) return true;
  for (const auto state : {Connection::State::kAsking, Connection::State::kReading}) {
    const auto found =
        std::find_if(connections.begin(), connections.end(),
                     [state](const Connection& connection) { return connection.state == state; });
    if (found == connections.end()) continue;
    connections.erase(found);
    return true;
  }
  return false;
}

// False: the connection is over.
bool ControlSocket::Rep::Serve(Connection& connection, short events) {
  if (events == 0) return true;
  switch (connection.state) {
    case Connection::State::kAsking:
    case Connection::State::kHolding:
      return ReadRequest(connection);
    case Connection::State::kWaiting:
      return (events & (POLLHUP | POLLERR)) == 0;  // it has gone
    case Connection::State::kReading:
      return Write(connection);
  }
  return false;
}

bool ControlSocket::Rep::ReadRequest(Connection& connection) {
  char block[512];
  const ssize_t got = ::read(connection.socket.get(), block, sizeof block);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  connection.text.append(block, static_cast<std::size_t>(got));
  const std::size_t end = connection.text.find('\n');
  if (end != std::string::npos && end <= bounds.request_bytes)
    return Ask(connection, std::string_view(connection.text).substr(0, end));
  if (connection.text.size() <= bounds.request_bytes) return got > 0;
  Answer(connection, ControlError("the request is too long"));
  return true;
}

bool ControlSocket::Rep::Ask(Connection& connection, std::string_view line) {
  const auto request = ParseControlRequest(line);
  connection.text.clear();
  if (!request) {
    Answer(connection, ControlError(request.error()));
    return true;
  }
  if (std::string flaw = WhyNot(request.value(), connection); !flaw.empty()) {
    Answer(connection, ControlError(flaw));
    return true;
  }
  connection.takes_over = request.value().what == ControlRequest::What::kTakeOver;
  connection.state = Connection::State::kWaiting;
  // What is asked for may take its time; the client may go.
  connection.until = Deadline::Never();
  handler(request.value(), [box = mailbox, number = connection.number](ControlAnswer answer) {
    box->Put(number, std::move(answer));
  });
  return true;
}

// Who may not ask that, and when.
std::string ControlSocket::Rep::WhyNot(const ControlRequest& request,
                                       const Connection& connection) const {
  using What = ControlRequest::What;
  const bool holds = connection.takes_over;
  if (request.what == What::kLeave && !holds) return "only whoever has taken over may ask that";
  if (request.what != What::kLeave && holds) return "\"leave\" expected";
  const bool other =
      std::any_of(connections.begin(), connections.end(), [&](const Connection& other) {
        return other.takes_over && other.number != connection.number;
      });
  if (request.what == What::kTakeOver && other) return "another instance is taking over at present";
  return "";
}

void ControlSocket::Rep::Answer(Connection& connection, ControlAnswer answer) {
  std::string& text = answer.text;
  connection.fds = std::move(answer.fds);
  if (connection.fds.empty()) connection.takes_over = false;
  if (text.size() >= bounds.answer_bytes) text = ControlError("the answer is too long");
  connection.text = std::move(text) + '\n';
  connection.sent = 0;
  connection.state = Connection::State::kReading;
  connection.until = Deadline::After(bounds.wait);
}

// Whoever reads has time, as long as it goes on reading.
bool ControlSocket::Rep::Write(Connection& connection) {
  const std::string_view rest = std::string_view(connection.text).substr(connection.sent);
  const ssize_t written = SendWith(connection.socket.get(), rest, connection.fds);
  if (written < 0) return errno == EAGAIN || errno == EINTR;
  connection.sent += static_cast<std::size_t>(written);
  connection.until = Deadline::After(bounds.wait);
  connection.fds.clear();
  if (connection.sent < connection.text.size()) return true;
  if (!connection.takes_over) return false;
  connection.text.clear();
  connection.state = Connection::State::kHolding;
  connection.until = Deadline::After(kStartOfAnother);
  return true;
}

// --- life --------------------------------------------------------------------------------

Result<std::unique_ptr<ControlSocket>, std::string> ControlSocket::Open(const std::string& path,
                                                                        Handler handler,
                                                                        Bounds bounds,
                                                                        Place place) {
  if (place == Place::kOfAnother) {
    auto beside = Open(path + kBeside, std::move(handler), bounds);
    if (beside) beside.value()->rep_->wanted = path;
    return beside;
  }
  const auto wrong = [&path](const std::string& why) {
    return Err{"control socket " + path + ": " + why};
  };
  const sockaddr_un address = AddressOf(path);
  if (path.size() >= sizeof address.sun_path) return wrong("its path is too long");
  if (std::string flaw = ClearPath(path, address); !flaw.empty()) return wrong(flaw);
  Descriptor listener = NewSocket();
  // Before there is anything to connect to: what bind makes has these rights at most.
  if (listener.get() < 0 || ::fchmod(listener.get(), 0600) != 0) return wrong(std::strerror(errno));
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(listener.get(), where, sizeof address) != 0) return wrong(std::strerror(errno));
  auto rep = std::make_unique<Rep>();
  const bool good = ::chmod(path.c_str(), 0600) == 0 && ::lstat(path.c_str(), &rep->made) == 0 &&
                    ::listen(listener.get(), static_cast<int>(bounds.connections)) == 0;
  if (!good) {
    const std::string why = std::strerror(errno);
    ::unlink(path.c_str());
    return wrong(why);
  }
  rep->path = rep->wanted = path;
  rep->handler = std::move(handler);
  rep->bounds = bounds;
  rep->listener = std::move(listener);
  Rep& running = *rep;
  rep->thread = std::thread([&running] { running.Run(); });
  return std::unique_ptr<ControlSocket>(new ControlSocket(std::move(rep)));
}

ControlSocket::ControlSocket(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}

void ControlSocket::Retire() {
  rep_->retired = true;
  rep_->mailbox->Wake();
  rep_->Remove();
}

ControlSocket::~ControlSocket() {
  rep_->stopping = true;
  {
    std::lock_guard lock(rep_->mailbox->mutex);
    rep_->mailbox->open = false;
    rep_->mailbox->Wake();
  }
  rep_->thread.join();
  rep_->Remove();
}

std::string ControlSocket::TakePlace() {
  if (rep_->path == rep_->wanted) return "";
  if (::rename(rep_->path.c_str(), rep_->wanted.c_str()) != 0)
    return "control socket " + rep_->wanted + ": " + std::strerror(errno);
  rep_->path = rep_->wanted;
  return "";
}

const std::string& ControlSocket::path() const { return rep_->wanted; }
bool ControlSocket::IsThere() const { return rep_->IsThere(); }

}  // namespace signet::server
