#ifndef SIGNET_SRC_BASE_FILE_H_
#define SIGNET_SRC_BASE_FILE_H_

#include <cstddef>
#include <string>

#include "src/base/result.h"

namespace signet {

// The octets of a regular file, or why they cannot be had, in the system's words.
//
//   Cost  blocks for as long as the file system takes, but never for a FIFO's writer.
Result<std::string, std::string> ReadRegularFile(const std::string& path, std::size_t most_bytes);

}  // namespace signet
#endif
