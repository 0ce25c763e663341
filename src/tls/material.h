#ifndef SIGNET_SRC_TLS_MATERIAL_H_
#define SIGNET_SRC_TLS_MATERIAL_H_

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/base/secret.h"
#include "src/tls/key_client.h"
#include "src/tls/tickets.h"
#include "src/tls/tls.h"

// Inside of src/tls only: what server policies are made of, part by part, so that one part
// can be read again when its files change while the others stay (rule C2).
namespace signet::tls {

enum class Part : std::uint8_t { kPairs, kTrust, kNames, kStaples, kTickets };
inline constexpr std::array kParts = {Part::kPairs, Part::kTrust, Part::kNames, Part::kStaples,
                                      Part::kTickets};

struct Pair {
  std::string certificate_file;
  std::string chain_pem;
  SecretText key_pem;                   // empty where `key` has it
  crypto::CertificatePtr leaf, issuer;  // issuer: as it stands in the chain, or nullptr
  RemoteKeyPtr key = nullptr;           // in the key process; nullptr: here
};

// An OCSP response for one of the pairs.
struct Staple {
  std::size_t pair = 0;
  std::string der;
  std::int64_t until = 0;  // seconds; it is stale then
};

struct Material {
  std::shared_ptr<const std::vector<Pair>> pairs;
  crypto::TrustStorePtr trust;
  std::vector<crypto::CertificatePtr> names;  // of server_ca_names, where that is a file
  std::vector<Staple> staples;
  std::shared_ptr<const TicketSecrets> tickets;  // nullptr where none are shared
  // Of each file of revocation lists, the text that was good last.
  std::map<std::string, std::string> lists;
  // By part: what is wrong with something of it that the rest does without, and a digest
  // (SHA-256) of what was read.
  std::array<std::vector<std::string>, kParts.size()> warnings;
  std::array<std::string, kParts.size()> digests;
};

std::vector<std::string> FilesOf(Part part, const ServerPolicy::Sources& sources);

// Reads the part into `*material`. Staples need the pairs. "" or what is wrong; then nothing
// of it has changed.
std::string Load(Part part, const ServerPolicy::Sources& sources, Material* material);

// All that is wrong with the files, where ServerPolicy::Make stops at the first.
std::vector<std::string> Complaints(const ServerPolicy::Sources& sources);

// An OCSP response for `pair` out of a file: DER, or PEM where the name has "PEM " before
// it. Errors: not readable, not for this certificate, not good, stale.
Result<Staple, std::string> ReadStaple(const std::string& file, const Pair& pair, std::int64_t now);

// What clients are told to choose from. Errors: more than limits::kCaNamesMax.
Result<std::vector<crypto::CertificatePtr>, std::string> NamedAuthorities(
    const ServerPolicy::Sources& sources, const Material& material);

}  // namespace signet::tls
#endif
