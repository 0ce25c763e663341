#ifndef SIGNET_DRIVERS_LOOKUP_FILE_H_
#define SIGNET_DRIVERS_LOOKUP_FILE_H_

#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <string_view>

// Files that lookup drivers read. All of these may block.
namespace signet::driver {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Reset(-1); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void Reset(int fd);
  int get() const { return fd_; }

 private:
  int fd_;
};

// "failed to open WHAT: …", with who we are where it is a matter of permission.
std::string CannotOpen(std::string_view what, int error);

// Opens a regular file for reading; what it is is asked of the descriptor, so that nobody
// can put something else in its place in between. `purpose` and `type` are for messages:
// "cdb lookup", "cdb".
//
//   Returns  what is wrong, or "" with *fd and *info set.
std::string OpenRegularFile(const std::string& path, std::string_view purpose,
                            std::string_view type, Descriptor* fd, struct stat* info);

// Reads to the end, which may not be where it was when the file was opened.
//
//   Returns  what is wrong, or "".
std::string ReadWhole(int fd, std::size_t most, std::string* text);

// The value of the last option NAME=VALUE among "a=b,c=d"; `name` ends in "=". Where there
// is none: no data.
std::string_view OptionValue(std::string_view options, std::string_view name);

}  // namespace signet::driver
#endif
