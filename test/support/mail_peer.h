#ifndef SIGNET_TEST_SUPPORT_MAIL_PEER_H_
#define SIGNET_TEST_SUPPORT_MAIL_PEER_H_

#include <memory>
#include <string>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

// What mail servers from packages have in common for a test: they listen on a loopback port,
// store what they take in a Maildir, and can be stopped and killed. Each server is a class of
// its own, which starts it.
class MailPeer {
 public:
  MailPeer() : port_(FreePort()) {}
  virtual ~MailPeer() = default;
  MailPeer(const MailPeer&) = delete;
  MailPeer& operator=(const MailPeer&) = delete;
  int port() const { return port_; }
  pid_t pid() const { return process_->pid(); }
  const TempDir& directory() const { return directory_; }

  // What it has stored (in Maildirs below "mail"), as stored, in no order.
  std::vector<std::string> Messages() const;
  bool WaitForMessages(std::size_t count) const;
  // The first message that holds `text`, waiting for it; "" where none comes.
  std::string WaitForMessage(std::string_view text) const;
  std::string Log() const;  // all of its files "log…"
  bool WaitForLog(std::string_view text) const;

  // SIGSTOP to all of its processes: connections stay, nothing is answered.
  void Freeze();
  void Thaw();
  // SIGKILL to all of its processes.
  void Kill() { process_.reset(); }
  void StartAgain();  // on the same port, with what it had on disk

 protected:
  // Runs the server and waits until somebody listens on its port.
  void Start(const std::vector<std::string>& command, const Process::Options& options);
  void WaitForStart(const std::string& name);

  TempDir directory_;
  int port_;
  std::vector<std::string> command_;
  Process::Options options_;
  std::unique_ptr<Process> process_;
};

// Whole files in all folders "new" below `directory`.
std::vector<std::string> MaildirMessages(const std::string& directory);

}  // namespace signet::test
#endif
