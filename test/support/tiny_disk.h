#ifndef SIGNET_TEST_SUPPORT_TINY_DISK_H_
#define SIGNET_TEST_SUPPORT_TINY_DISK_H_

#include <cstddef>
#include <string>

#include "test/support/process.h"

namespace signet::test {

// A file system of some KiB in memory, which a test can fill and empty. Needs root.
class TinyDisk {
 public:
  static bool Possible();
  explicit TinyDisk(std::size_t kib);
  ~TinyDisk();
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;

  const std::string& path() const { return directory_.path(); }
  std::string operator/(std::string_view name) const { return directory_ / name; }
  void Fill() const;   // to the last octet
  void Empty() const;  // of what filled it

 private:
  TempDir directory_;
};

}  // namespace signet::test
#endif
