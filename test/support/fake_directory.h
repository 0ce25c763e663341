#ifndef SIGNET_TEST_SUPPORT_FAKE_DIRECTORY_H_
#define SIGNET_TEST_SUPPORT_FAKE_DIRECTORY_H_

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace signet::test {

// A directory server that behaves as a test wants: it reads LDAP messages and answers with
// whatever octets the test's script gives. On a thread of its own, with blocking sockets.
class FakeDirectory {
 public:
  struct Request {
    int connection = 0;  // counts from 1
    int id = 0;
    int operation = 0;   // tag: 0x60 bind, 0x63 search, 0x50 abandon, 0x42 unbind, 0x77 extended
    std::string base;    // of a search
    std::string octets;  // the whole message
  };
  // What to do about a request. `send` goes out first.
  struct Reaction {
    std::string send;
    bool close = false;  // end the connection afterwards
    int hold_ms = 0;     // send later, and go on reading meanwhile
    // Sent again and again behind `send`, as long as somebody reads it.
    std::string endless = {};
  };
  using Script = std::function<Reaction(const Request&)>;

  explicit FakeDirectory(Script script);
  ~FakeDirectory();
  FakeDirectory(const FakeDirectory&) = delete;
  FakeDirectory& operator=(const FakeDirectory&) = delete;

  int port() const { return port_; }
  int connections() const { return connections_; }
  std::vector<Request> requests() const;
  int CountOf(int operation) const;
  // Largest number of searches that were unanswered at once on one connection.
  int most_in_flight() const { return most_in_flight_; }

  // Messages of a server. `code` as in RFC 4511 A.1.
  static std::string BindResponse(int id, int code = 0, const std::string& text = "");
  static std::string SearchDone(int id, int code = 0, const std::string& text = "");
  static std::string SearchEntry(int id, const std::string& dn, const std::string& attribute,
                                 const std::vector<std::string>& values);
  static std::string SearchReference(int id, const std::string& url);
  static std::string ExtendedResponse(int id, int code);
  // ExtendedResponse of nobody's request (RFC 4511 4.4), with its name, which may be any OID.
  static std::string Notice(const std::string& oid, int code = 52);
  static Reaction Say(std::string send) { return {std::move(send), false, 0, ""}; }
  static Reaction Hang() { return {}; }
  static Reaction Close(std::string send = "") { return {std::move(send), true, 0, ""}; }

 private:
  struct Connection;
  void Run();
  bool Serve(Connection& connection);
  static bool GoOn(Connection& connection);

  Script script_;
  int listener_ = -1, wake_[2] = {-1, -1};
  int port_ = 0;
  std::atomic<int> connections_{0}, most_in_flight_{0};
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace signet::test
#endif
