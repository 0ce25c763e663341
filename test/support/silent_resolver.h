#ifndef SIGNET_TEST_SUPPORT_SILENT_RESOLVER_H_
#define SIGNET_TEST_SUPPORT_SILENT_RESOLVER_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

// A name server on an address of loopback, for programs that are started by wrapper(). It says
// 127.0.0.1 for every name, or nothing at all.
class SilentResolver {
 public:
  // Names as seen by one program only need a mount of its own, and port 53 an administrator.
  static bool Possible();
  SilentResolver();
  ~SilentResolver();
  SilentResolver(const SilentResolver&) = delete;
  SilentResolver& operator=(const SilentResolver&) = delete;

  // What a program is to be started with, to ask this server.
  std::vector<std::string> wrapper() const;
  void BeSilent(bool silent) { silent_ = silent; }
  int asked() const { return asked_; }

 private:
  void Run();

  TempDir directory_;
  std::string address_;
  int socket_ = -1;
  std::atomic<bool> silent_{false}, stop_{false};
  std::atomic<int> asked_{0};
  std::thread thread_;
};

}  // namespace signet::test
#endif
