#include "src/tls/client_hello.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/tls/tls.h"

namespace signet::tls {
namespace {

// Numbers and vectors of TLS, from the front of some octets.
class Reader {
 public:
  explicit Reader(std::string_view octets) : octets_(octets) {}

  std::optional<std::size_t> Number(std::size_t size) {
    if (octets_.size() < size) return std::nullopt;
    std::size_t number = 0;
    for (std::size_t i = 0; i < size; ++i)
      number = number << 8 | static_cast<unsigned char>(octets_[i]);
    octets_.remove_prefix(size);
    return number;
  }
  std::optional<std::string_view> Octets(std::size_t size) {
    if (octets_.size() < size) return std::nullopt;
    const std::string_view taken = octets_.substr(0, size);
    octets_.remove_prefix(size);
    return taken;
  }
  // With its length before it, in `size` octets.
  std::optional<std::string_view> Vector(std::size_t size) {
    const auto length = Number(size);
    return length ? Octets(*length) : std::nullopt;
  }
  bool done() const { return octets_.empty(); }

 private:
  std::string_view octets_;
};

constexpr std::size_t kHeader = 4;  // of a handshake message: its type and size

bool IsWhole(std::string_view message) {
  Reader reader(message);
  return reader.Number(1) && reader.Vector(3);
}

// The first handshake message out of whole and partial records. False: these are no such
// records.
bool Gather(std::string_view octets, std::string* messages) {
  constexpr std::size_t kHandshake = 22, kRecordMaxBytes = 16 * 1024;
  Reader reader(octets);
  while (messages->size() <= limits::kClientHelloMaxBytes && !IsWhole(*messages)) {
    const auto type = reader.Number(1);
    if (!type) return true;
    if (*type != kHandshake) return false;
    const auto version = reader.Number(2);
    if (version && *version >> 8 != 3) return false;
    const auto size = reader.Number(2);
    if (!version || !size) return true;
    if (*size == 0 || *size > kRecordMaxBytes) return false;
    const auto content = reader.Octets(*size);
    if (!content) return true;
    *messages += *content;
  }
  return true;
}

// Of the extension's content. nullopt: malformed.
std::optional<std::string> ServerNameIn(std::string_view content) {
  constexpr std::size_t kHostName = 0;
  Reader reader(content);
  const auto list = reader.Vector(2);
  if (!list || !reader.done()) return std::nullopt;
  Reader names(*list);
  while (!names.done()) {
    const auto type = names.Number(1);
    const auto name = names.Vector(2);
    if (!type || !name) return std::nullopt;
    if (*type == kHostName) return std::string(IsHostName(*name) ? *name : "");
  }
  return "";
}

// Of the message without its header. nullopt: malformed.
std::optional<std::string> ServerNameOf(std::string_view hello) {
  constexpr std::size_t kVersionAndRandom = 2 + 32, kServerName = 0;
  Reader reader(hello);
  const bool start =
      reader.Octets(kVersionAndRandom) && reader.Vector(1) && reader.Vector(2) && reader.Vector(1);
  if (!start) return std::nullopt;
  if (reader.done()) return "";  // TLS 1.2 may end here
  const auto all = reader.Vector(2);
  if (!all || !reader.done()) return std::nullopt;
  Reader extensions(*all);
  std::optional<std::string> name;
  while (!extensions.done()) {
    const auto type = extensions.Number(2);
    const auto content = extensions.Vector(2);
    if (!type || !content) return std::nullopt;
    if (*type != kServerName) continue;
    if (name) return std::nullopt;  // which of two counts is not for guessing
    name = ServerNameIn(*content);
    if (!name) return std::nullopt;
  }
  return name.value_or("");
}

bool PeerHasEnded(int fd) {
  pollfd waiting{fd, POLLRDHUP, 0};
  return poll(&waiting, 1, 0) > 0;
}

}  // namespace

bool IsHostName(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;  // octets of the label so far
  for (char c : name) {
    if (c == '.' ? label == 0 : !IsAlnum(c) && c != '-' && c != '_') return false;
    label = c == '.' ? 0 : label + 1;
    if (label > 63) return false;
  }
  return true;
}

HelloView ReadClientHello(std::string_view octets) {
  constexpr std::size_t kClientHello = 1;
  std::string messages;
  if (!Gather(octets, &messages)) return {HelloState::kBad, ""};
  Reader reader(messages);
  const auto type = reader.Number(1);
  if (type && *type != kClientHello) return {HelloState::kBad, ""};
  const auto size = reader.Number(3);
  if (!type || !size) return {HelloState::kMore, ""};
  if (*size > limits::kClientHelloMaxBytes - kHeader) return {HelloState::kBad, ""};
  const auto hello = reader.Octets(*size);
  if (!hello) return {HelloState::kMore, ""};
  auto name = ServerNameOf(*hello);
  if (!name) return {HelloState::kBad, ""};
  return {HelloState::kDone, *std::move(name)};
}

Result<std::string, std::string> PeekServerName(engine::Socket* socket, Deadline deadline) {
  // Records may be as small as their client likes; headers of small ones need the room.
  constexpr std::size_t kBufferBytes = 2 * limits::kClientHelloMaxBytes;
  constexpr int kPromptLooks = 8;  // then the client is a slow one, and each look has its price
  constexpr std::chrono::milliseconds kPause{5};
  std::string buffer(kBufferBytes, '\0');
  for (int looks = 0;; ++looks) {
    engine::Pace();
    const ssize_t got = recv(socket->fd(), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && errno != EAGAIN && errno != EINTR) return std::string();
    const std::string_view seen(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    const HelloView view = ReadClientHello(seen);
    // What is no ClientHello is for the library to refuse.
    if (view.state != HelloState::kMore || seen.size() == kBufferBytes) return view.server_name;
    if (got == 0 || PeerHasEnded(socket->fd())) return std::string();
    if (looks >= kPromptLooks) (void)engine::SleepUntil(Deadline::After(kPause).Sooner(deadline));
    if (deadline.Passed()) return Err{std::string("(ClientHello): timed out")};
    const engine::IoResult waited = socket->WaitReadable(deadline);
    if (!waited.ok()) return Err{"(ClientHello): " + engine::Describe(waited)};
  }
}

}  // namespace signet::tls
