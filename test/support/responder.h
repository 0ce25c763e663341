#ifndef SIGNET_TEST_SUPPORT_RESPONDER_H_
#define SIGNET_TEST_SUPPORT_RESPONDER_H_

#include <string>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

// An authority made with openssl, a server's certificate of it, and OCSP responses about it.
class Responder {
 public:
  Responder();
  std::string certificate() const { return dir_ / "server.pem"; }  // then the authority's
  std::string key() const { return dir_ / "server.key"; }
  std::string response() const { return dir_ / "response"; }
  // Writes a response. `index`: "good" or "revoked"; `validity`: as {"-nmin", "1"}.
  void Respond(const std::string& index, const std::vector<std::string>& validity) const;

 private:
  TempDir dir_;
};

}  // namespace signet::test
#endif
