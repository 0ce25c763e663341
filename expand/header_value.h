#ifndef SIGNET_EXPAND_HEADER_VALUE_H_
#define SIGNET_EXPAND_HEADER_VALUE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/facts/session.h"

// What $h_name: and its kin make of the fields of a message's header.
namespace signet::expand {

enum class HeaderForm : std::uint8_t {
  kText,    // $h_: encoded words as UTF-8
  kOctets,  // $bh_: encoded words as the octets that they hold
  kRaw,     // $rh_: as it came
  kList,    // $lh_: a list, one element for each field, as it came
};
struct HeaderRequest {
  HeaderForm form = HeaderForm::kText;
  std::string_view field;  // its name
};
// "bh_subject" and "bheader_subject" → kOctets of "subject". nullopt for other names.
std::optional<HeaderRequest> ParseHeaderRequest(std::string_view variable);

// What stands behind the colon of a field, line breaks included.
std::string_view FieldBody(const facts::HeaderField& field);

// The bodies of the fields of that name, in any letter case, in their order.
std::vector<std::string_view> FieldBodies(std::span<const facts::HeaderField> header,
                                          std::string_view name);

// Fields as one text: without blanks around them and without empty ones, one below the
// other, those that hold addresses with a comma between them. kRaw: as they came, each
// with the end of its line.
std::string JoinFields(const std::vector<std::string_view>& bodies, std::string_view name,
                       HeaderForm form);

// The whole header, a field below the other.
std::string JoinHeader(std::span<const facts::HeaderField> header);

}  // namespace signet::expand
#endif
