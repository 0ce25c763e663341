#ifndef SIGNET_TEST_SUPPORT_AUTHORITY_H_
#define SIGNET_TEST_SUPPORT_AUTHORITY_H_

#include <map>
#include <string>

#include "test/support/certificates.h"
#include "test/support/process.h"

namespace signet::test {

// A certificate authority of a test: a root, an intermediate, a server and whatever clients
// the test wants, as files.
class Authority {
 public:
  // `id` keeps the keys of two authorities in one program apart.
  explicit Authority(const std::string& name = "Example", int id = 0);

  std::string root() const { return directory_ / "root.pem"; }
  std::string chain() const { return directory_ / "chain.pem"; }  // intermediate and root
  // The files of a certificate; pem() holds the intermediate too.
  std::string pem(const std::string& name) const { return directory_ / (name + ".pem"); }
  std::string key(const std::string& name) const { return directory_ / (name + ".key"); }
  const testing::Issued& issued(const std::string& name) const { return issued_.at(name); }
  const testing::Issued& intermediate() const { return intermediate_; }

  // Makes NAME.pem and NAME.key, with a new key or with `key`.
  const testing::Issued& Issue(const std::string& name, const testing::CertificateSpec& spec);
  const testing::Issued& Issue(const std::string& name, const testing::CertificateSpec& spec,
                               const testing::Key& key);
  // The same, signed by its own key.
  const testing::Issued& IssueSelfSigned(const std::string& name,
                                         const testing::CertificateSpec& spec);

 private:
  const testing::Issued& Keep(const std::string& name, testing::Issued issued,
                              const std::string& chain);

  TempDir directory_;
  testing::Issued root_, intermediate_;
  std::map<std::string, testing::Issued> issued_;
};

// Digests of a certificate or key as people write them into tables.
std::string HexDigest(const char* algorithm, std::string_view octets, char separator = '\0');
std::string PublicKeyPin(const testing::Key& key);  // base64 of the SHA-256, as in RFC 7469

}  // namespace signet::test
#endif
