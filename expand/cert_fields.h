#ifndef SIGNET_EXPAND_CERT_FIELDS_H_
#define SIGNET_EXPAND_CERT_FIELDS_H_

#include <string>
#include <string_view>

#include "expand/table.h"

namespace signet::expand {

// What {subj_altname,mail,>:} asks for.
struct FieldRequest {
  const CertFieldRow* row = nullptr;  // nullptr: an extension, or no such field
  FieldModifiers modifiers;
  std::string_view oid;      // of an extension
  std::string_view name;     // as it was written
  std::string_view unknown;  // the first modifier that the field does not know
  bool ended = false;        // that modifier ended them, as in Exim
  std::string wrong;         // why there is no such field; "" where there is one
};

// Reads a field with its modifiers; blanks around it are dropped. A name that only begins
// with a row's name means that row, as in Exim.
FieldRequest ReadField(std::string_view text);

// An extension's DER as pairs of hex digits with blanks between them.
void ExtensionDump(Evaluation& evaluation, const crypto::Certificate& certificate,
                   std::string_view oid, Datum* result, bool* found);

}  // namespace signet::expand
#endif
