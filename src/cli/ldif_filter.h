#ifndef SIGNET_SRC_CLI_LDIF_FILTER_H_
#define SIGNET_SRC_CLI_LDIF_FILTER_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/cli/ldif_schema.h"

namespace signet::cli {

// One attribute of an entry, ready to be compared.
struct LdifValues {
  std::string name, type;            // as it is answered; as LdifType has it
  std::vector<std::string> options;  // lower case
  LdifSyntax syntax = LdifSyntax::kText;
  std::vector<std::string> values;
  std::vector<std::string> normalized;  // of each; its octets where it has no normal form
};

// A search filter (RFC 4511 4.5.1.7), as it comes from a client.
class LdifFilter {
 public:
  // Errors: nullopt where it is none, or nested too deeply.
  static std::optional<LdifFilter> Read(std::string_view ber);

  // As RFC 4511 has it: what cannot be told is neither true nor false, also behind a "not".
  enum class Match : std::uint8_t { kFalse, kTrue, kUndefined };
  Match Matches(const std::vector<LdifValues>& entry) const;
  // Why no server without a schema can answer, "" where it can.
  std::string Unsupported() const;
  // An equality that an entry must meet: its type and normalized value; nullptr: none found.
  const LdifFilter* FindEquality() const;
  const std::string& type() const { return type_; }
  const std::string& value() const { return value_; }

 private:
  enum class Kind : std::uint8_t {
    kAnd,
    kOr,
    kNot,
    kEqual,
    kSubstrings,
    kAtLeast,
    kAtMost,
    kPresent,
    kAllBits,
    kAnyBits,
    kUnsupported,
  };
  static std::optional<LdifFilter> Read(std::string_view ber, int depth);
  bool ReadInto(unsigned tag, std::string_view body, int depth);
  bool ReadAssertion(std::string_view body);
  bool ReadSubstrings(std::string_view body);
  bool ReadExtensible(std::string_view body);
  void SetDescription(std::string_view description);
  bool Applies(const LdifValues& values) const;
  bool Meets(const LdifValues& values, std::size_t i) const;
  bool MeetsObjectClass(const LdifValues& values) const;
  bool MeetsPieces(std::string_view text) const;

  Kind kind_ = Kind::kPresent;
  std::vector<LdifFilter> parts_;
  std::string type_;
  std::vector<std::string> options_;
  LdifSyntax syntax_ = LdifSyntax::kText;
  bool exact_ = false;  // compared octet by octet
  bool valid_ = true;   // the value is one of the syntax
  std::string value_;   // normalized
  std::vector<std::string> any_;
  std::optional<std::string> initial_, final_;
  std::string unsupported_;
};

}  // namespace signet::cli
#endif
