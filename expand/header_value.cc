#include "expand/header_value.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"

namespace signet::expand {
namespace {

bool HoldsAddresses(std::string_view name) {
  if (name.size() > 7 && EqualsIgnoreCase(name.substr(0, 7), "Resent-")) name.remove_prefix(7);
  constexpr std::string_view kNames[] = {"Bcc", "Cc", "From", "Reply-To", "Sender", "To"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view n) { return EqualsIgnoreCase(n, name); });
}

}  // namespace

std::optional<HeaderRequest> ParseHeaderRequest(std::string_view variable) {
  static constexpr std::pair<std::string_view, HeaderForm> kPrefixes[] = {
      {"h_", HeaderForm::kText},    {"header_", HeaderForm::kText},
      {"bh_", HeaderForm::kOctets}, {"bheader_", HeaderForm::kOctets},
      {"rh_", HeaderForm::kRaw},    {"rheader_", HeaderForm::kRaw},
      {"lh_", HeaderForm::kList},   {"lheader_", HeaderForm::kList}};
  for (const auto& [prefix, form] : kPrefixes)
    if (variable.starts_with(prefix)) return HeaderRequest{form, variable.substr(prefix.size())};
  return std::nullopt;
}

std::string_view FieldBody(const facts::HeaderField& field) {
  const std::size_t colon = field.text.find(':');
  return colon == std::string::npos ? std::string_view()
                                    : std::string_view(field.text).substr(colon + 1);
}

std::vector<std::string_view> FieldBodies(std::span<const facts::HeaderField> header,
                                          std::string_view name) {
  std::vector<std::string_view> bodies;
  for (const facts::HeaderField& field : header)
    if (EqualsIgnoreCase(field.name, name)) bodies.push_back(FieldBody(field));
  return bodies;
}

std::string JoinFields(const std::vector<std::string_view>& bodies, std::string_view name,
                       HeaderForm form) {
  std::string joined;
  const char* between = HoldsAddresses(name) ? ",\n" : "\n";
  for (std::string_view body : bodies) {
    if (form == HeaderForm::kRaw) {
      (joined += body) += '\n';
      continue;
    }
    body = Trim(body);
    if (body.empty()) continue;
    if (!joined.empty()) joined += between;
    joined += body;
  }
  return joined;
}

std::string JoinHeader(std::span<const facts::HeaderField> header) {
  std::string joined;
  for (const facts::HeaderField& field : header) {
    if (!joined.empty()) joined += '\n';
    joined += field.text;
  }
  return joined;
}

}  // namespace signet::expand
