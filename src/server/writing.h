#ifndef SIGNET_SRC_SERVER_WRITING_H_
#define SIGNET_SRC_SERVER_WRITING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/config/config.h"

namespace signet::server {

// What is done with files in a directory; each has the rights of those before it.
enum class Writing : std::uint8_t {
  kAppend,   // files are made and written
  kReplace,  // … removed and renamed too; sockets as well
  kStore,    // … and directories made, and files linked from one to another
};

// A place that a configuration has this process write to.
struct WrittenPlace {
  std::string path;  // absolute: a directory, with all that is below it, or a file
  Writing how = Writing::kAppend;
  std::string option;  // what names it: "log_file_path", "directory of transport store"
};

// The places that serving with `config` writes to: logs, pid file, sockets, what is remembered,
// held bodies, Maildirs, and SQLite's databases, whose lookups may change them.
//
// Of a path with expansions in it, it is the directory before the first one: "/srv/mail" for
// "/srv/mail/$local_part". A Maildir whose path begins with an expansion gives "/".
std::vector<WrittenPlace> WrittenBy(const config::Config& config);

}  // namespace signet::server
#endif
