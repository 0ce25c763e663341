#ifndef SIGNET_TEST_SUPPORT_LYING_UPSTREAM_H_
#define SIGNET_TEST_SUPPORT_LYING_UPSTREAM_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace signet::test {

// A mail server for many connections at a time, each on a thread of its own, that says at each
// step what a test wants. It keeps the messages to whose end it has said "250".
class LyingUpstream {
 public:
  // The command that is to be answered; kGreeting before any, kBody: some lines of a message
  // have come, kDot: its end.
  enum class Step { kGreeting, kEhlo, kMail, kRcpt, kData, kBody, kDot, kRset, kQuit };
  struct Lie {
    std::string send;      // in place of the reply; nothing where it is empty
    bool truth = false;    // the reply as it should be, behind that
    bool close = false;    // then
    bool keep = false;     // at the dot: the message is kept, whatever is said
    int wait_ms = 0;       // before that
    int hold_ms = 0;       // of silence, at the end of it
    bool endless = false;  // `send` again and again, while somebody reads it
  };
  using Script = std::function<Lie(Step)>;
  static Lie Truth() {
    Lie lie;
    lie.truth = true;
    return lie;
  }

  LyingUpstream();
  ~LyingUpstream();
  LyingUpstream(const LyingUpstream&) = delete;
  LyingUpstream& operator=(const LyingUpstream&) = delete;

  int port() const { return port_; }
  void Tell(Script script);  // from now on; nullptr: the truth
  std::vector<std::string> messages() const;
  int told() const { return told_; }  // lies so far

 private:
  class Conversation;
  void Accept();
  Lie At(Step step);

  int port_ = 0, listener_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<int> told_{0};
  mutable std::mutex mutex_;
  std::condition_variable left_;
  int present_ = 0;  // conversations under way
  Script script_;
  std::vector<std::string> messages_;
  std::thread thread_;  // accepts
};

}  // namespace signet::test
#endif
