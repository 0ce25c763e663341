#ifndef SIGNET_SRC_SERVER_CONTROL_H_
#define SIGNET_SRC_SERVER_CONTROL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/channel.h"
#include "src/base/limits.h"
#include "src/base/result.h"

// The control socket: where the administrator asks a running server.
namespace signet::server {

// One line: a word, and what belongs to it.
struct ControlRequest {
  enum class What : std::uint8_t {
    kWhy,        // "why K7Q2-9FXMT": one decision
    kRecent,     // "recent 20": the last refusals, a line of each
    kDecisions,  // "decisions 500": the last ones of all kinds, whole
    kStatus,     // "status"
    kReload,     // "reload": as SIGHUP, answered when it is over
    kTakeOver,   // "take-over": the listening sockets, for another instance
    kLeave,      // "leave 4711": that instance serves; of who has taken over only
  };
  What what = What::kStatus;
  std::string reference;   // kWhy, as typed; letters, digits and dashes
  std::size_t number = 0;  // kRecent, kDecisions; kLeave: the process of the other instance
};
// `line` without its end, of whoever may connect. Errors: what is wrong, printable.
Result<ControlRequest, std::string> ParseControlRequest(std::string_view line);

// An answer that says only what went wrong: {"error":"…"}.
std::string ControlError(std::string_view text);

// What is answered: JSON, and descriptors that go with it.
struct ControlAnswer {
  ControlAnswer(std::string with) : text(std::move(with)) {}  // NOLINT: most are no more
  ControlAnswer(const char* with) : text(with) {}             // NOLINT
  std::string text;
  std::vector<OwnedFd> fds;
};

// A Unix socket that takes one request of each connection, and gives one answer: JSON, ended
// by the end of the connection. After an answer with descriptors the connection goes on: the
// other instance may say "leave" there. One does that at a time.
//
// It has a thread of its own. Connections, requests and waits are bounded (limits::kControl…);
// a client that says nothing gives way to others.
//
//   Security  mode 0600, and whoever connects must be root or have our own user id.
class ControlSocket {
 public:
  // To be called once, by any thread, with the answer.
  using Reply = std::function<void(ControlAnswer answer)>;
  // Called by the socket's thread: must not wait.
  using Handler = std::function<void(const ControlRequest& request, Reply reply)>;
  struct Bounds {
    std::size_t connections = limits::kControlConnections;
    std::size_t request_bytes = limits::kControlRequestBytes;
    std::size_t answer_bytes = limits::kControlAnswerBytes;
    std::chrono::milliseconds wait = limits::kControlWait;
  };

  // Whether the socket that another instance has at the path is to be replaced: then nothing
  // happens to that before TakePlace().
  enum class Place : std::uint8_t { kFree, kOfAnother };

  // Listens on a path. A socket that is there is replaced if nobody listens on it.
  //   Errors  text with the path.
  static Result<std::unique_ptr<ControlSocket>, std::string> Open(const std::string& path,
                                                                  Handler handler, Bounds bounds,
                                                                  Place place = Place::kFree);
  static Result<std::unique_ptr<ControlSocket>, std::string> Open(const std::string& path,
                                                                  Handler handler) {
    return Open(path, std::move(handler), Bounds());
  }
  // Ends all connections, and removes the socket if it is still ours. Replies that come later
  // go nowhere.
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  const std::string& path() const;
  // Of one that was opened beside another one's: can be found at the path from now on. "" or
  // what is wrong.
  std::string TakePlace();
  // Whether it can still be found at its path.
  bool IsThere() const;
  // Takes no more connections and removes the socket; those that are there get their answers.
  void Retire();

 private:
  struct Rep;
  explicit ControlSocket(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::server
#endif
