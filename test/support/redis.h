#ifndef SIGNET_TEST_SUPPORT_REDIS_H_
#define SIGNET_TEST_SUPPORT_REDIS_H_

#include <memory>
#include <string>

#include "test/support/process.h"

namespace signet::test {

// A private Redis on a loopback port and a socket, with a password where wanted.
class RedisServer {
 public:
  explicit RedisServer(std::string password = "");
  void Start();
  std::string socket() const { return directory_ / "redis.sock"; }
  std::string address() const { return "127.0.0.1::" + std::to_string(port_); }
  std::string item() const { return address() + "/0/" + password_; }  // for redis_servers
  void Signal(int signal) { process_->Signal(signal); }
  void Kill() { process_.reset(); }

 private:
  TempDir directory_;
  int port_;
  std::string password_;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
