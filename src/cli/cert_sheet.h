#ifndef SIGNET_SRC_CLI_CERT_SHEET_H_
#define SIGNET_SRC_CLI_CERT_SHEET_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/crypto/certificate.h"

namespace signet::cli {

// One thing that a certificate says, and the expression that yields it.
struct CertRow {
  std::string section;     // "names", "key", …: for machines and for blank lines
  std::string label;       // "CN", "valid until"
  std::string value;       // a list has an element a line; what the expression gives, as it is
  std::string expression;  // "" where the language has none
  std::string note;        // of ours: "42 days left"; may be empty
  bool failed = false;     // the value is why there is none
  bool printable = false;  // the value is escaped already
  bool is_list = true;     // else a line end in it is just an octet
  bool doubt = false;      // somebody should look at it
};

// What an expression comes to for a certificate, evaluated by the engine.
struct CertValue {
  bool failed = false;
  std::string text;
};
using CertEvaluator =
    std::function<CertValue(const crypto::CertificatePtr&, const std::string& expression)>;

// Everything that a certificate says, in order. Rows that would be empty are left out.
std::vector<CertRow> CertSheet(const crypto::CertificatePtr& certificate, std::int64_t now,
                               const CertEvaluator& evaluate);

// "42 days left", "expired 3 days ago", "not valid before 3 days from now".
std::string DaysLeft(const crypto::Certificate& certificate, std::int64_t now);

}  // namespace signet::cli
#endif
