#ifndef SIGNET_SRC_TLS_FILES_H_
#define SIGNET_SRC_TLS_FILES_H_

#include <string>

#include "src/base/result.h"
#include "src/base/secret.h"

// Reading what TLS is configured with. Errors name the file and say why.
namespace signet::tls {

// A regular file of at most limits::kTlsFileMaxBytes.
Result<std::string, std::string> ReadTlsFile(const std::string& path);

// A private key. One that group or others may read is refused (rule C4): the mode is
// looked at on the open file, so that nobody can swap it in between.
Result<SecretText, std::string> ReadKeyFile(const std::string& path);

// A PEM file, or all PEM certificates of a directory's files, in the order of their names.
Result<std::string, std::string> ReadTrust(const std::string& path);

}  // namespace signet::tls
#endif
