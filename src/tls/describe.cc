#include "src/tls/describe.h"

#include <gnutls/gnutls.h>

#include <algorithm>
#include <string>

namespace signet::tls {
namespace {

std::string Replace(std::string text, char from, char to) {
  std::replace(text.begin(), text.end(), from, to);
  return text;
}

// The groups of a session description "(TLS1.3)-(ECDHE-X25519)-(AES-256-GCM)".
std::vector<std::string> GroupsOf(std::string_view description) {
  std::vector<std::string> groups;
  for (;;) {
    const std::size_t open = description.find('(');
    const std::size_t close = description.find(')');
    if (open == description.npos || close == description.npos || close < open) return groups;
    groups.emplace_back(description.substr(open + 1, close - open - 1));
    description.remove_prefix(close + 1);
  }
}

}  // namespace

void DescribeCipher(gnutls_session_t session, facts::Tls* facts) {
  facts->bits = static_cast<int>(8 * gnutls_cipher_get_key_size(gnutls_cipher_get(session)));
  const char* standard_name = gnutls_ciphersuite_get(session);
  facts->cipher_std = standard_name != nullptr ? standard_name : "";
  char* description = gnutls_session_get_desc(session);
  const auto groups = GroupsOf(description != nullptr ? description : "");
  gnutls_free(description);
  if (groups.empty()) return;
  facts->version = groups[0].substr(0, groups[0].find('-'));
  facts->cipher = groups[0] + ":";
  for (std::size_t i = 1; i < groups.size(); ++i)
    facts->cipher += (i > 1 ? "__" : "") + Replace(groups[i], '-', '_');
  facts->cipher += ":" + std::to_string(facts->bits);
}

std::vector<std::string_view> PeerChain(gnutls_session_t session) {
  std::vector<std::string_view> chain;
  if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_X509) return chain;
  unsigned count = 0;
  const gnutls_datum_t* list = gnutls_certificate_get_peers(session, &count);
  for (unsigned i = 0; list != nullptr && i < count; ++i)
    chain.emplace_back(reinterpret_cast<const char*>(list[i].data), list[i].size);
  return chain;
}

}  // namespace signet::tls
