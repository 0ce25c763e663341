// Any octets from a directory server: they are decoded to messages or break the codec, and
// nothing else; a broken one stays broken.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "drivers/lookup/ldap_codec.h"

// libldap forgets one message buffer when a message's head is malformed. The connection
// ends with that message, so it can happen once per connection and not in a loop.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:liblber\n"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool initialised = [] {
    ::setenv("LDAPNOINIT", "1", 1);
    return true;
  }();
  (void)initialised;
  signet::ldap::Codec codec;
  signet::ldap::SearchRequest request;
  request.base = "dc=x";
  (void)codec.Search(request);
  (void)codec.Bind("cn=a", "x");
  (void)codec.TakeOutput();
  // In two pieces, the first octet saying where the cut is.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = text.empty() ? 0 : static_cast<unsigned char>(text[0]) % text.size();
  const std::string_view rest = text.empty() ? text : text.substr(1);
  signet::ldap::Message message;
  for (const std::string_view piece :
       {rest.substr(0, cut), rest.substr(std::min(cut, rest.size()))}) {
    codec.Feed(piece);
    while (codec.Next(&message))
      if (message.bytes > 4 * size + 64) std::abort();
  }
  if (codec.broken() && (codec.Search(request) > 0 || codec.Next(&message))) std::abort();
  return 0;
}
