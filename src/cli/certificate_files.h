#ifndef SIGNET_SRC_CLI_CERTIFICATE_FILES_H_
#define SIGNET_SRC_CLI_CERTIFICATE_FILES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "src/base/limits.h"
#include "src/base/result.h"
#include "src/crypto/certificate.h"

namespace signet::cli {

// The files below a directory, in order of their paths. Symbolic links are followed to files
// below the directory only, links to directories not at all.
//
//   Errors  the directory cannot be read; there are more files than `most`.
struct FoundFiles {
  std::vector<std::string> paths;     // relative to the directory
  std::vector<std::string> left_out;  // with the reason: links that lead out, what is too deep
};
Result<FoundFiles, std::string> FindFiles(const std::string& directory,
                                          std::size_t most = limits::kCertificateTreeFiles);

// The clients' certificates of a file, PEM or DER, each with what would be sent with it: the
// authorities' certificates of the file. A file without any certificate, a key for one, has
// none.
struct FileOfClients {
  std::vector<crypto::CertificatePtr> clients;
  std::vector<crypto::CertificatePtr> authorities;
  std::string trouble;  // why it cannot be read though it looks like one; "" where it can
};
FileOfClients ReadClients(const std::string& path);

}  // namespace signet::cli
#endif
