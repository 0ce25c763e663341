#ifndef SIGNET_TEST_SUPPORT_SASL_CLIENT_H_
#define SIGNET_TEST_SUPPORT_SASL_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>

// The client's side of SASL mechanisms, written once more and without a look at the
// server's, for exchanges in which a test wants to do things wrong.
namespace signet::test {

class SaslClient {
 public:
  virtual ~SaslClient() = default;
  // Whether the client speaks first.
  virtual bool first() const = 0;
  // The next answer; `challenge` is what the server said, decoded.
  virtual std::string Answer(const std::string& challenge) = 0;
};

// `mechanism`: EXTERNAL, PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256 or SCRAM-SHA-256-PLUS, with
// `binding` from the TLS session for the last.
std::unique_ptr<SaslClient> MakeSaslClient(std::string_view mechanism, std::string user,
                                           std::string password, std::string binding = "");

}  // namespace signet::test
#endif
