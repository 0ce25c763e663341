// Any octets as an LDIF file, as a distinguished name, and as what an LDAP client sends to the
// directory in a file. A name that was read is the same name when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/cli/ldif_ber.h"
#include "src/cli/ldif_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::cli;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (const auto name = LdifName::Parse(octets)) {
    const auto again = LdifName::Parse(name->Pretty());
    if (!again || again->Normalized() != name->Normalized()) std::abort();
    const auto normal = LdifName::Parse(name->Normalized());
    if (!normal || normal->Normalized() != name->Normalized()) std::abort();
  }
  static const auto kDirectory =
      LdifDirectory::Parse(
          "dn: dc=c\ndc: c\n\ndn: uid=a,dc=c\nuid: a\nmail: a@c\nuserPassword: {SSHA}AAAA\n")
          .value();
  (void)kDirectory->Respond(octets);
  (void)kDirectory->Respond(Ber(0x30, BerInteger(0x02, 1) + Ber(0x63, octets)));
  (void)LdifFilter::Read(octets);
  (void)LdifDirectory::Parse(octets);
  return 0;
}
