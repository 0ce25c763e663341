#include "drivers/lookup/ldap_result.h"

namespace signet::ldap {
namespace {

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
