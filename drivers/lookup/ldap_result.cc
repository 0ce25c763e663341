#include "drivers/lookup/ldap_result.h"

#include <signet/driver_cpp.h>
#include <strings.h>

namespace signet::ldap {
namespace {

// An attribute with the option "binary" (RFC 4522) has values that are no text.
bool IsBinary(std::string_view name) {
  constexpr std::string_view kOption = "binary";
  for (std::size_t at = name.find(';'); at != name.npos;) {
    name.remove_prefix(at + 1);
    at = name.find(';');
    const std::string_view option = name.substr(0, at);
    if (option.size() == kOption.size() &&
        strncasecmp(option.data(), kOption.data(), option.size()) == 0)
      return true;
  }
  return false;
}

void AppendDoubled(std::string* out, std::string_view value) {
  for (const char c : value) {
    if (c == ',') out->push_back(',');
    out->push_back(c);
  }
}

void AppendQuoted(std::string* out, std::string_view value) {
  for (const char c : value) {
    if (c == ',' || c == '"' || c == '\\') out->push_back(c == ',' ? ',' : '\\');
    if (c == '\n') {
      *out += "\\n";
      continue;
    }
    out->push_back(c);
  }
}

void AppendPlain(std::string* out, const Entry& entry) {
  bool first = true;
  for (const Attribute& attribute : entry.attributes)
    for (const std::string& value : attribute.values) {
      if (!first) out->push_back(',');
      first = false;
      if (IsBinary(attribute.name))
        *out += signet::driver::EncodeBase64(value);
      else
        AppendDoubled(out, value);
    }
}

void AppendPairs(std::string* out, const Entry& entry) {
  bool first = true;
  for (const Attribute& attribute : entry.attributes) {
    if (attribute.values.empty()) continue;
    if (!first) out->push_back(' ');
    first = false;
    *out += attribute.name + "=\"";
    bool first_value = true;
    for (const std::string& value : attribute.values) {
      if (!first_value) out->push_back(',');
      first_value = false;
      if (IsBinary(attribute.name))
        *out += signet::driver::EncodeBase64(value);
      else
        AppendQuoted(out, value);
    }
    out->push_back('"');
  }
}

}  // namespace

bool HasValues(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries)
    for (const Attribute& attribute : entry.attributes)
      if (!attribute.values.empty()) return true;
  return false;
}

std::string FormatEntries(const std::vector<Entry>& entries, Form form,
                          std::size_t attributes_requested) {
  std::string out;
  for (const Entry& entry : entries) {
    if (&entry != &entries.front()) out.push_back('\n');
    if (form == Form::kDn)
      out += entry.dn;
    else if (attributes_requested == 1)
      AppendPlain(&out, entry);
    else
      AppendPairs(&out, entry);
  }
  return out;
}

}  // namespace signet::ldap
