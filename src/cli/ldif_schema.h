#ifndef SIGNET_SRC_CLI_LDIF_SCHEMA_H_
#define SIGNET_SRC_CLI_LDIF_SCHEMA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What a directory's schema would say, without one: an LDIF file has none. Attributes that are
// not known are texts whose case and extra blanks do not matter, as most are.
namespace signet::cli {

enum class LdifSyntax : std::uint8_t {
  kText,    // case and extra blanks do not matter
  kExact,   // case matters, extra blanks do not
  kOctets,  // everything matters
  kInteger,
  kPhone,  // blanks and hyphens do not matter
  kName,   // a DN
  kObjectClass,
};

// An attribute's description without options, lower case, and by its short name: "cn" for
// "CommonName;lang-de".
std::string LdifType(std::string_view description);
LdifSyntax LdifSyntaxOf(std::string_view type);
// As servers spell it in answers, where that is known: "cn" for "CommonName".
std::optional<std::string_view> LdifSpelling(std::string_view type);
bool LdifIsOperational(std::string_view type);
// Whether "person" is asked for where an entry is an "inetOrgPerson".
std::vector<std::string_view> LdifSuperiors(std::string_view object_class);
// Whether an attribute is one of those that `wanted` stands for: "name" for "cn".
bool LdifIsKindOf(std::string_view type, std::string_view wanted);

// Equal values are equal octets. nullopt: `value` is none of that syntax.
std::optional<std::string> LdifNormalized(LdifSyntax syntax, std::string_view value);
// The same of a piece of a value, in which blanks at its ends count.
std::string LdifNormalizedPiece(LdifSyntax syntax, std::string_view piece);

// A distinguished name (RFC 4514), the entry's own part first.
struct LdifName {
  struct Pair {
    std::string type;   // as it was spelled
    std::string value;  // unescaped
  };
  std::vector<std::vector<Pair>> parts;

  // Errors: nullopt, where it is none.
  static std::optional<LdifName> Parse(std::string_view text);
  // Equal names are equal texts; that of what stands above ends with one of those that stand
  // below, behind ','.
  std::string Normalized() const;
  // As OpenLDAP writes it: what is special as hexadecimal pairs.
  std::string Pretty() const;
};

}  // namespace signet::cli
#endif
