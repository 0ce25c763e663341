#ifndef SIGNET_TEST_SUPPORT_FAULT_LOAD_H_
#define SIGNET_TEST_SUPPORT_FAULT_LOAD_H_

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

class SmtpClient;

// Who comes: a certificate, and the identity that it may get. `identity` "" may never get one.
struct Visitor {
  std::string kind;  // what tallies are about: "directory", "device", "nobody"
  std::string name;  // of pem and key; the visitor's own name
  std::string identity;
  std::string pem, key;  // files; "" without a certificate
};

// What one session met with.
struct Meeting {
  std::string kind, route;
  std::chrono::steady_clock::time_point begun;
  double seconds = 0;                // from connecting to the last reply
  double slowest = 0;                // the longest wait for one reply
  bool connected = false;            // somebody accepted the connection
  bool broken = false;               // ended by the other side, or without a reply in time
  bool denied = false;               // heard that it has no identity, and has one
  std::vector<std::string> replies;  // to RCPT or to the end of the message; "250 …" counts
  int accepted = 0;                  // messages
  bool good(bool may_send) const;
};

struct Tally {
  int sessions = 0, connected = 0, broken = 0, accepted = 0, deferred = 0, refused = 0, denied = 0;
  double usual_seconds = 0;            // nine of ten sessions take less
  double slowest_seconds = 0;          // for one reply
  std::map<std::string, int> replies;  // by their first words
  std::string Text() const;
};

// Load is a number of mail clients that come all the time, as real ones would: TLS with a
// certificate, the question who they are, messages. It keeps book of each reply to a message
// and of each identity that it was told.
//
//   Threads  each client is one; all functions may be called meanwhile.
class Load {
 public:
  struct Route {
    std::string name, domain;  // where recipients are
  };
  struct Options {
    int port = 0;
    std::vector<Visitor> visitors;
    std::vector<Route> routes;
    int clients = 6;
    milliseconds pause{40};  // of a client between sessions
  };
  // A message that a client has offered.
  struct Offer {
    std::string visitor, identity, route;
    int code = 0;  // the reply to its end; 0: none was heard
  };

  explicit Load(Options options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  using Moment = std::chrono::steady_clock::time_point;
  static Moment Now() { return std::chrono::steady_clock::now(); }
  // Of the sessions of a kind that began since then, and before `until`; "" of all kinds, or on
  // all routes.
  Tally Of(const std::string& kind, Moment since, const std::string& route = "",
           Moment until = Moment::max()) const;
  // Waits until each visitor has had, on each route, a session begun from now on in which all
  // was as it should be. What is still missing; "" where nothing is.
  std::string WaitUntilWell(milliseconds limit) const;
  // Waits for so many sessions of this kind that began since then and have ended.
  bool WaitForSessions(const std::string& kind, Moment since, int count,
                       const std::string& route = "") const;

  void Stop();  // sessions under way end first
  std::map<int, Offer> offers() const;
  // Identities that somebody was told and should not have been, one a line.
  std::vector<std::string> wrong_identities() const;

  // The message of a number, lines joined by CRLF.
  static std::string Body(int id);
  static std::string Header(int id, const std::string& visitor);
  static constexpr const char* kDomain = "load.example";  // of message ids
  static constexpr const char* kWhoAmI = "whoami@who.example";

 private:
  void Run(int number);
  void Visit(const Visitor& visitor, const Route& route, Meeting* meeting);
  void Submit(SmtpClient* client, const Visitor& visitor, const Route& route, Meeting* meeting);
  const std::string& Say(SmtpClient* client, const std::string& line, Meeting* meeting);
  void NoteIdentity(const Visitor& visitor, const std::string& reply, Meeting* meeting);

  Options options_;
  std::atomic<bool> stop_{false};
  std::atomic<int> next_id_{0};
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, Meeting>> meetings_;  // by visitor's name
  std::map<int, Offer> offers_;
  std::vector<std::string> wrong_;
  std::vector<std::thread> threads_;
};

}  // namespace signet::test
#endif
