#ifndef SIGNET_DRIVERS_LOOKUP_LDAP_RESULT_H_
#define SIGNET_DRIVERS_LOOKUP_LDAP_RESULT_H_

#include <string>
#include <string_view>
#include <vector>

// The answer of a search as text, in the form that Exim's users know.
namespace signet::ldap {

struct Attribute {
  std::string name;  // as the server spells it
  std::vector<std::string> values;
};
struct Entry {
  std::string dn;
  std::vector<Attribute> attributes;
};

enum class Form : std::uint8_t { kOne, kMany, kDn };  // ldap, ldapm, ldapdn

// Whether any entry has a value of a requested attribute.
bool HasValues(const std::vector<Entry>& entries);

// One attribute requested: its values joined by commas, commas inside them doubled.
// Otherwise name="values" pairs. Entries are joined by newlines (ldapm). Values of
// attributes with the option "binary" are in base64.
std::string FormatEntries(const std::vector<Entry>& entries, Form form,
                          std::size_t attributes_requested);

}  // namespace signet::ldap
#endif
